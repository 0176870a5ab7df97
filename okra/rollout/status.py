"""The state as `status`, and back: what a restarted process finds is what this one knew (DESIGN §3, §4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from okra.api import cell_status as api
from okra.api.conditions import Condition as ApiCondition
from okra.api.conditions import ConditionStatus, ConditionType
from okra.rollout.distribution import progress
from okra.rollout.observation import Weights
from okra.rollout.state import (
    MOST_WARNINGS,
    Block,
    Condition,
    Failure,
    Handled,
    Hold,
    Outcome,
    Phase,
    Rollout,
    RolloutKind,
    RouteState,
    SetAside,
    State,
    Step,
    StepKind,
    Watch,
)

AWAITS_PERSON = ("Paused", "AmbiguousTraffic", "VersionsUnordered", "ApprovalNeeded", "ReadOnly")
LONGEST = 4096
MOST_SET_ASIDE, MOST_BLOCKED, MOST_TARGETS = 100, 1000, 5000
"""What the API's schema takes. Nothing that Okra must do may depend on how much a status can show."""
STUCK_REVERTING = ("FailedReverting", "NoHealthyStable")


def phase_of(state: State) -> str:
    """The Cell's phase, as people know it."""
    reason = state.condition.reason
    if reason == "InvalidSpec":
        return "Invalid"
    if state.phase is Phase.REVERT:
        return "FailedReverting" if reason in STUCK_REVERTING or state.condition.permanent else "Reverting"
    if state.phase is Phase.STOPPED or state.condition.permanent:
        return "Failed"
    waits = state.rollout is not None and state.phase is Phase.STEP and state.rollout.current.wait is None
    if state.hold is not None or reason in AWAITS_PERSON or (waits and not (state.rollout and state.rollout.promoted)):
        return "Paused"
    if state.phase is not Phase.IDLE:
        return "Syncing"
    if reason == "RolledBack":
        return "Failed"
    return "Pending" if state.stable_version is None else "Synced"


def conditions_of(state: State, before: tuple[ApiCondition, ...], generation: int | None, now: float) -> list[Any]:
    """Ready, Reconciling and Stalled in the sense of kstatus; a transition time only moves with its status."""
    phase = phase_of(state)
    stalled = phase in ("Failed", "Invalid") or state.condition.permanent
    reason, message = state.condition.reason, state.condition.message
    return kstatus(before, generation, now, ready=phase == "Synced", stalled=stalled, reason=reason, message=message)


def kstatus(
    before: tuple[ApiCondition, ...],
    generation: int | None,
    now: float,
    *,
    ready: bool,
    stalled: bool,
    reason: str,
    message: str,
) -> list[Any]:
    """The three conditions: what is neither ready nor stalled is being reconciled."""
    status = {
        ConditionType.READY: ready,
        ConditionType.RECONCILING: not ready and not stalled,
        ConditionType.STALLED: stalled,
    }
    since = {condition.type: (condition.status, condition.last_transition_time) for condition in before}
    found = []
    for type_, holds in status.items():
        value = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
        was, when = since.get(type_, (None, None))
        found.append(
            ApiCondition(
                type=type_,
                status=value,
                reason=reason,
                message=cut(message),
                observed_generation=generation,
                last_transition_time=when if was == value and when else write_time(now),
            )
        )
    return found


def to_status(state: State, before: Mapping[str, Any], generation: int | None, now: float) -> dict[str, Any]:
    """The whole `status`. Keys that hold nothing are None, so that a merge patch removes them."""
    rollout = state.rollout
    moving = rollout is not None and state.moving
    known = tuple(ApiCondition.model_validate(c) for c in before.get("conditions", ()))
    status = api.CellStatus(
        observed_generation=generation,
        phase=phase_of(state),
        machine=state.phase,
        reason=state.condition.reason,
        message=cut(state.condition.message),
        permanent=state.condition.permanent,
        stable_version=state.stable_version,
        desired_version=rollout.version if moving and rollout else state.stable_version,
        previous_version=state.previous_version,
        weight=_weight(state),
        step=f"{min(rollout.step + 1, len(rollout.plan))}/{len(rollout.plan)}" if moving and rollout else None,
        routes=tuple(_route(route) for route in state.routes),
        rollout=_rollout(rollout) if rollout else None,
        rollouts=state.rollouts,
        blocked_versions=tuple(
            api.BlockedVersion(version=b.version, reason=cut(b.reason), time=write_time(b.at))
            for b in state.blocked[-MOST_BLOCKED:]
        ),
        set_aside=tuple(
            api.SetAsideVersion(
                version=s.version, groups=s.groups, targets=s.targets[:MOST_TARGETS], reason=cut(s.reason)
            )
            for s in state.set_aside[-MOST_SET_ASIDE:]
        ),
        held=api.Held(reason=state.hold.reason, message=cut(state.hold.message), time=write_time(state.hold.at))
        if state.hold
        else None,
        paused=state.paused,
        commands=tuple(
            api.HandledCommand(id=c.id, verb=c.verb, by=c.by, time=write_time(c.at), outcome=c.outcome)
            for c in state.commands
        ),
        warnings=tuple(map(cut, state.warnings[-MOST_WARNINGS:])),
        watched=api.Watched(step=round(state.watch.step, 3), total=round(state.watch.total, 3)),
        conditions=tuple(conditions_of(state, known, generation, now)),
    )
    return status.model_dump(mode="json")


