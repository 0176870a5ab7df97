"""Steps, checks, bake, lockstep: how a rollout goes forward."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.effects import Observe, RunChecks, SetWeights
from okra.rollout.observation import SeriesResult, Verdict
from okra.rollout.state import Outcome, Phase, Step, StepKind
from tests.rollout.cases import (
    FAST,
    NEW,
    at,
    cell,
    edit,
    ended,
    failing,
    failure,
    reasons,
    rollout,
    say,
    share,
    shown,
    writes,
)
from tests.rollout.process import DROPPED, Process
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)


def test_ten_steps_go_to_a_hundred_percent_in_eleven_writes() -> None:
    p = cell(plan=canary_plan(10, 100, 5.0))
    ended(p)
    shares = [Fraction(w.get("b1", 0), sum(w.values())) for w in writes(p)]
    assert shares == [Fraction(k, 10) for k in range(11)]
    assert p.state.previous_version == "1.0.0"
    assert rollout(p).outcome is Outcome.SYNCED


def test_each_step_lasts_its_interval_after_the_weight_has_propagated() -> None:
    p = cell(plan=canary_plan(50, 100, 30.0), propagation_delay=15.0)
    at(p, HALF)
    began = p.world.now
    at(p, 1)
    assert 44.0 <= p.world.now - began <= 48.0


def test_a_series_begins_after_the_interval_and_counts_only_later_data() -> None:
    p = at(cell(checks=("c",), propagation_delay=15.0), Fraction(1, 4))
    confirmed = p.state.routes[0].confirmed_at
    assert confirmed is not None
    p.run(19.0)
    assert not [e for e in p.trace if isinstance(e, RunChecks)]
    p.run(3.0)
    series = [e for e in p.trace if isinstance(e, RunChecks)]
    assert [e.not_before for e in series] == [confirmed + 15.0]


def test_nothing_goes_on_without_a_verdict() -> None:
    p = at(cell(checks=("c", "d")), Fraction(1, 4))
    p.world.verdicts = lambda check, token: Verdict.PASSED if check == "c" else None
    p.run(600)
    assert share(p) == Fraction(1, 4)


def test_a_series_counts_only_if_the_weights_read_after_it_are_the_same() -> None:
    p = cell(checks=("c",))
    p.world.verdicts = lambda check, token: None
    at(p, Fraction(1, 4))
    p.run(12.0)
    looked = len([e for e in p.trace if isinstance(e, Observe)])
    p.deliver("c", Verdict.PASSED)
    edit(p, a1=9)
    p.settle()
    assert len([e for e in p.trace if isinstance(e, Observe)]) > looked
    p.run(30.0)
    assert p.state.hold is not None
    assert rollout(p).step == 0


def test_a_series_counts_only_with_a_read_that_begins_after_it() -> None:
    """However short ago the last one was: what somebody set in between is seen, and not written over."""
    p = cell(checks=("c",))
    p.world.verdicts = lambda check, token: None
    at(p, Fraction(1, 4))
    p.run(12.0)
    p.discover()
    edit(p, a1=9)
    p.deliver("c", Verdict.PASSED)
    p.settle()
    assert (rollout(p).step, rollout(p).series) == (0, 0)
    assert shown(p)["a1"] == 9


@pytest.mark.parametrize(
    "other",
    [{"rollout": 9}, {"step": 3}, {"attempt": 9}, {"series": 1}],
)
@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE])
def test_a_verdict_of_another_attempt_is_ignored(other: dict[str, int], verdict: Verdict) -> None:
    p = cell(checks=("c",))
    p.world.verdicts = lambda check, token: None
    at(p, Fraction(1, 4))
    p.run(10)
    token = replace(rollout(p).token, **other)
    p.see(results=(SeriesResult("c", token, verdict, "late", p.world.tick()),))
    p.run(30)
    assert (share(p), p.state.phase, p.state.hold) == (Fraction(1, 4), Phase.STEP, None)


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_what_says_nothing_about_the_app_pauses_and_measures_again_on_retry(verdict: Verdict) -> None:
    p = cell(checks=("c",))
    failing(NEW, verdict=verdict)(p)
    at(p, Fraction(1, 4))
    p.run(120)
    assert (share(p), p.state.hold and p.state.hold.reason) == (Fraction(1, 4), "Inconclusive")
    p.world.verdicts = lambda check, token: Verdict.PASSED
    say(p, "retry")
    ended(p)
    assert share(p) == 1


def test_an_inconclusive_check_reverts_where_it_is_asked_to() -> None:
    p = cell(checks=("c",), revert_when_inconclusive=frozenset({"c"}))
    failing(NEW, verdict=Verdict.INCONCLUSIVE)(p)
    ended(p)
    assert (share(p), rollout(p).outcome) == (0, Outcome.FAILED)


def explicit(*steps: Step) -> Process:
    return cell(plan=(Step(StepKind.SET_WEIGHT, HALF), *steps, Step(StepKind.SET_WEIGHT, Fraction(1))), checks=("c",))


def test_a_timed_pause_ends_by_itself_and_checks_go_on_in_it() -> None:
    p = explicit(Step(StepKind.PAUSE, HALF, 300.0))
    at(p, HALF)
    p.run(200)
    assert (share(p), p.state.condition.reason) == (HALF, "PauseStep")
    assert len({e.token for e in p.trace if isinstance(e, RunChecks)}) > 2
    failing(NEW)(p)
    ended(p)
    assert share(p) == 0


def test_an_endless_pause_lasts_until_resume() -> None:
    p = explicit(Step(StepKind.PAUSE, HALF, None))
    at(p, HALF)
    p.run(4000)
    assert share(p) == HALF
    assert "okra resume web" in p.state.condition.message
    assert say(p, "resume") == "resumed"
    ended(p)
    assert share(p) == 1


def test_an_approval_is_awaited_and_given_once() -> None:
    p = explicit(Step(StepKind.APPROVAL, HALF, None))
    at(p, HALF)
    p.run(4000)
    assert (share(p), p.state.condition.reason) == (HALF, "ApprovalNeeded")
    assert say(p, "approve") == "approved"
    ended(p)
    assert share(p) == 1
    assert "no approval is awaited" in say(p, "approve")


def test_an_analysis_runs_its_own_checks() -> None:
    p = explicit(Step(StepKind.ANALYSIS, HALF, 30.0, ("deep",)))
    p.run(1.0)
    p.until(lambda: p.state.condition.reason == "Analyzing")
    ended(p)
    assert ("deep",) in {e.checks for e in p.trace if isinstance(e, RunChecks)}
    assert share(p) == 1


def test_bake_keeps_checking_and_a_failure_there_still_reverts() -> None:
    p = cell(checks=("c",), bake_time=120.0)
    p.run(1.0)
    p.until(lambda: p.state.phase is Phase.BAKE)
    assert p.state.condition.reason in ("Baking", "Progressing")
    p.run(10)
    assert p.state.condition.reason == "Baking"
    failing(NEW)(p)
    ended(p)
    assert (share(p), p.state.is_blocked(NEW)) == (0, True)


def test_postchecks_are_last_and_can_fail() -> None:
    p = cell(postchecks=("post",), bake_time=5.0)
    p.world.verdicts = lambda check, token: None
    p.run(1.0)
    p.until(lambda: p.state.condition.reason == "Postchecking")
    assert share(p) == 1
    p.deliver("post", Verdict.FAILED)
    ended(p)
    assert (share(p), failure(p)) == (0, "PostcheckFailed")


def test_postchecks_that_pass_complete_the_rollout() -> None:
    p = cell(postchecks=("post",))
    ended(p)
    assert (share(p), p.state.stable_version) == (1, NEW)


def test_all_routes_move_together_and_wait_for_the_slowest() -> None:
    p = cell(routes=("r", "s", "t"))
    p.world.groups[tg("b1-t")].healthy = 0
    p.run(60)
    assert [share(p, key=key) for key in ("r", "s", "t")] == [0, 0, 0]
    p.world.groups[tg("b1-t")].healthy = 2
    for quarter in (1, 2, 3, 4):
        p.until(lambda: all(share(p, key=key) == Fraction(quarter, 4) for key in ("r", "s", "t")))  # noqa: B023
        assert rollout(p).step == quarter - 1 or p.state.phase is Phase.IDLE


def test_a_route_that_refuses_for_good_takes_the_others_back() -> None:
    p = at(cell(routes=("r", "s")), Fraction(1, 4))
    p.fault = lambda effect: "refused" if getattr(effect, "route", "") == "s" else None
    p.until(lambda: p.state.phase is Phase.REVERT)
    p.fault = lambda effect: None
    ended(p)
    assert [share(p, key=key) for key in ("r", "s")] == [0, 0]
    assert rollout(p).failure is not None
    assert not p.state.blocked
    assert p.state.condition.reason == "RolledBack"


def test_a_refused_write_is_told_and_tried_again_ever_more_slowly() -> None:
    p = at(cell(), Fraction(1, 4))
    p.fault = lambda effect: "refused" if type(effect).__name__ == "SetWeights" else None
    tried = len(writes(p))
    p.run(200)
    assert 5 <= len(writes(p)) - tried <= 14
    assert p.state.condition.reason == "Refused"
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 1


def test_a_deadline_is_said_once_and_reverts_only_where_asked_to() -> None:
    p = cell(checks=("c",), progress_deadline=30.0)
    p.world.verdicts = lambda check, token: None
    p.run(300)
    assert share(p) == Fraction(1, 4)
    assert reasons(p).count("ProgressDeadlineExceeded") == 1
    assert p.state.warnings
    p.policy = replace(p.policy, deadline_reverts=True)
    ended(p)
    assert (share(p), rollout(p).outcome) == (0, Outcome.FAILED)


def test_the_deadline_stands_still_while_a_person_is_awaited() -> None:
    p = cell(progress_deadline=60.0, deadline_reverts=True)
    at(p, Fraction(1, 4))
    say(p, "pause")
    p.run(4000)
    say(p, "resume")
    ended(p)
    assert share(p) == 1


def test_the_deadline_counts_only_time_in_which_okra_watched() -> None:
    p = at(cell(progress_deadline=60.0, deadline_reverts=True), Fraction(1, 4))
    p.world.now += 5000
    ended(p)
    assert share(p) == 1


def test_time_in_which_nobody_watched_does_not_count() -> None:
    p = at(cell(plan=canary_plan(50, 100, 100.0)), HALF)
    p.run(10)
    p.world.now += 5000
    p.restart()
    p.settle()
    p.run(30)
    assert share(p) == HALF


@pytest.mark.parametrize("by", [-3600.0, 3600.0])
def test_a_clock_that_jumps_changes_nothing(by: float) -> None:
    p = at(cell(checks=("c",)), HALF)
    p.run(2.0)
    p.world.set_clock(by)
    p.run(2.0)
    assert share(p) == HALF
    ended(p)
    assert share(p) == 1


def test_the_plan_is_frozen_when_the_rollout_starts() -> None:
    p = at(cell(), Fraction(1, 4))
    p.policy = replace(p.policy, plan=canary_plan(100, 100, 5.0))
    p.until(lambda: share(p) != Fraction(1, 4))
    assert share(p) == HALF
    assert rollout(p).plan == FAST


def test_shown_weights_are_small_integers() -> None:
    p = at(cell(2, 2), HALF)
    assert shown(p) == {"a1": 1, "a2": 1, "b1": 1, "b2": 1}


@pytest.mark.parametrize(("wait", "apart"), [(0.0, 10.0), (15.0, 25.0), (600.0, 40.0)])
def test_polls_stretch_while_the_budget_is_short_and_watched_time_goes_on(wait: float, apart: float) -> None:
    p = at(cell(plan=canary_plan(50, 100, 200.0)), HALF)
    p.see(read_wait=wait)
    p.run(50, discovery=1000.0)
    p.trace.clear()
    began = p.state.watch.step
    p.run(120, discovery=1000.0)
    assert sum(isinstance(effect, Observe) for effect in p.trace) in (int(120 / apart), int(120 / apart) + 1)
    assert p.state.watch.step - began > 120 - 2 * apart


def test_a_revert_is_looked_at_as_often_as_ever_while_the_budget_is_short() -> None:
    p = at(cell(), HALF)
    p.see(read_wait=600.0)
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    say(p, "abort")
    p.trace.clear()
    p.run(60, discovery=1000.0)
    assert sum(isinstance(effect, Observe) for effect in p.trace) >= 6
