"""From a Cell's spec and status to the routes that it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from okra.api.aws import region_of
from okra.api.cell import Cell
from okra.api.ingress import ApplicationLoadBalancer, ListedTargetGroup, NetworkLoadBalancer, RuleConditions
from okra.api.records import endpoint_arn, global_region, is_record, record_set_arn
from okra.api.route53 import Endpoint, Route53
from okra.ports import Account, Object, RecordSetRef, RequestCondition, RouteRef


def account_of(obj: Object) -> Account:
    """Whose AWS: `spec.aws`, also of a spec that is otherwise wrong. What it leaves out stays empty."""
    spec = obj.get("spec")
    aws = spec.get("aws") if isinstance(spec, dict) else None
    region, role, external = (
        found if isinstance(aws, dict) and isinstance(found := aws.get(name), str) else ""
        for name in ("region", "roleARN", "externalID")
    )
    return Account(region, role, external)


def refs_of(cell: Cell, account: Account) -> dict[str, RouteRef]:
    """The spec's routes, by key. The region that the account leaves out is the listener's own."""
    found: dict[str, RouteRef] = {}
    for _, ingress in cell.spec.routes:
        balancer, alb = ingress.load_balancer, ingress.aws_application_load_balancer
        if (records := ingress.route53) is not None:
            set_ref = _record_set(account, record_set_arn(records, _everywhere(account)), records)
            found[set_ref.key] = set_ref
        if balancer is None:
            continue
        rule = alb.rule if alb else None
        ref = RouteRef(
            replace(account, region=account.region or region_of(balancer.listener_arn)),
            balancer.listener_arn,
            network=alb is None,
            rule_arn=(rule and rule.rule_arn) or "",
            priority=rule.priority if rule else None,
            conditions=conditions_of(rule.conditions if rule else None),
        )
        found[ref.key] = ref
    return found


def conditions_of(conditions: RuleConditions | None) -> tuple[RequestCondition, ...]:
    """What a rule's requests have to fit: each of these; empty for a rule that has to be there."""
    if conditions is None:
        return ()
    fields = {
        "host-header": conditions.hosts,
        "path-pattern": conditions.path_patterns,
        "http-request-method": conditions.methods,
        "source-ip": conditions.source_ips,
    }
    found = [
        RequestCondition(field, tuple(("", each) for each in values)) for field, values in fields.items() if values
    ]
    for name, values in conditions.headers.items():
        found.append(RequestCondition("http-header", tuple(("", each) for each in values), name))
    if pairs := tuple((each.key or "", each.value) for each in conditions.query_strings):
        found.append(RequestCondition("query-string", pairs))
    return tuple(found)


def _record_set(account: Account, arn: str, records: Route53 | None = None) -> RecordSetRef:
    return RecordSetRef(replace(account, region=region_of(arn)), arn, records=records)


def _everywhere(account: Account) -> str:
    return global_region(account.region, account.role_arn)


def labels_of(cell: Cell | None) -> tuple[Mapping[str, str], ...]:
    """What the target groups of each route with a selector must be tagged with at least (`matchLabels`)."""
    return tuple(each.target_group_selector.match_labels for each in _balancers(cell) if each.target_group_selector)


def listed_of(cell: Cell | None) -> Mapping[str, ListedTargetGroup]:
    """The target groups that the spec names one by one, by ARN."""
    return {group.arn: group for each in _balancers(cell) for group in each.target_groups or ()}


def records_of(cell: Cell | None, account: Account) -> Mapping[str, Endpoint]:
    """The endpoints that the spec lists, by the ARN of the record that leads there."""
    found: dict[str, Endpoint] = {}
    for _, ingress in cell.spec.routes if cell else ():
        if (records := ingress.route53) is not None:
            arn = record_set_arn(records, _everywhere(account))
            found |= {endpoint_arn(arn, each): each for each in records.endpoints}
    return found


def _balancers(cell: Cell | None) -> list[ApplicationLoadBalancer | NetworkLoadBalancer]:
    routes = cell.spec.routes if cell else ()
    return [balancer for _, ingress in routes if (balancer := ingress.load_balancer) is not None]


def ref_of_key(account: Account, key: str) -> RouteRef:
    """The inverse of `route_key`, for a route that only `status` names: in its own region, whatever `spec.aws` says."""
    if is_record(key):
        return _record_set(account, key)
    listener, _, priority = key.partition("#")
    rule = ""
    if ":listener-rule/" in listener:
        rule = listener
        listener = rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]
    return RouteRef(
        replace(account, region=region_of(listener)),
        listener,
        network=":listener/net/" in listener,
        rule_arn=rule,
        priority=int(priority) if priority else None,
    )


def with_pin(ref: RouteRef, arn: str) -> RouteRef:
    """A rule that Okra makes where it isn't there has to know the one that it was: that may only have moved."""
    return replace(ref, pinned=arn) if ref.conditions else ref
