"""How a rollout begins: its plan, its canary groups frozen by ARN (DESIGN §5.1, §5.2, §5.10)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from okra.rollout.census import Wanted
from okra.rollout.state import Phase, Rollout, RolloutKind, Step, StepKind
from okra.rollout.turn import Turn
from okra.rollout.weights import ONE, share_of

TO_ALL = Step(StepKind.SET_WEIGHT, ONE)


def start(
    turn: Turn, version: str, kind: RolloutKind, canary: Mapping[str, tuple[str, ...]], plan: tuple[Step, ...]
) -> None:
    """Begin a rollout of `version` to the given groups of each route."""
    number = turn.state.rollouts + 1
    rollout = Rollout(number, version, kind, plan, turn.now)
    phase = Phase.STEP if kind is RolloutKind.FIRST else Phase.GATE
    turn.set(rollout=rollout, rollouts=number, phase=phase, hold=None)
    for route in turn.state.routes:
        groups = canary[route.key]
        retained = {arn: until for arn, until in route.retained.items() if arn not in groups}
        turn.set_route(route.key, canary=groups, retained=retained, unacknowledged=())
    turn.set(watch=type(turn.state.watch)(0.0, 0.0, turn.now))
    stable = turn.state.stable_version
    said = f"{kind} {number}: {version}" + (f", now {stable}." if stable else ".")
    turn.emit("RolloutStarted", said)
    turn.report("RolloutStarted", said)


def newcomers(turn: Turn, version: str) -> dict[str, tuple[str, ...]]:
    """The groups of a version on each route that don't hold stable traffic."""
    return {
        route.key: tuple(a for a in turn.censuses[route.key].versions.get(version, ()) if a not in route.stable)
        for route in turn.state.routes
    }


def start_wanted(turn: Turn, want: Wanted) -> None:
    """A newer version walks the plan; an older one, asked for by a pin, goes in one step without checks."""
    version = want.version or ""
    kind = RolloutKind.ROLLBACK if want.older else RolloutKind.CANARY
    start(turn, version, kind, newcomers(turn, version), (TO_ALL,) if want.older else turn.policy.plan)


def place_first(turn: Turn, want: Wanted) -> None:
    """Nothing carries traffic: the wanted version gets it at once, equally."""
    if want.version is None:
        turn.report(want.reason or "WaitingForTargetGroups", want.message or "No target group matches yet.")
        return
    for _, route, reading in turn.routes:
        turn.set_route(route.key, arn=reading.arn, stable={}, asked={}, basis={}, confirmed_at=None)
    start(turn, want.version, RolloutKind.FIRST, newcomers(turn, want.version), (TO_ALL,))


def adopt_canary(turn: Turn, version: str, share: Fraction) -> None:
    """Two versions carry traffic at first sight: go on with the newer one where it stands, without a write."""
    groups = newcomers(turn, version)
    start(turn, version, RolloutKind.CANARY, groups, turn.policy.plan)
    for _, route, reading in turn.routes:
        carrying = [a for a in groups[route.key] if a in reading.weights]
        idle = [a for a in groups[route.key] if a not in reading.weights]
        turn.set_route(route.key, canary=(*carrying, *idle))
    resume_at(turn, share)


def resume_at(turn: Turn, share: Fraction) -> None:
    """Go on at the highest step whose share is not above the present one; below the first, at the gate."""
    reached = [
        i for i, step in enumerate(turn.rollout.plan) if step.kind is StepKind.SET_WEIGHT and step.share <= share
    ]
    turn.set(phase=Phase.STEP if reached else Phase.GATE)
    turn.set_rollout(
        step=reached[-1] if reached else 0, attempt=turn.rollout.attempt + 1, series=0, approved=False, resumed=False
    )
    for _, route, reading in turn.routes:
        turn.set_route(route.key, asked=dict(reading.weights), basis=dict(reading.weights), confirmed_at=turn.now)
    turn.restart_watch()


def present_share(turn: Turn) -> Fraction:
    """The largest share that the canary has on any route, as last read."""
    return max((share_of(reading.weights, route.canary) for _, route, reading in turn.routes), default=Fraction(0))
