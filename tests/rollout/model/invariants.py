"""What must hold at every write (the design's invariants, one function each)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from okra.rollout.effects import SetWeights
from okra.rollout.guard import rising
from okra.rollout.late import LANDS_WITHIN
from okra.rollout.observation import Action, Verdict
from okra.rollout.rest import Rest
from okra.rollout.state import Phase, RolloutKind, RouteState, StepKind
from okra.rollout.weights import same_shares, share_of, shares
from tests.rollout.model.ways import NONE, above, nearly, of_canary
from tests.rollout.process import Process
from tests.rollout.world import ABORT, ARRIVED_LATE, OKRA, heaviest, places

if TYPE_CHECKING:
    from tests.rollout.model.oracle import Oracle


def route_of(process: Process, effect: SetWeights) -> RouteState:
    return next(route for route in process.state.routes if route.key == effect.route)


def integers_in_range_positive_sum_and_no_more_groups_than_fit(_: Oracle, process: Process, effect: SetWeights) -> None:
    assert all(0 <= weight <= heaviest(effect.route) for weight in effect.weights.values()), effect
    assert sum(effect.weights.values()) > 0, effect
    assert len(effect.weights) <= places(effect.route), effect


def nothing_is_raised_that_was_not_attached_and_healthy(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """In the observation it was computed from; first placement and "nothing known to serve anywhere" excepted."""
    obs = process.decided_on
    shown = obs.readings[effect.route].weights
    healthy = {arn for arn, readings in obs.health.items() if readings and readings[-1].healthy}
    if not any(shown.values()) or not any(weight and arn in healthy for arn, weight in shown.items()):
        return
    for arn in rising(effect.weights, shown):
        assert arn in shown, f"{arn} is raised, but it was not attached"
        assert arn in healthy, f"{arn} is raised, but it was not healthy"


def nothing_is_written_to_a_route_that_is_not_ours(_: Oracle, process: Process, effect: SetWeights) -> None:
    """Or that does something else by now, in the observation it was computed from."""
    obs = process.decided_on
    assert obs.owners.get(effect.route, process.policy.owner) == process.policy.owner, effect
    assert obs.readings[effect.route].action is Action.FORWARD, effect


def nothing_is_raised_while_another_route_is_out_of_reach(_: Oracle, process: Process, effect: SetWeights) -> None:
    """All routes move together; what was asked for before may be put back."""
    obs, route = process.decided_on, route_of(process, effect)
    asked = share_of(effect.weights, route.canary)
    before = next(was for was in process.decided_from.routes if was.key == effect.route)
    if asked <= max(share_of(obs.readings[effect.route].weights, route.canary), share_of(before.asked, route.canary)):
        return
    for other in process.state.routes:
        assert other.key in obs.readings, f"{effect} while {other.key} can't be read"
        assert obs.readings[other.key].action is Action.FORWARD, f"{effect} while {other.key} is something else"
        assert obs.owners.get(other.key) == process.policy.owner, f"{effect} while {other.key} is another's"


def shares_are_what_a_step_asked_for_or_what_was_read(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """Or the way to make room for a wave; no step is skipped on the way up."""
    rollout, route = process.state.rollout, route_of(process, effect)
    shown = process.decided_on.readings[effect.route].weights
    if effect.token is None or rollout is None or same_shares(effect.weights, shown):
        return
    if route.goal and process.state.phase is Phase.REVERT:
        left = {arn: weight for arn, weight in route.stable.items() if oracle.world.groups[arn].exists}
        gains = [arn for arn in route.canary if above(route, effect.weights, arn)]
        assert not gains or same_shares(effect.weights, left), f"{gains} gain by a revert: {process.told()}"
        return
    asked, read = of_canary(route, effect.weights), of_canary(route, shown)
    steps = {step.share for step in rollout.plan if step.kind is StepKind.SET_WEIGHT}
    waves = {Fraction(k, process.policy.replicas) for k in range(process.policy.replicas)}
    highest = oracle.highest.get((rollout.number, effect.route), Fraction(0))
    people = {of_canary(route, s.weights) for s in oracle.world.past[effect.route] if s.author != OKRA}
    known = {Fraction(0), read, highest, *steps, *waves, *people}
    nearest = min(abs(asked - share) for share in known)
    near = nearly(effect.route, route)
    assert nearest < near, f"nobody asked for a share of {asked}: {effect}"
    if rollout.kind is RolloutKind.CANARY and not rollout.promoted:
        skipped = [step for step in steps if max(read, highest) + near < step < asked - near]
        assert not skipped, f"from {read} to {asked} over {skipped}: {process.told()}"


def nothing_that_failed_is_raised(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """No Okra write raises the share of a failed attempt's groups without a person's command."""
    shown = process.decided_on.readings[effect.route].weights
    if process is not oracle.live:
        return  # a stale leader's last write; it is put back
    for arn in rising(effect.weights, shown):
        route = route_of(process, effect)
        stable = arn in route.stable and not (route.goal and above(route, effect.weights, arn))
        assert stable or not oracle.has_failed(arn), f"{arn} failed, and is raised: {process.told()}"


def no_group_of_a_goal_goes_beyond_its_two_ends(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """On the way, unless a person has moved something since it began."""
    rollout, route = process.state.rollout, route_of(process, effect)
    if (
        effect.token is None
        or rollout is None
        or not route.goal
        or effect.urgent
        or process.state.phase is not Phase.STEP
    ):
        return
    began = oracle.began[rollout.number]
    if any(shown.at >= began and shown.author not in (OKRA, ARRIVED_LATE) for shown in oracle.world.past[route.key]):
        return
    begin, end, now = shares(route.stable), shares(route.goal), shares(effect.weights)
    way, near = of_canary(route, effect.weights), nearly(route.key)
    for arn in {*begin, *end}:
        ends = sorted((begin.get(arn, NONE), end.get(arn, NONE)))
        line = begin.get(arn, NONE) * (1 - way) + end.get(arn, NONE) * way
        assert ends[0] <= now.get(arn, NONE) <= ends[1], f"{arn} goes beyond {ends}: {effect}"
        assert abs(now.get(arn, NONE) - line) < 2 * near, f"{arn} isn't on the way at {way}: {effect}"


def no_abort_of_a_person_is_undone(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """Once it was read. What a person may not feed is put back, but the canary stays where it was put."""
    reading = process.decided_on.readings[effect.route]
    shown = oracle.world.seen[effect.route, reading.began_at]
    aborted = shown.author == f"{ABORT} {effect.token.rollout}" if effect.token else False
    if not aborted or oracle.reassert or oracle.went_on >= shown.at:
        return
    canary = route_of(process, effect).canary
    raised = share_of(effect.weights, canary) > share_of(shown.weights, canary)
    assert not raised, f"a person took traffic off: {dict(shown.weights)} → {effect.weights}"


def all_routes_move_in_lockstep(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """None runs ahead of another by more than one step."""
    rollout, route = process.state.rollout, route_of(process, effect)
    if effect.token is None or rollout is None or rollout.kind is not RolloutKind.CANARY:
        return
    asked = of_canary(route, effect.weights)
    if asked <= of_canary(route, process.decided_on.readings[effect.route].weights):
        return
    near = max(nearly(each.key, each) for each in process.state.routes)
    for other in process.state.routes:
        here = of_canary(other, process.decided_on.readings[other.key].weights)
        here = max(here, oracle.highest.get((rollout.number, other.key), Fraction(0)))
        between = [step.share for step in rollout.plan if here + near < step.share < asked - near]
        assert not between, f"{effect.route} goes to {asked} while {other.key} is at {here}"


def a_raise_rests_on_checks_begun_at_the_present_weights(oracle: Oracle, process: Process, effect: SetWeights) -> None:
    """Data from before a step is not evidence for it."""
    rollout, route, world = process.state.rollout, route_of(process, effect), oracle.world
    if effect.token is None or rollout is None or rollout.kind is not RolloutKind.CANARY or rollout.promoted:
        return
    asked = of_canary(route, effect.weights)
    highest = oracle.highest.get((rollout.number, effect.route), Fraction(0))
    shown = of_canary(route, process.decided_on.readings[effect.route].weights)
    if asked <= max(highest, shown):
        return
    waves = Fraction(1, process.policy.replicas)
    if (asked / waves).denominator == 1 and highest and asked not in {step.share for step in rollout.plan}:
        return
    needed = process.policy.checks if shown and highest == shown else ()
    steps = {step.share for step in rollout.plan}
    if shown not in steps:
        return  # on its way between two waves
    began = oracle.began[rollout.number]
    past = world.past[effect.route]
    states = [a for a, b in pairwise((*past, past[-1])) if a.at >= began or b.at >= began]
    reached = [max(a.at, began) for a in states if of_canary(route, a.weights) == shown]
    for check in needed:
        passed = [
            world.measured[name, token]
            for (name, token), result in world.recorded.items()
            if name == check and token.rollout == rollout.number and result.verdict is Verdict.PASSED
        ]
        assert not reached or any(at > reached[0] for at in passed), f"{check} has not passed at {shown}: {effect}"


def nothing_counts_that_is_not_everywhere(process: Process) -> None:
    """A write of this process is confirmed only by a reading after which no server answers what was before."""
    assert process.decision is not None
    before = {route.key: route for route in process.decided_from.routes}
    for route in process.decision.state.routes:
        was, write = before.get(route.key), process.decided_on.writes.get(route.key)
        fresh = was is not None and was.confirmed_at is None and was.asked == route.asked
        if fresh and route.confirmed_at is not None and write is not None and write.serial == route.serial:
            assert not process.decided_on.readings[route.key].pending, f"{route.key} counts: {process.told()}"


def rests_when_nothing_can_land(oracle: Oracle, process: Process) -> None:
    """A Cell is done only when no recorded write of its own can land any more; what landed in time was put right."""
    if process.rest not in (Rest.SYNCED, Rest.FAILED) or process.state.condition.permanent:
        return
    world, asked = oracle.world, {route.key: route.asked for route in process.state.routes}
    known = [write for write in process.late if write.recorded and write.sent_at > oracle.set_ahead]
    for write in known:
        assert write.route not in asked or not write.in_time(world), f"{write} may land: {process.told()}"
    for key, weights in asked.items():
        last = world.past[key][-1]
        if last.author == ARRIVED_LATE and last.at > oracle.set_ahead + LANDS_WITHIN:
            assert same_shares(last.weights, weights), f"{last} has landed: {process.told()}"


OF_EVERY_WRITE: tuple[Callable[[Oracle, Process, SetWeights], None], ...] = (
    integers_in_range_positive_sum_and_no_more_groups_than_fit,
    nothing_is_raised_that_was_not_attached_and_healthy,
    nothing_is_written_to_a_route_that_is_not_ours,
    nothing_is_raised_while_another_route_is_out_of_reach,
    shares_are_what_a_step_asked_for_or_what_was_read,
    nothing_that_failed_is_raised,
    no_group_of_a_goal_goes_beyond_its_two_ends,
    no_abort_of_a_person_is_undone,
    all_routes_move_in_lockstep,
    a_raise_rests_on_checks_begun_at_the_present_weights,
)
