"""A rule that isn't there, and of which the spec says enough to make it: made, adopted, rolled out; made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from okra.rollout.effects import CreateRule, Effect, Persist, SetWeights
from okra.rollout.late import LANDS_WITHIN
from okra.rollout.observation import OVERLAPS, Problem, Verdict
from okra.rollout.policy import OnFailure
from okra.rollout.rest import Rest
from okra.rollout.state import Outcome, Phase
from okra.rollout.status import phase_of
from tests.rollout.cases import NEW, OLD, at, cell, edit, ended, failure, rollout, route, say, share, shown
from tests.rollout.process import DOWN, DROPPED, LOST, REFUSED, Cut, Process
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)
SLOW = canary_plan(25, 100, 120.0)


def without_rule(*routes: str, **spec: Any) -> Process:
    """The listener forwards to a1; the rule isn't there."""
    p = cell(routes=routes or ("r",), **spec)
    for key in p.world.routes:
        p.world.vanish(key)
    return p


def makings(p: Process) -> list[int]:
    return [effect.serial for effect in p.trace if isinstance(effect, CreateRule)]


def of_making(kind: str) -> Callable[[Effect], str | None]:
    return lambda effect: kind if isinstance(effect, CreateRule) else None


def test_a_rule_that_is_not_there_is_made_adopted_and_rolled_out() -> None:
    p = without_rule()
    p.run(1)
    assert (shown(p), p.state.stable_version) == ({"a1": 1}, None)
    p.until(lambda: p.state.stable_version == OLD)
    ended(p)
    assert (share(p), rollout(p).outcome, makings(p)) == (1, Outcome.SYNCED, [1])
    assert route(p).arn == p.world.arns["r"]


def test_it_is_recorded_before_it_is_made_and_seen_right_after() -> None:
    p = without_rule()
    p.run(1)
    made = next(i for i, effect in enumerate(p.trace) if isinstance(effect, CreateRule))
    before, after = p.trace[made - 1], p.trace[made + 1]
    assert isinstance(before, Persist)
    assert before.state.routes[0].serial == 1
    assert type(after).__name__ == "Observe"


def test_until_it_is_there_the_cell_is_pending_and_says_so() -> None:
    p = without_rule()
    p.fault = of_making(DROPPED)
    p.run(1)
    assert (phase_of(p.state), p.state.condition.reason) == ("Pending", "Unavailable")
    assert p.rest is Rest.WAITING


def test_what_pauses_a_cell_keeps_its_rule_from_being_made() -> None:
    p = without_rule(paused=True)
    p.run(60)
    assert (makings(p), p.state.condition.reason) == ([], "Paused")
    p.policy = cell().policy
    ended(p)
    assert share(p) == 1


def test_read_only_says_what_it_would_make_and_does_not() -> None:
    p = without_rule()
    p.see(may_write=False)
    p.run(60)
    assert (makings(p), p.state.condition.reason) == ([], "ReadOnly")
    assert "Would create the rule r" in p.state.condition.message


def test_a_new_leader_makes_it_when_it_may_write() -> None:
    p = without_rule()
    p.opens_at = p.world.now + 20
    p.run(19)
    assert makings(p) == []
    ended(p)
    assert makings(p) == [1]


def test_a_making_whose_answer_is_lost_is_found_and_adopted_once_no_other_can_land() -> None:
    p = without_rule()
    p.fault = of_making(LOST)
    p.run(1)
    assert shown(p) == {"a1": 1}
    p.fault = lambda effect: None
    ended(p)
    assert (makings(p), share(p)) == ([1], 1)


def test_one_that_did_not_arrive_is_made_again() -> None:
    p = without_rule()
    p.fault = of_making(DROPPED)
    p.run(10)
    again = len(makings(p))
    assert again > 1
    p.fault = lambda effect: None
    p.until(lambda: p.state.stable_version == OLD)
    assert p.world.now > 1_000_000 + LANDS_WITHIN
    ended(p)
    assert (makings(p), share(p)) == (list(range(1, again + 2)), 1)


def test_a_refusal_is_an_end_and_tried_again_ever_later() -> None:
    p = without_rule()
    p.fault = of_making(REFUSED)
    p.run(300)
    assert (p.rest, p.state.condition.reason) == (Rest.FAILED, "TooManyRules")
    assert 8 < len(makings(p)) < 20
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 1


def test_a_rule_that_somebody_makes_meanwhile_is_adopted() -> None:
    p = without_rule()
    p.watchers.append(lambda _, effect: p.world.make("r", {tg("a1"): 3}) if isinstance(effect, CreateRule) else None)
    p.run(10)
    assert makings(p) == [1]
    ended(p)
    assert (share(p), rollout(p).outcome) == (1, Outcome.SYNCED)


