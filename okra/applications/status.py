"""The state of a complex Cell as `status`, and back: what a restarted process finds is what this one knew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from okra.api import cell_status as api
from okra.api.conditions import Condition
from okra.applications.state import ROLLED_BACK, AppState, Failure, Group, Phase, Placement, RolledBack, Stage, State
from okra.rollout.observation import Problem
from okra.rollout.state import Handled
from okra.rollout.status import cut, kstatus, read_time, write_time

INVALID = "Invalid"
MOST_BLOCKED, MOST_FORMER, MOST_ROUTES = 100, 256, 64
"""What the API's schema takes."""


def phase_of(state: State) -> str:
    """The Cell's phase, as people know it."""
    return INVALID if state.reason == "InvalidSpec" else state.phase


def to_status(
    state: State, before: Mapping[str, Any], generation: int | None, now: float, problem: Problem | None = None
) -> dict[str, Any]:
    """The whole `status`. Keys that hold nothing are None, so that a merge patch removes them.

    `problem`: why the state couldn't be brought further; said in its place, and no part of it.
    """
    said = state
    if problem is not None:
        worst = Phase.FAILED if problem.fatal else state.phase
        said = replace(state, phase=worst, reason=problem.reason, message=problem.message)
    phase, reason, message = phase_of(said), said.reason, said.message
    stays_back = said.reason == ROLLED_BACK and said.rolled_back is not None
    stalled = phase in (Phase.FAILED, INVALID) or stays_back
    known = tuple(Condition.model_validate(each) for each in before.get("conditions", ()))
    ready = phase == Phase.SYNCED and problem is None and not stays_back
    status = api.CellStatus(
        observed_generation=generation,
        phase=phase,
        reason=reason,
        message=cut(message),
        applications=tuple(map(_application, state.applications)),
        commands=tuple(
            api.HandledCommand(id=c.id, verb=c.verb, by=c.by, time=write_time(c.at), outcome=cut(c.outcome))
            for c in state.commands
        ),
        rolled_back_to=_rolled_back(state.rolled_back),
        watched=api.Watched(clusters=round(state.waited, 3)),
        conditions=tuple(kstatus(known, generation, now, ready=ready, stalled=stalled, reason=reason, message=message)),
    )
    return status.model_dump(mode="json")


def from_status(status: Mapping[str, Any]) -> State:
    """The state that `to_status` wrote. An empty status is a Cell never seen. ValueError when it makes no sense."""
    found = api.CellStatus.model_validate(status)
    new = State()
    return State(
        applications=tuple(map(_read_application, found.applications)),
        waited=found.watched.clusters,
        commands=tuple(Handled(c.id, c.verb, c.by, read_time(c.time), c.outcome) for c in found.commands),
        rolled_back=_read_rolled_back(found.rolled_back_to),
        phase=Phase.FAILED if found.phase == INVALID else Phase(found.phase),
        reason=found.reason,
        message=found.message if status else new.message,
    )


def _rolled_back(back: RolledBack | None) -> api.RolledBackTo | None:
    if back is None:
        return None
    return api.RolledBackTo(
        revision=back.revision, name=back.name, generation=back.generation, by=back.by, time=write_time(back.at)
    )


def _read_rolled_back(found: api.RolledBackTo | None) -> RolledBack | None:
    if found is None:
        return None
    return RolledBack(found.name, found.revision, found.generation, found.by, read_time(found.time))


def _application(app: AppState) -> api.ApplicationStatus:
    failure = app.failure
    return api.ApplicationStatus(
        name=app.name,
        phase=app.phase,
        stage=app.stage,
        message=cut(app.message),
        target=_placement(app.target),
        synced=_placement(app.synced),
        former=app.former[:MOST_FORMER],
        routes_before=app.routes_before[-MOST_ROUTES:],
        attempt=app.attempt,
        series=app.series,
        passed=app.passed,
        failing_since=None if app.failing_since is None else write_time(app.failing_since),
        waited=round(app.waited, 3),
        failure=None
        if failure is None
        else api.ApplicationFailure(
            phase=failure.phase,
            reason=failure.reason,
            message=cut(failure.message),
            time=write_time(failure.at),
            block=failure.block,
        ),
        blocked_versions=app.blocked[-MOST_BLOCKED:],
        moved_by=app.moved_by,
    )


def _placement(placement: Placement | None) -> api.Placement | None:
    if placement is None:
        return None
    groups = tuple(
        api.ClusterTargetGroup(cluster=each.cluster, arn=each.arn, eks_cluster=each.eks, route=each.route)
        for each in placement.groups
    )
    return api.Placement(
        version=placement.version,
        clusters=placement.clusters,
        target_groups=groups,
        route=placement.route,
        deployed=placement.deployed,
    )


def _read_application(found: api.ApplicationStatus) -> AppState:
    failure = found.failure
    return AppState(
        name=found.name,
        phase=Phase(found.phase),
        stage=None if found.stage is None else Stage(found.stage),
        message=found.message,
        target=_read_placement(found.target),
        synced=_read_placement(found.synced),
        former=found.former,
        routes_before=found.routes_before,
        attempt=found.attempt,
        series=found.series,
        passed=found.passed,
        failing_since=None if found.failing_since is None else read_time(found.failing_since),
        waited=found.waited,
        failure=None
        if failure is None
        else Failure(Phase(failure.phase), failure.reason, failure.message, read_time(failure.time), failure.block),
        blocked=found.blocked_versions,
        moved_by=found.moved_by,
    )


def _read_placement(found: api.Placement | None) -> Placement | None:
    if found is None:
        return None
    return Placement(
        found.version,
        found.clusters,
        tuple(Group(each.cluster, each.arn, each.eks_cluster, each.route) for each in found.target_groups),
        found.route,
        found.deployed,
    )
