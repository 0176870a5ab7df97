"""Two routes, one of which can't be brought back: that holds up nothing on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.effects import Claim
from okra.rollout.observation import Action, Problem, RouteReading
from okra.rollout.policy import OnFailure
from okra.rollout.rest import Rest, rest
from okra.rollout.state import Outcome, Phase
from tests.rollout.cases import FAST, NEW, at, cell, edit, ended, failing, failure, rollout, say, share, writes
from tests.rollout.process import DROPPED, Process
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)
SLOW = canary_plan(50, 100, 600.0)
GONE = Problem("ListenerNotFound", "There is no such listener.")
DENIED = Problem("AccessDenied", "DescribeListeners is denied.")


class Troubled(Process):
    """A process that reads its route `s` as something else, or not at all."""

    becomes: Callable[[RouteReading], RouteReading] = staticmethod(lambda reading: reading)
    problem: Problem | None = None

    def saw(self, key: str, reading: RouteReading) -> None:
        if key == "s" and self.problem is not None:
            self.see(problems={**self.obs.problems, key: self.problem})
        else:
            super().saw(key, self.becomes(reading) if key == "s" else reading)


def two() -> Troubled:
    """Both routes are at one half, for a while."""
    calm = cell(routes=("r", "s"), plan=SLOW)
    p = Troubled(calm.world, calm.policy)
    at(p, HALF)
    return p


def page(p: Troubled) -> None:
    p.becomes = lambda reading: replace(reading, action=Action.FIXED_RESPONSE, weights={})


def other_rule(p: Troubled) -> None:
    p.becomes = lambda reading: replace(reading, arn="another")


def conflict(p: Troubled) -> None:
    p.see(owners={**p.obs.owners, "s": "other/default/web"})


def denied(p: Troubled) -> None:
    p.problem = DENIED


def gone(p: Troubled) -> None:
    p.problem = GONE


MISROUTED = [page, other_rule, conflict]
OUT_OF_REACH = [*MISROUTED, denied, gone]


@pytest.mark.parametrize("trouble", MISROUTED)
def test_a_deleted_cell_is_let_go_only_when_its_other_route_is_back(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    p.fault = lambda effect: DROPPED
    trouble(p)
    p.see(deleting=True)
    p.run(120)
    assert (p.released, share(p)) == (False, HALF)
    p.fault = lambda effect: None
    p.until(lambda: p.released)
    assert share(p) == 0


def well_again(p: Troubled) -> None:
    p.becomes, p.problem = lambda reading: reading, None
    p.see(owners={}, problems={})


@pytest.mark.parametrize("trouble", OUT_OF_REACH)
def test_nothing_is_raised_until_all_routes_are_within_reach(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    p.policy = replace(p.policy, plan=FAST)
    trouble(p)
    p.run(1300)
    assert (share(p), share(p, key="s"), p.state.phase) == (HALF, HALF, Phase.STEP)
    assert p.state.condition.permanent
    well_again(p)
    at(p, 1)
    assert share(p, key="s") == 1


@pytest.mark.parametrize("trouble", OUT_OF_REACH)
def test_who_feeds_the_canary_of_the_other_route_is_put_right(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    trouble(p)
    p.run(60)
    edit(p, a1=1, b1=9)
    p.run(60)
    assert (share(p), p.state.phase, p.state.condition.permanent) == (HALF, Phase.STEP, True)


@pytest.mark.parametrize("trouble", MISROUTED)
def test_the_other_route_is_still_checked(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    p.policy = replace(p.policy, checks=("c",))
    trouble(p)
    p.run(700)
    assert (share(p), p.state.phase) == (HALF, Phase.STEP)
    failing(NEW)(p)
    p.run(200)
    assert (share(p), failure(p)) == (0, "CheckFailed")


def test_a_route_that_fell_behind_before_it_went_out_of_reach_keeps_the_series_from_counting() -> None:
    p = two()
    p.policy = replace(p.policy, checks=("c",))
    weights = {tg("a1-s"): 3, tg("b1-s"): 1}
    p.world.write("s", weights)
    behind = tuple(replace(r, asked=weights) if r.key == "s" else r for r in p.state.routes)
    p.state = p.world.stored = replace(p.state, routes=behind)
    conflict(p)
    p.run(700)
    assert (rollout(p).step, rollout(p).series, share(p)) == (0, 0, HALF)
    well_again(p)
    p.until(lambda: share(p, key="s") == HALF)
    p.run(590)
    assert (share(p), share(p, key="s"), rollout(p).series) == (HALF, HALF, 0)


@pytest.mark.parametrize("trouble", OUT_OF_REACH)
def test_at_rest_what_failed_gets_no_traffic_on_the_other_route(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    say(p, "abort")
    ended(p)
    p.run(120)
    trouble(p)
    p.run(60)
    edit(p, a1=1, b1=1)
    p.run(60)
    assert (share(p), p.state.condition.permanent) == (0, True)


@pytest.mark.parametrize("trouble", OUT_OF_REACH)
def test_okra_run_does_not_leave_the_other_route_split(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    trouble(p)
    p.run(60)
    assert (share(p), p.state.condition.permanent, rest(p.policy, p.state, p.obs)) == (HALF, True, Rest.MOVING)


def test_a_stopped_rollout_says_what_its_other_route_is_at() -> None:
    p = two()
    p.policy = replace(p.policy, checks=("c",), on_failure=OnFailure.STOP)
    failing(NEW)(p)
    p.until(lambda: p.state.phase is Phase.STOPPED)
    page(p)
    p.run(60)
    assert (share(p), p.state.phase, p.state.condition.reason) == (HALF, Phase.STOPPED, "RouteNotForward")


def test_okra_run_goes_when_the_route_that_is_left_is_anothers() -> None:
    p = two()
    conflict(p)
    say(p, "abort")
    p.run(60)
    assert (share(p), p.state.phase, rest(p.policy, p.state, p.obs)) == (0, Phase.REVERT, Rest.FAILED)


@pytest.mark.parametrize("trouble", [page, conflict, denied, gone])
def test_a_first_placement_waits_for_all_routes(trouble: Callable[[Troubled], None]) -> None:
    calm = cell(1, 0, routes=("r", "s"), weights={})
    p = Troubled(calm.world, calm.policy)
    trouble(p)
    p.run(60)
    assert (writes(p), p.state.condition.permanent) == ([], True)


def test_nobody_is_asked_whose_a_route_is_that_cannot_be_read() -> None:
    """A claim needs the route's ARN: without one it would be asked for again at once, for ever."""
    p = two()
    p.problem = Problem("Unavailable", "No answer.", fatal=False)
    p.restart()
    p.world.command("abort")
    p.trace.clear()
    p.run(60)
    assert (share(p), {e.route for e in p.trace if isinstance(e, Claim)}) == (0, {"r"})


