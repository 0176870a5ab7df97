"""How a rollout begins: its plan, its canary groups frozen by ARN (DESIGN §5.1, §5.2, §5.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from okra.rollout.census import Wanted
from okra.rollout.claims import say_settling
from okra.rollout.distribution import progress
from okra.rollout.state import Phase, Rollout, RolloutKind, Step, StepKind, Watch
from okra.rollout.turn import Turn
from okra.rollout.weights import ONE, ZERO

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
        goal = turn.route_policies[route.key].goal
        retained = {arn: until for arn, until in route.retained.items() if arn not in (*groups, *goal)}
        late = route.unacknowledged if route.lands_by else ()
        turn.set_route(route.key, canary=groups, goal=goal, retained=retained, unacknowledged=late)
    turn.watch = Watch(seen_at=turn.now)
    stable = turn.state.stable_version
    said = f"{kind} {number}: {version}" + (f", now {stable}." if stable else ".")
    turn.emit("RolloutStarted", said)
    turn.report("RolloutStarted", said)
    say_settling(turn)


def newcomers(turn: Turn, version: str) -> dict[str, tuple[str, ...]]:
    """The groups of a version on each route that a rollout is to introduce."""
    return {route.key: turn.censuses[route.key].newcomers(version, route.stable) for route in turn.state.routes}


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
        shown = dict(reading.weights)
        turn.set_route(route.key, arn=reading.arn, stable={}, asked=shown, basis=shown, confirmed_at=turn.now)
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
    """Go on where the canary stands, without a write: at the highest step that is not above, or between two steps.
    With nothing on the canary, at the gate."""
    rollout = turn.rollout
    weights = [i for i, step in enumerate(rollout.plan) if step.kind is StepKind.SET_WEIGHT]
    reached = [i for i in weights if rollout.plan[i].share <= share]
    here = Step(StepKind.SET_WEIGHT, share, rollout.plan[(reached or weights)[-1 if reached else 0]].wait)
    plan, index = rollout.plan, reached[-1] if reached else 0
    if not reached and share:
        plan = (here, *plan)
    elif reached:
        plan = (*plan[:index], here, *(_after(step, plan[index].share, share) for step in plan[index + 1 :]))
    turn.set(phase=Phase.STEP if share else Phase.GATE)
    turn.set_rollout(plan=plan, step=index, approved=False, resumed=False)
    turn.measure_anew()


def _after(step: Step, reached: Fraction, share: Fraction) -> Step:
    """A pause or an analysis at the reached share happens where the canary stands."""
    return replace(step, share=share) if step.share == reached else step


def shares_asked(turn: Turn) -> list[Fraction]:
    """How far what each route was last asked for goes, or what it shows since a person's edit."""
    return [progress(route, route.asked) for route in turn.state.routes]


def present_share(turn: Turn) -> Fraction:
    """The largest share that the canary has on any route, as last read; the furthest that one has gone to its goal."""
    return max((progress(route, reading.weights) for _, route, reading in turn.routes), default=ZERO)
