"""IAM as AWS enforces it, for moto: a user or role of the double is held to its policies; each decision is recorded.

moto's own enforcement is for everybody or for nobody, looks neither at resources nor at conditions, knows CloudWatch
and the tagging API by names that IAM doesn't, and answers JSON clients in XML. Here a key that belongs to an IAM user,
or to an assumed role that exists, may do what its policies allow. Other keys are the account's root: tests build worlds
by them.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
import urllib.request
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.iam.access_control import AssumedRoleAccessKey, IAMUserAccessKey

    Principal = IAMUserAccessKey | AssumedRoleAccessKey

PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""Signing name → prefix of IAM actions, where they differ."""
RESOURCES = {
    "elasticloadbalancing:CreateRule": "ListenerArn",
    "elasticloadbalancing:ModifyRule": "RuleArn",
    "elasticloadbalancing:ModifyListener": "ListenerArn",
    "elasticloadbalancing:AddTags": "ResourceArns",
    "elasticloadbalancing:RemoveTags": "ResourceArns",
    "elasticloadbalancing:ModifyTargetGroup": "TargetGroupArn",
    "elasticloadbalancing:ModifyTargetGroupAttributes": "TargetGroupArn",
    "elasticloadbalancing:DeleteTargetGroup": "TargetGroupArn",
    "sts:AssumeRole": "RoleArn",
}
"""The parameter that names what is acted on. Reads have no permissions for single resources."""
RECORDS = {
    "route53:ListResourceRecordSets": ("HostedZoneId", "hostedzone"),
    "route53:ChangeResourceRecordSets": ("HostedZoneId", "hostedzone"),
    "route53:GetChange": ("Id", "change"),
    "route53:GetHealthCheckStatus": ("HealthCheckId", "healthcheck"),
}
"""The same of Route 53, which names things by their ids: the parameter, and what kind of thing it is."""
KEYS = ("aws:TagKeys", "route53:ChangeResourceRecordSetsRecordTypes")
"""Of conditions: a request has values of one of them at most."""
RESOURCE_TAG = "aws:ResourceTag/"
"""Begins a condition's key that is about a tag of what is acted on."""
CREATES = ("elasticloadbalancing:CreateRule", "elasticloadbalancing:CreateTargetGroup")
"""What may be tagged as it is made."""
FORBIDDEN = 403
_PATH = "/okra-test/decisions"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who asked for what, and whether the policies allowed it."""

    principal: str
    """ARN."""
    action: str
    resources: tuple[str, ...]
    allowed: bool


_decisions: list[Decision] = []


def decisions(url: str) -> list[Decision]:
    """All about users and roles since the reset of the double at `url`, in order."""
    with urllib.request.urlopen(url + _PATH, timeout=30) as answer:
        return [Decision(**{**found, "resources": tuple(found["resources"])}) for found in json.load(answer)]


# In the double's process


def apply() -> None:
    """Patch moto's class in this process."""
    from moto.core.responses import BaseResponse

    warnings.filterwarnings(
        "ignore", r"Exception\(AccessDenied\)"
    )  # no service's model lists it, every service says it
    views: Any = BaseResponse
    views.call_action = _enforced(views.call_action)


def answer(path: str) -> bytes | None:
    """What the double says at a path of this module's."""
    return json.dumps([asdict(each) for each in _decisions]).encode() if path == _PATH else None


def reset() -> None:
    """Forget all decisions, users and roles."""
    from moto.backends import get_backend

    _decisions.clear()
    for account in get_backend("iam").values():
        account.reset()