@pytest.mark.parametrize("trouble", MISROUTED)
def test_the_other_route_goes_back_when_the_canary_dies(trouble: Callable[[Troubled], None]) -> None:
    p = two()
    trouble(p)
    p.run(60)
    before = len(writes(p))
    p.world.groups[tg("b1")].healthy = 0
    p.run(120)
    assert (share(p), failure(p)) == (0, "CanaryUnhealthy")
    assert share(p, key="s") == HALF
    assert len(writes(p)) > before
    assert p.state.phase is Phase.REVERT
    assert p.state.condition.permanent


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("trouble", [denied, gone])
def test_a_route_that_cannot_be_read_holds_up_no_other(trouble: Callable[[Troubled], None], restarts: bool) -> None:
    p = two()
    trouble(p)
    if restarts:
        p.restart()
    p.run(60)
    p.world.groups[tg("b1")].healthy = 0
    p.run(120)
    assert (share(p), failure(p)) == (0, "CanaryUnhealthy")


def test_the_revert_ends_when_the_last_route_can_be_read_again() -> None:
    p = two()
    denied(p)
    p.restart()
    say(p, "abort")
    p.run(120)
    assert (share(p), share(p, key="s"), p.state.phase) == (0, HALF, Phase.REVERT)
    assert (p.state.condition.reason, rest(p.policy, p.state, p.obs)) == ("AccessDenied", Rest.MOVING)
    p.problem = None
    p.until(lambda: p.state.phase is Phase.IDLE)
    assert share(p, key="s") == 0


def test_a_route_that_was_not_read_yet_is_waited_for() -> None:
    p = two()
    p.see(readings={"r": p.obs.readings["r"]})
    p.world.command("abort")
    p.see(commands=tuple(p.world.commands))
    p.until(lambda: p.state.phase is Phase.IDLE)
    assert (share(p), share(p, key="s")) == (0, 0)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_route_that_exists_no_more_counts_as_back(restarts: bool) -> None:
    p = two()
    gone(p)
    if restarts:
        p.restart()
    p.run(10)
    say(p, "abort")
    p.until(lambda: p.state.phase is Phase.IDLE)
    assert (share(p), rollout(p).outcome) == (0, Outcome.FAILED)
    p.problem = None
    p.until(lambda: share(p, key="s") == 0)


def test_a_deleted_cell_goes_though_one_of_its_routes_exists_no_more() -> None:
    p = two()
    gone(p)
    p.restart()
    p.see(deleting=True)
    p.until(lambda: p.released)
    assert share(p) == 0


def test_a_revert_ends_when_no_route_exists_any_more() -> None:
    p = two()
    gone(p)
    p.policy = replace(p.policy, plan=FAST)
    p.fault = lambda effect: DROPPED
    say(p, "abort")
    p.blind = True
    p.see(problems={"r": GONE, "s": GONE})
    p.advance()
    p.settle()
    assert p.state.phase is Phase.IDLE
