"""What the children's objects say: what they were told, and what has come of it.

A status counts for a spec only when it says that it is of this very one.
"""

from __future__ import annotations

import json
from typing import Any

from okra.api.argocd import (
    LABELS_IN_USE,
    ArgoCDApplicationDeploymentStatus,
    ArgoCDClusterStatus,
    ClusterApplications,
    ClusterPhase,
)
from okra.api.cell_status import CellStatus
from okra.api.conditions import Condition, ConditionType
from okra.api.meta import COMMAND_ANNOTATION
from okra.applications.children import Object, Parent
from okra.applications.observation import NOT_LOOKED_AT, ClusterSeen, DeploymentSeen, RouteSeen
from okra.applications.route_children import ATTEMPT, SINCE, abort_of, balancers, key_in, listed_group
from okra.applications.state import Group, Phase
from okra.errors import AccessDenied, CredentialsInvalid
from okra.rollout.observation import Problem
from okra.rollout.state import Phase as Machine

FAILED_AT = {"CheckFailed": Phase.CHECK_FAILED, "PostcheckFailed": Phase.POSTCHECK_FAILED}
STALLED, RUNS, LEFT_BEHIND = "Failed", (ClusterPhase.READY, ClusterPhase.RETAINED), ClusterPhase.LEFT_BEHIND
OKRAS_OWN = (AccessDenied.reason, CredentialsInvalid.reason)
"""What Okra itself lacks: it says nothing of a version, which waits until somebody grants it."""


def cluster_seen(obj: Object | None) -> ClusterSeen:
    """Of an ArgoCDCluster."""
    if obj is None:
        return ClusterSeen(False, NOT_LOOKED_AT)
    status = ArgoCDClusterStatus.model_validate(obj.get("status") or {})
    if not _of_this_spec(obj, status.observed_generation):
        return ClusterSeen(False, NOT_LOOKED_AT)
    waiting = (each for each in status.conditions if each.type == LABELS_IN_USE and each.status == "True")
    return ClusterSeen(bool(status.ready), _ready(status.conditions)[1], next((each.message for each in waiting), ""))


def deployment_seen(parent: Parent, obj: Object | None) -> DeploymentSeen | None:
    """Of an ArgoCDApplicationDeployment."""
    if obj is None:
        return None
    status, clusters = ArgoCDApplicationDeploymentStatus.model_validate(obj.get("status") or {}), told_to(parent, obj)
    retained = told_to(parent, obj, "retained")
    if not _of_this_spec(obj, status.observed_generation):
        return DeploymentSeen(clusters, retained=retained)
    reason, message = _ready(status.conditions)
    problem = Problem(reason, message, fatal=reason not in OKRAS_OWN) if status.phase == STALLED else None
    lacks = {parent.named(each.name): _lacks(each) for each in status.clusters if each.phase}
    refused = {parent.named(each.name): Problem(each.reason, _lacks(each)) for each in status.clusters if each.reason}
    behind = {each.name for each in status.clusters if each.phase == LEFT_BEHIND}
    leaves = not published_to(parent, obj) <= {*clusters, *map(parent.named, behind)}
    # of another's naming they are no clusters of this Cell: they stay published, and others look after them
    own = tuple(parent.named(each) for each in sorted(behind) if each.startswith(parent.cluster("")))
    return DeploymentSeen(clusters, lacks, reason, problem, leaves, retained, own, refused)


def _lacks(cluster: ClusterApplications) -> str:
    return "" if cluster.phase in RUNS else cluster.message or f"{cluster.name} is {cluster.phase}."


def told_to(parent: Parent, obj: Object, what: str = "clusterNames") -> tuple[str, ...]:
    """The clusters that an ArgoCDApplicationDeployment's spec names, as the Cell calls them."""
    return tuple(map(parent.named, obj["spec"].get(what, ())))


def published_to(parent: Parent, obj: Object) -> set[str]:
    """The clusters that an ArgoCDApplicationDeployment is on, or still leaves, as the Cell calls them."""
    status = ArgoCDApplicationDeploymentStatus.model_validate(obj.get("status") or {})
    names = (*obj["spec"]["clusterNames"], *(each.name for each in status.clusters))
    return set(map(parent.named, names))


def route_seen(obj: Object | None, attempt: int | None) -> RouteSeen | None:
    """Of a child Cell. `attempt`: the application's present one, if it moves: what it was told before is void."""
    if obj is None:
        return None
    status = CellStatus.model_validate(obj.get("status") or {})
    version = obj["spec"].get("version", "")
    fresh = _of_this_spec(obj, status.observed_generation) and _has_heard(obj, status)
    failed = _failed(obj, status, version, fresh=fresh)
    told = attempt is None or _number(obj, ATTEMPT) == attempt
    return RouteSeen(
        version=version if told else "",
        settled=(idle := fresh and status.machine == Machine.IDLE),
        idle=idle,
        stable=status.stable_version,
        completing=fresh and status.machine == Machine.BAKE,
        failed=failed,
        failed_at=FAILED_AT.get(failed.reason, Phase.FAILED) if failed else Phase.FAILED,
        retains=any(route.extras for route in status.routes),
        message=status.message,
        phase=status.phase if fresh else "",
        reason=status.reason if fresh else "",
        aborted=attempt is not None and _command(obj) == abort_of(attempt, status.rollouts),
        on=" ".join(map(key_in, balancers(obj))),
        stopped=fresh and status.machine == Machine.STOPPED,
    )


def held_by(obj: Object) -> set[str]:
    """The routes that a child Cell is told of, or hasn't let go yet."""
    status = CellStatus.model_validate(obj.get("status") or {})
    return {*map(key_in, balancers(obj)), *(route.key for route in status.routes)}


def pinned(obj: Object) -> tuple[str, tuple[tuple[str, Group], ...]]:
    """Where a child Cell was told to go: the version, and each version's groups."""
    return obj["spec"].get("version", ""), tuple(
        (each["version"], listed_group(each, key_in(route)))
        for route in balancers(obj)
        for each in route.get("targetGroups") or ()
    )


def _failed(obj: Object, status: CellStatus, version: str, *, fresh: bool) -> Problem | None:
    """The verdict on the rollout of the pinned version, since it was pinned."""
    if fresh and status.phase == "Invalid":
        return Problem(status.reason, status.message)
    rollout = status.rollout
    if rollout is None or rollout.version != version or rollout.number <= _number(obj, SINCE):
        return None
    return Problem(rollout.failure.reason, rollout.failure.message) if rollout.failure else None


def _of_this_spec(obj: Object, observed: int | None) -> bool:
    generation = obj["metadata"].get("generation")
    return generation is not None and observed == generation


def _has_heard(obj: Object, status: CellStatus) -> bool:
    """Has it executed, or refused, the command that it was given last?"""
    text = _command(obj)
    try:
        found: Any = json.loads(text) if text else None
    except ValueError:
        return True  # a person's, which no Cell can read
    given = str(found.get("id") or "") if isinstance(found, dict) else ""
    return not given or any(each.id == given for each in status.commands)


def _command(obj: Object) -> str:
    text: str = (obj["metadata"].get("annotations") or {}).get(COMMAND_ANNOTATION) or ""
    return text


def _number(obj: Object, annotation: str) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(annotation, "")
    return int(text) if text.isdecimal() else 0


def _ready(conditions: tuple[Condition, ...]) -> tuple[str, str]:
    found = next((each for each in conditions if each.type == ConditionType.READY), None)
    return (found.reason, found.message) if found else ("Pending", NOT_LOOKED_AT)
