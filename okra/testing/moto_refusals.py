"""What AWS refuses and moto accepts: a double without refusals proves nothing about what Okra sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from moto.elbv2 import models
from moto.elbv2.exceptions import ActionTargetGroupNotFoundError, ELBClientError

from okra.testing.moto_health import attachments

_APPLICATION = frozenset({"HTTP", "HTTPS"})


def apply() -> None:
    """Patch moto's class in this process."""
    backend: Any = models.ELBv2Backend
    backend.create_rule = _guarded(backend.create_rule, _by_listener)
    backend.modify_rule = _guarded(backend.modify_rule, _by_rule)
    backend.modify_listener = _guarded(backend.modify_listener, _by_listener)
    backend.create_listener = _guarded(backend.create_listener, _by_load_balancer)


def _guarded(change: Callable[..., Any], subject: Callable[[Any, Mapping[str, Any]], Any]) -> Callable[..., Any]:
    """Refuse the actions that AWS refuses. moto looks at hardly any of this, and in ModifyListener at nothing."""
    parameters = signature(change)

    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(self, *args, **kwargs).arguments
        balancer = subject(self, given)
        for action in given.get("actions") or ():
            _check_action(self, balancer, action, exists=change.__name__.startswith("modify"))
        return change(self, *args, **kwargs)

    return guarded


def _check_action(backend: Any, balancer: Any, action: Mapping[str, Any], *, exists: bool) -> None:
    oidc = action.get("AuthenticateOidcConfig")
    if oidc is not None and "ClientSecret" not in oidc and not (exists and oidc.get("UseExistingClientSecret")):
        raise ELBClientError("ValidationError", "A client secret must be specified")
    if action.get("Type") != "forward":
        return
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if "TargetGroupArn" in action and [group["TargetGroupArn"] for group in groups] not in (
        [],
        [action["TargetGroupArn"]],
    ):
        raise ELBClientError("ValidationError", "You cannot specify both a target group ARN and other target groups")
    groups = groups or [{"TargetGroupArn": action.get("TargetGroupArn")}]
    _check_weights([int(group.get("Weight", 1)) for group in groups])
    used_by = attachments(backend)
    for group in groups:
        _check_group(backend, balancer, group["TargetGroupArn"], used_by)


def _check_weights(weights: Sequence[int]) -> None:
    if len(weights) > 5:
        raise ELBClientError("ValidationError", "You cannot specify more than 5 target groups in an action")
    if not all(0 <= weight <= 999 for weight in weights):
        raise ELBClientError("ValidationError", "The weight for each target group must be between 0 and 999, inclusive")
    if not any(weights):
        raise ELBClientError("ValidationError", "The sum of the weights must be greater than 0")


def _check_group(backend: Any, balancer: Any, arn: str, used_by: Mapping[str, Sequence[str]]) -> None:
    group = backend.target_groups.get(arn)
    if group is None:
        raise ActionTargetGroupNotFoundError(arn)
    if group.target_type != "lambda" and group.vpc_id != balancer.vpc_id:
        raise ELBClientError(
            "InvalidConfigurationRequest", f"The target group '{arn}' is not in the load balancer's VPC"
        )
    if group.protocol and (group.protocol in _APPLICATION) != (balancer.type == "application"):
        raise ELBClientError(
            "IncompatibleProtocols", f"The protocol of '{arn}' does not fit a {balancer.type} load balancer"
        )
    others = [other for other in used_by.get(arn, ()) if other != balancer.arn]
    if others and balancer.type == "network":
        raise ELBClientError(
            "TargetGroupAssociationLimit", f"'{arn}' cannot be associated with more than one load balancer"
        )


def _by_listener(backend: Any, given: Mapping[str, Any]) -> Any:
    arn = given["listener_arn"] if "listener_arn" in given else given["arn"]
    return backend.load_balancers[backend.describe_listeners(None, [arn])[0].load_balancer_arn]


def _by_rule(backend: Any, given: Mapping[str, Any]) -> Any:
    rule = backend.describe_rules(listener_arn=None, rule_arns=[given["rule_arn"]])[0]
    return _by_listener(backend, {"listener_arn": rule.listener_arn})


def _by_load_balancer(backend: Any, given: Mapping[str, Any]) -> Any:
    return backend.describe_load_balancers([given["load_balancer_arn"]], [])[0]