def _enforced(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    from moto.core.exceptions import ServiceException
    from moto.core.responses import ActionResult

    def enforced(self: Any) -> Any:
        principal = _principal(self)
        if principal is None:
            return call(self)
        made = _decide(self, principal)
        _decisions.extend(made)
        decision = next((each for each in made if not each.allowed), made[0])
        if decision.allowed:
            return call(self)
        on = decision.resources[0] if decision.resources != ("*",) else "*"
        said = (
            f"User: {decision.principal} is not authorized to perform: {decision.action} on resource: {on} "
            f"because no identity-based policy allows the {decision.action} action"
        )
        # moto finds the service's way of saying errors by the module of the exception.
        denied = type(
            "AccessDenied", (ServiceException,), {"__module__": type(self).__module__, "code": "AccessDenied"}
        )
        _, headers, body = self.serialized(ActionResult(denied(said)))
        headers, body = self._enrich_response(headers, body)
        return FORBIDDEN, headers, body

    return enforced


def _principal(request: Any) -> Principal | None:
    from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, IAMUserAccessKey
    from moto.iam.models import iam_backends

    key, account, headers = request.get_access_key(), request.current_account, request.headers
    kind = AssumedRoleAccessKey if "X-Amz-Security-Token" in headers else IAMUserAccessKey
    try:
        found: Principal = kind(account, "aws", key, headers)
    except CreateAccessKeyFailure:
        return None
    if isinstance(found, AssumedRoleAccessKey):
        roles = {role.name for role in iam_backends[account]["aws"].roles.values()}
        return found if found._owner_role_name in roles else None
    return found


def _decide(request: Any, principal: Principal) -> list[Decision]:
    """What is to be decided of one request: what is made with tags is tagged, too."""
    from moto.iam.access_control import IAMPolicy

    scope = request.headers["Authorization"].partition("Credential=")[2].partition(",")[0]
    service = scope.split("/")[3]
    action = f"{PREFIXES.get(service, service)}:{request._get_action()}"
    params = vars(request).get("params", {})  # EKS's are in the path, of which moto's class makes none
    named = params.get(RESOURCES.get(action, ""))
    if action in RECORDS:
        parameter, kind = RECORDS[action]
        named = f"arn:aws:route53:::{kind}/{request._get_param(parameter).rpartition('/')[2]}"
    resources = tuple([named] if isinstance(named, str) else named or ["*"])
    if action == "elasticloadbalancing:CreateTargetGroup":  # of the name: who may make which is a matter of policies
        place = f"{scope.split('/')[2]}:{request.current_account}"
        resources = (f"arn:aws:elasticloadbalancing:{place}:targetgroup/{params['Name']}/new",)
    keys = [*params.get("TagKeys", ()), *(tag["Key"] for tag in params.get("Tags", ()))]
    keys += [each["ResourceRecordSet"]["Type"] for each in params.get("ChangeBatch", {}).get("Changes", ())]
    documents = [IAMPolicy(policy)._policy_json for policy in principal.collect_policies()]
    statements = [statement for document in documents for statement in _listed(document["Statement"])]
    asked = {action: resources}
    if action in CREATES and "Tags" in params:
        asked["elasticloadbalancing:AddTags"] = tuple(_new(resource) for resource in resources)
    return [
        Decision(principal.arn, each, on, all(allows(statements, each, arn, keys, _tagged(request, arn)) for arn in on))
        for each, on in asked.items()
    ]


def _tagged(request: Any, arn: str) -> set[str]:
    """The keys of the tags of a target group."""
    from moto.elbv2.models import elbv2_backends

    if ":targetgroup/" not in arn:
        return set()
    region = arn.split(":")[3]
    tags = elbv2_backends[request.current_account][region].tagging_service.get_tag_dict_for_resource(arn)
    return set(tags)


def _new(resource: str) -> str:
    """What is made: a target group, by its name; or a rule, of a listener."""
    return resource.replace(":listener/", ":listener-rule/") + "/new" if ":listener/" in resource else resource


# Evaluation, pure


def allows(
    statements: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    keys: Sequence[str],
    tagged: Collection[str] | None = None,
) -> bool:
    """Whether these policy statements allow the action on the resource, in a request about tags with these keys, or
    about records of these types. `tagged`: the keys of the resource's own tags; None: all that a policy asks for."""
    effects = {
        statement["Effect"]
        for statement in statements
        if any(_matches(pattern, action.lower()) for pattern in map(str.lower, _listed(statement["Action"])))
        and any(_matches(pattern, resource) for pattern in _listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), keys, tagged)
    }
    return effects == {"Allow"}


def _holds(conditions: Mapping[str, Mapping[str, Any]], keys: Sequence[str], tagged: Collection[str] | None) -> bool:
    """Of conditions only what Okra's policy uses is known here: a condition that isn't would be a wrong answer."""
    for operator, values in conditions.items():
        for key, wanted in values.items():
            if operator == "Null" and key.startswith(RESOURCE_TAG) and wanted == "false":
                if tagged is not None and key.removeprefix(RESOURCE_TAG) not in tagged:
                    return False
                continue
            if operator != "ForAllValues:StringEquals" or key not in KEYS:
                raise NotImplementedError(f"the condition {operator} on {key}")
            if not set(keys) <= set(_listed(wanted)):
                return False
    return True


def _matches(pattern: str, text: str) -> bool:
    """`*` is any number of characters, colons and slashes among them; `?` is one."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, text) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