def test_a_read_from_before_it_was_made_makes_no_second_one() -> None:
    p = without_rule()
    trouble = p.world.troubles["r"]
    p.after.append(lambda _, effect, __: p.world.troubles.update(r=trouble) if isinstance(effect, CreateRule) else None)
    p.run(2)
    del p.world.troubles["r"]
    ended(p)
    assert makings(p) == [1]


@pytest.mark.parametrize("effects", range(1, 12))
def test_a_process_that_is_killed_between_any_two_effects_leaves_one_that_makes_it(effects: int) -> None:
    p = without_rule()
    p.discover()
    left = [effects]

    def kill(_: Process, __: Effect) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Cut

    p.watchers.append(kill)
    with pytest.raises(Cut):
        p.run(60)
    p.watchers.clear()
    p.restart()
    ended(p)
    assert (share(p), rollout(p).outcome) == (1, Outcome.SYNCED)


def test_while_the_store_is_down_nothing_is_made() -> None:
    p = without_rule()
    p.fault = lambda effect: DOWN if isinstance(effect, Persist) else None
    p.run(10)
    assert makings(p) == []


def test_a_cell_that_is_deleted_before_is_let_go_without_a_rule() -> None:
    p = without_rule(paused=True)
    p.run(1)
    p.see(deleting=True)
    p.run(10)
    assert (p.released, makings(p)) == (True, [])


def test_nothing_to_protect_is_a_first_placement() -> None:
    p = without_rule()
    p.world.defaults["r"] = {}
    ended(p)
    assert (share(p), rollout(p).kind) == (1, "FirstPlacement")


# -- another rule has the requests ---------------------------------------------------------------------------------


def overlapped(p: Process, key: str = "r") -> Process:
    """The rule isn't there, and one behind takes some of its requests."""
    p.world.troubles[key] = Problem(OVERLAPS, "Rule 20 may take some of its requests now: create it by hand.")
    return p


def test_a_rule_that_would_take_requests_from_another_is_not_made_and_the_one_made_by_hand_is_adopted() -> None:
    p = overlapped(without_rule())
    p.run(600)
    assert (makings(p), p.state.condition.reason, p.rest) == ([], OVERLAPS, Rest.FAILED)
    assert "Rule 20" in p.state.condition.message
    said = [effect.state.condition.reason for effect in p.trace if isinstance(effect, Persist)]
    assert set(said) == {OVERLAPS}
    p.world.make("r", {tg("a1"): 7})
    ended(p)
    assert (makings(p), share(p)) == ([], 1)


def test_it_is_made_when_the_other_is_gone() -> None:
    p = overlapped(without_rule())
    p.run(60)
    p.world.vanish("r")
    ended(p)
    assert (makings(p), share(p)) == ([1], 1)


def test_one_that_vanishes_before_another_takes_back_what_moves_and_its_successor_is_adopted() -> None:
    p = overlapped(at(cell(routes=("r", "s"), plan=SLOW), HALF), "s")
    p.until(lambda: share(p) == 0 and p.state.condition.reason == OVERLAPS)
    assert (makings(p), p.state.phase, p.state.blocked) == ([], Phase.IDLE, ())
    p.world.make("s", {tg("a1-s"): 1})
    p.until(lambda: share(p) == share(p, key="s") == 1)
    assert makings(p) == []


def test_a_deleted_cell_does_not_wait_for_one_that_is_gone() -> None:
    p = overlapped(ended(cell()))
    p.see(deleting=True)
    p.run(10)
    assert p.released


# -- made anew -----------------------------------------------------------------------------------------------------


def test_a_rule_that_vanishes_at_rest_is_made_anew_and_its_successor_adopted() -> None:
    p = ended(cell())
    first = route(p).arn
    p.world.defaults["r"] = {tg("a1"): 1}
    p.world.vanish("r")
    p.run(70)
    assert route(p).arn != first
    ended(p)
    assert (shown(p)["b1"], share(p), p.state.stable_version) == (1, 1, NEW)
    assert p.state.condition.reason == "Synced"


def test_one_that_vanishes_in_mid_rollout_takes_it_back_and_lets_it_begin_anew() -> None:
    p = at(cell(plan=SLOW), HALF)
    first = rollout(p).number
    p.world.defaults["r"] = {tg("a1"): 1}
    p.world.vanish("r")
    p.until(lambda: p.state.phase is Phase.IDLE)
    p.until(lambda: p.state.rollouts > first)
    assert p.state.blocked == ()
    at(p, Fraction(1, 4))