def _weight(state: State) -> str | None:
    """The canary's share of what was last asked, or the part of the way to the goal, in percent."""
    if not state.moving:
        return None
    shares = [progress(route, route.asked) for route in state.routes if route.canary]
    return f"{float(max(shares, default=Fraction(0)) * 100):.4g}%"


def _weights(weights: Weights) -> tuple[api.GroupWeight, ...]:
    return tuple(api.GroupWeight(arn=arn, weight=weight) for arn, weight in weights.items())


def _route(route: RouteState) -> api.RouteStatus:
    return api.RouteStatus(
        key=route.key,
        arn=route.arn,
        stable=_weights(route.stable),
        canary=route.canary,
        goal=_weights(route.goal),
        asked=_weights(route.asked),
        basis=_weights(route.basis),
        serial=route.serial,
        confirmed_at=_write_maybe(route.confirmed_at),
        unacknowledged=tuple(_weights(weights) for weights in route.unacknowledged),
        lands_by=_write_maybe(route.lands_by),
        extras=tuple(api.Extra(arn=arn, until=write_time(until)) for arn, until in route.retained.items()),
    )


def _rollout(rollout: Rollout) -> api.RolloutStatus:
    failure = rollout.failure
    return api.RolloutStatus(
        number=rollout.number,
        version=rollout.version,
        kind=rollout.kind,
        plan=tuple(
            api.StepStatus(kind=step.kind, share=str(step.share), wait=step.wait, checks=step.checks)
            for step in rollout.plan
        ),
        started_at=write_time(rollout.started_at),
        step=rollout.step,
        attempt=rollout.attempt,
        series=rollout.series,
        approved=rollout.approved,
        resumed=rollout.resumed,
        promoted=rollout.promoted,
        failing_since=_write_maybe(rollout.failing_since),
        failure=api.FailureStatus(
            reason=failure.reason,
            message=cut(failure.message),
            time=write_time(failure.at),
            outcome=failure.outcome,
            block=failure.block,
            set_aside=failure.set_aside,
        )
        if failure
        else None,
        outcome=rollout.outcome,
        ended_at=_write_maybe(rollout.ended_at),
    )


def from_status(status: Mapping[str, Any]) -> State:
    """The state that `to_status` wrote. An empty status is a Cell never seen. ValueError when it makes no sense."""
    found = api.CellStatus.model_validate(status)
    return State(
        phase=Phase(found.machine),
        stable_version=found.stable_version,
        previous_version=found.previous_version,
        routes=tuple(_read_route(route) for route in found.routes),
        rollout=_read_rollout(found.rollout) if found.rollout else None,
        rollouts=found.rollouts,
        blocked=tuple(Block(b.version, b.reason, read_time(b.time)) for b in found.blocked_versions),
        set_aside=tuple(SetAside(s.version, s.groups, s.targets, s.reason) for s in found.set_aside),
        hold=Hold(found.held.reason, found.held.message, read_time(found.held.time)) if found.held else None,
        paused=found.paused,
        commands=tuple(Handled(c.id, c.verb, c.by, read_time(c.time), c.outcome) for c in found.commands),
        condition=Condition(found.reason, found.message, found.permanent) if found.message else Condition(),
        warnings=found.warnings,
        watch=Watch(found.watched.step, found.watched.total),
    )


def _read_weights(weights: tuple[api.GroupWeight, ...]) -> dict[str, int]:
    return {each.arn: each.weight for each in weights}


def _read_route(route: api.RouteStatus) -> RouteState:
    return RouteState(
        key=route.key,
        arn=route.arn,
        stable=_read_weights(route.stable),
        canary=route.canary,
        goal=_read_weights(route.goal),
        asked=_read_weights(route.asked),
        basis=_read_weights(route.basis),
        serial=route.serial,
        confirmed_at=_read_maybe(route.confirmed_at),
        unacknowledged=tuple(_read_weights(weights) for weights in route.unacknowledged),
        lands_by=_read_maybe(route.lands_by),
        retained={extra.arn: read_time(extra.until) for extra in route.extras},
    )


def _read_rollout(found: api.RolloutStatus) -> Rollout:
    failure = found.failure
    return Rollout(
        number=found.number,
        version=found.version,
        kind=RolloutKind(found.kind),
        plan=tuple(Step(StepKind(s.kind), Fraction(s.share), s.wait, s.checks) for s in found.plan),
        started_at=read_time(found.started_at),
        step=found.step,
        attempt=found.attempt,
        series=found.series,
        approved=found.approved,
        resumed=found.resumed,
        promoted=found.promoted,
        failing_since=_read_maybe(found.failing_since),
        failure=Failure(
            failure.reason,
            failure.message,
            read_time(failure.time),
            Outcome(failure.outcome),
            failure.block,
            failure.set_aside,
        )
        if failure
        else None,
        outcome=Outcome(found.outcome),
        ended_at=_read_maybe(found.ended_at),
    )


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def write_time(seconds: float) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _write_maybe(seconds: float | None) -> str | None:
    return None if seconds is None else write_time(seconds)


def _read_maybe(text: str | None) -> float | None:
    return None if text is None else read_time(text)
