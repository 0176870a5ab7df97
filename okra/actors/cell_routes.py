"""From a Cell's spec and state to the routes that it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping

from okra.api.aws import region_of
from okra.api.cell import Cell
from okra.ports import Account, RouteRef
from okra.rollout.state import State


def account_of(cell: Cell, listener_arn: str) -> Account:
    """Whose AWS: the Cell's `aws`; the region that it leaves out is the listener's own."""
    aws = cell.spec.aws
    return Account(aws.region or region_of(listener_arn), aws.role_arn or "", aws.external_id or "")


def refs_of(cell: Cell, state: State) -> dict[str, RouteRef]:
    """By key: the spec's routes, and those of a rollout that an edit took out of the spec."""
    found: dict[str, RouteRef] = {}
    for _, ingress in cell.spec.routes:
        balancer, alb = ingress.load_balancer, ingress.aws_application_load_balancer
        if balancer is None:
            continue
        rule = alb.rule if alb else None
        ref = RouteRef(
            account_of(cell, balancer.listener_arn),
            balancer.listener_arn,
            network=alb is None,
            rule_arn=(rule and rule.rule_arn) or "",
            priority=rule.priority if rule else None,
        )
        found[ref.key] = ref
    for route in state.routes:
        found.setdefault(route.key, _ref_of_key(cell, route.key))
    return found


def labels_of(cell: Cell | None) -> tuple[Mapping[str, str], ...]:
    """What the target groups of each route must be tagged with at least (`matchLabels`)."""
    routes = cell.spec.routes if cell else ()
    return tuple(
        balancer.target_group_selector.match_labels
        for _, ingress in routes
        if (balancer := ingress.load_balancer) is not None
    )


def _ref_of_key(cell: Cell, key: str) -> RouteRef:
    """The inverse of `route_key`."""
    listener, _, priority = key.partition("#")
    rule = ""
    if ":listener-rule/" in listener:
        rule = listener
        listener = rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]
    return RouteRef(
        account_of(cell, listener),
        listener,
        network=":listener/net/" in listener,
        rule_arn=rule,
        priority=int(priority) if priority else None,
    )