def test_one_of_two_that_vanishes_takes_the_other_back() -> None:
    p = at(cell(routes=("r", "s"), plan=SLOW), HALF)
    p.fault = of_making(REFUSED)
    p.world.vanish("s")
    p.until(lambda: share(p) == 0)
    assert "RuleAbsent" in [event.reason for event in p.world.events]
    p.until(lambda: p.state.condition.reason == "TooManyRules")
    p.fault = lambda effect: None
    p.world.defaults["s"] = {tg("a1-s"): 1}
    p.until(lambda: share(p) == share(p, key="s") == 1)


def test_a_stopped_rollout_waits_for_a_person_all_the_same() -> None:
    p = at(cell(plan=SLOW, checks=("c",), on_failure=OnFailure.STOP), HALF)
    p.world.verdicts = lambda check, token: Verdict.FAILED
    p.until(lambda: p.state.phase is Phase.STOPPED)
    p.world.vanish("r")
    p.run(100)
    assert (makings(p), p.state.phase) == ([], Phase.STOPPED)
    say(p, "abort")
    p.until(lambda: bool(makings(p)))


def test_what_may_still_land_on_the_other_route_is_waited_for() -> None:
    p = ended(cell(routes=("r", "s"), retain_for=5.0, drain_timeout=0.0))
    p.until(lambda: "a1" not in shown(p))
    p.run(60)
    p.world.vanish("s")
    routes = (replace(route(p), lands_by=p.world.now + 4), route(p, "s"))
    p.state = p.world.stored = replace(p.state, routes=routes)
    p.run(2)
    assert makings(p) == []
    p.run(60)
    assert makings(p)


# -- while a person's edit holds the Cell --------------------------------------------------------------------------


def given_back() -> Process:
    """On both routes, at rest; then one of the two rules is deleted."""
    p = ended(cell(routes=("r", "s")))
    edit(p, a1=1, b1=0)
    edit(p, "s", **{"a1-s": 1, "b1-s": 0})
    p.run(60)
    p.world.defaults["s"] = {tg("a1-s"): 1}
    p.world.vanish("s")
    return p


@pytest.mark.parametrize("restarts", [False, True])
def test_what_a_person_gave_back_stays_so_when_a_rule_vanishes_until_they_resume(restarts: bool) -> None:
    p = given_back()
    if restarts:
        p.restart()
    p.run(600)
    assert (makings(p), share(p), share(p, key="s")) == ([], 0, 0)
    assert (phase_of(p.state), p.state.condition.reason) == ("Paused", "WeightsDrifted")
    assert "s isn't there, and is made after: okra resume" in p.state.condition.message
    say(p, "resume")
    p.until(lambda: share(p) == share(p, key="s") == 1)
    assert len(makings(p)) == 1


@pytest.mark.parametrize("restarts", [False, True])
def test_what_they_lowered_in_mid_rollout_does_not_begin_anew_either(restarts: bool) -> None:
    p = at(cell(routes=("r", "s"), plan=SLOW), HALF)
    edit(p, a1=9, b1=1)
    p.until(lambda: p.state.hold is not None)
    p.world.defaults["s"] = {tg("a1-s"): 1}
    p.world.vanish("s")
    if restarts:
        p.restart()
    p.run(600)
    assert (makings(p), share(p), p.state.phase) == ([], 0, Phase.IDLE)
    assert (phase_of(p.state), p.state.condition.reason) == ("Paused", "WeightsDrifted")
    say(p, "resume")
    p.until(lambda: share(p) == share(p, key="s") == 1)


# -- other requests ------------------------------------------------------------------------------------------------


def test_a_rule_for_other_requests_is_left_alone_and_said() -> None:
    p = cell()
    p.world.takes["r"] = "it takes host-header: a.io and should take host-header: b.io"
    p.run(120)
    assert (shown(p), p.state.condition.reason, p.rest) == ({"a1": 1}, "RuleDiffers", Rest.FAILED)
    assert "host-header: a.io" in p.state.condition.message
    assert not any(isinstance(effect, SetWeights | CreateRule) for effect in p.trace)
    p.world.takes.clear()
    ended(p)
    assert share(p) == 1


def test_one_that_becomes_so_in_mid_rollout_is_raised_no_further() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.world.takes["r"] = "it takes more"
    p.run(600)
    assert (share(p), p.state.condition.reason) == (HALF, "RuleDiffers")


def test_but_what_fails_on_it_is_taken_off() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.world.takes["r"] = "it takes more"
    p.world.groups[tg("b1")].healthy = 0
    p.until(lambda: share(p) == 0)
    assert failure(p) == "CanaryUnhealthy"
