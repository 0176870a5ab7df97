"""The simple Cells that move the traffic of a complex one's applications: of each its own, of those in lockstep one."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from okra.api.cell import CellSpec
from okra.api.complex import Application, ApplicationALB
from okra.api.meta import COMMAND_ANNOTATION, OKRA_GROUP
from okra.applications.children import Object, Parent, plain
from okra.applications.state import Group
from okra.rollout.commands import ITS_CELL
from okra.rollout.policy import route_key

ATTEMPT = f"{OKRA_GROUP}/attempt"
"""The annotation of a child Cell that says for which of the application's attempts it was last told where to go."""
CHECKS_OF = f"{OKRA_GROUP}/checks-of"
"""The annotation of a child Cell of several applications that says of which routes each check is (JSON): it is asked of
the target groups of these."""
SINCE = f"{OKRA_GROUP}/since-rollout"
"""The annotation of a child Cell that says which of its rollouts was the last before that."""
MOST_REPLICAS = 4
"""A forward action holds five groups, and one place is needed to replace them."""

HANDED_DOWN = frozenset(
    {
        "aws",
        "min_healthy_targets",
        "health_timeout",
        "on_failure",
        "propagation_delay",
        "bake_time",
        "retain_for",
        "drain_timeout",
        "progress_deadline",
        "progress_deadline_action",
        "on_drift",
        "paused",
    }
)
"""What of a complex Cell's spec means the same in its child Cells."""
Pinned = Sequence[tuple[str, Group]]
"""Target groups, each with its version."""


def key_of(alb: ApplicationALB) -> str:
    """What a route is called."""
    return route_key(alb.listener_arn, "", alb.forward_config.priority)


def route_child(
    parent: Parent, spec: CellSpec, applications: Sequence[Application], version: str, groups: Pinned, name: str = ""
) -> Object | None:
    """The simple Cell of an application, or of several in lockstep, pinned to `version`; `groups`: those of other
    versions, too. `name`: the application whose it is, if not the first. None: no route has target groups.

    All groups of the version move as a whole: as many as it has must be there before anything begins.
    """
    albs = [alb for each in applications for _, alb in each.routes]
    routes = [(alb, of) for alb in albs if (of := _of_route(key_of(alb), groups, alone=len(albs) == 1))]
    if not routes:
        return None
    given = next((each.update_strategy for each in albs if each.update_strategy is not None), None)
    strategy = {} if given is None else {"canary": plain(given)}
    body: dict[str, Any] = {
        **plain(spec, include=HANDED_DOWN),
        **_listing([(_balancer(alb), of) for alb, of in routes], version),
        "version": version,
        "updateStrategy": {"type": "Canary", **strategy},
        "checks": [plain(each) for app in applications for each in app.checks],
        "postchecks": [plain(each) for app in applications for each in app.postchecks],
    }
    spec_, own = {key: value for key, value in body.items() if value}, name or applications[0].name
    more = {"annotations": {CHECKS_OF: _checks_of(applications)}} if len(applications) > 1 else {}
    return parent.child(parent.kind, parent.application(own), spec_, **more)


def _checks_of(applications: Sequence[Application]) -> str:
    found = {
        check.name: [key_of(alb) for _, alb in each.routes]
        for each in applications
        for check in (*each.checks, *each.postchecks)
    }
    return json.dumps(found, sort_keys=True)


def routes_of_check(there: Object, check: str) -> Collection[str]:
    """Of which routes of a child Cell a check is; none: of all."""
    text = (there["metadata"].get("annotations") or {}).get(CHECKS_OF)
    try:
        found: Any = json.loads(text) if text else {}
    except ValueError:
        return ()  # a person's
    return found.get(check, ()) if isinstance(found, dict) else ()


def _balancer(alb: ApplicationALB) -> Object:
    priority = alb.forward_config.priority
    return {"listenerARN": alb.listener_arn, **({} if priority is None else {"rule": {"priority": priority}})}


def _listing(routes: Sequence[tuple[Object, Pinned]], version: str) -> dict[str, Any]:
    """The routes of a child Cell with the target groups of each."""
    listed = [
        {
            "type": "AWSApplicationLoadBalancer",
            "awsApplicationLoadBalancer": {**balancer, "targetGroups": [_listed(*each) for each in groups]},
        }
        for balancer, groups in routes
    ]
    fewest = min(sum(of == version for of, _ in groups) for _, groups in routes)
    ingress = {"ingress": listed[0]} if len(listed) == 1 else {"ingresses": listed}
    return {**ingress, "replicas": max(1, min(MOST_REPLICAS, fewest))}


def _of_route(key: str, groups: Pinned, *, alone: bool = False) -> Pinned:
    """Those of a route. An only one that has none takes the place of another."""
    found = [each for each in groups if each[1].route in ("", key)]
    return found if found or not alone else [each for each in groups if each[1].route == groups[0][1].route]


def balancers(there: Object) -> list[Object]:
    """The routes that a child Cell's spec names."""
    spec = there["spec"]
    listed = spec["ingresses"] if "ingresses" in spec else [spec["ingress"]]
    return [each["awsApplicationLoadBalancer"] for each in listed]


def key_in(balancer: Object) -> str:
    """What a route of a child Cell's spec is called."""
    return route_key(balancer["listenerARN"], "", balancer.get("rule", {}).get("priority"))


def sent_back(parent: Parent, there: Object, version: str, groups: Pinned) -> Object:
    """A child Cell told to go back by nobody who knows more of its routes: all else stays as it is."""
    known = balancers(there)
    found = [(each, _of_route(key_in(each), groups, alone=len(known) == 1)) for each in known]
    routes = [(each, of or _as_listed(each)) for each, of in found]
    kept = {key: value for key, value in there["spec"].items() if key not in ("ingress", "ingresses")}
    spec = {**kept, **_listing(routes, version), "version": version}
    return parent.child(parent.kind, there["metadata"]["name"], spec)


def _as_listed(balancer: Object) -> Pinned:
    return [(each["version"], listed_group(each)) for each in balancer["targetGroups"]]


def listed_group(listed: Object, route: str = "") -> Group:
    return Group(listed.get("cluster", ""), listed["arn"], listed.get("eksCluster", ""), route)


def _listed(version: str, group: Group) -> Object:
    found = {"arn": group.arn, "version": version, "cluster": group.cluster, "eksCluster": group.eks}
    return {key: value for key, value in found.items() if value}


def sent(body: Object, before: Object | None, attempt: int) -> Object:
    """A child Cell that is told where to go, for an attempt of its application.

    What it did before doesn't count for this one. A version that failed in an earlier one begins again: whether it may
    is for its parent to say, who wouldn't have asked.
    """
    status, version = (before or {}).get("status") or {}, body["spec"]["version"]
    annotations = {ATTEMPT: str(attempt), SINCE: str(status.get("rollouts", 0))}
    failed = [*(status.get("blockedVersions") or ()), *(status.get("setAside") or ())]
    if any(each.get("version") == version for each in failed):
        again = {"id": f"attempt-{attempt}-{annotations[SINCE]}", "verb": "retry", "arg": version, "by": ITS_CELL}
        annotations[COMMAND_ANNOTATION] = json.dumps(again)
    metadata = body["metadata"]
    return {**body, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}}


def abort_of(attempt: int, rollout: int) -> str:
    """The command to a child Cell that brings its rollout's traffic back, as its annotation has it: for an attempt of
    the application."""
    return json.dumps({"id": f"attempt-{attempt}-abort-{rollout}", "verb": "abort", "by": ITS_CELL})
