"""Nothing is silent, and nothing is told that didn't happen: what each turn says, and when."""

from __future__ import annotations

from fractions import Fraction

import pytest

from okra.rollout.effects import Emit, Persist, SetWeights
from okra.rollout.observation import Verdict
from okra.rollout.policy import OnFailure
from okra.rollout.words import retry, sentence
from tests.rollout.cases import NEW, at, cell, edit, ended, failing, once, reasons, rollout, say, share, shown, writes
from tests.rollout.process import UNMADE

HALF = Fraction(1, 2)


def test_what_has_happened_is_told_though_the_write_after_it_is_not_made() -> None:
    p = at(cell(), HALF)
    p.fault = once(UNMADE)
    p.world.events.clear()
    p.world.command("abort")
    p.discover()
    p.run(0.1)
    assert reasons(p)[:2] == ["Command", "Aborted"]
    p.until(lambda: share(p) == 0)
    p.run(0.1)
    assert reasons(p).count("Aborted") == 1
    assert reasons(p).count("Reverting") == 1, "of the write that was made, not of the one that wasn't"


def test_a_write_that_is_not_made_is_not_told() -> None:
    p = cell()
    p.fault = once(UNMADE)
    p.until(lambda: "GatePassed" in reasons(p))
    assert writes(p)[:2] == [{"a1": 1, "b1": 0}] * 2
    assert reasons(p)[:4] == ["Adopted", "RolloutStarted", "WritingAgain", "WeightsConfirmed"]


def test_each_write_is_told_after_it_and_what_led_to_it_before() -> None:
    p = at(cell(routes=("r", "s")), Fraction(1, 4))
    p.trace.clear()
    p.world.command("abort")
    p.discover()
    p.run(0.1)
    told = [effect.reason if isinstance(effect, Emit) else type(effect) for effect in p.trace]
    assert told[:7] == [Persist, "Command", "Aborted", SetWeights, "Reverting", SetWeights, "Reverting"]


def test_a_person_is_told_of_a_hold_though_nothing_could_be_put_back() -> None:
    """A person took traffic off the canary, and put it where it may not be."""
    p = at(cell(1, 1), HALF)
    p.world.add(None, "x1")
    p.fault = once(UNMADE)
    edit(p, a1=4, b1=1, x1=5)
    p.until(lambda: p.state.hold is not None)
    p.run(0.01)
    assert ("WeightsDrifted" in reasons(p), "WeightsPutBack" in reasons(p)) == (True, False)
    p.until(lambda: shown(p).get("x1", 0) == 0)
    assert reasons(p).count("WeightsDrifted") == 1


@pytest.mark.parametrize("action", OnFailure)
def test_a_failed_check_is_told_once_by_whoever_measured_it(action: OnFailure) -> None:
    p = cell(checks=("c",), on_failure=action)
    failing(NEW)(p)
    p.until(lambda: p.state.rollout is not None)
    p.until(lambda: rollout(p).failure is not None)
    p.run(30)
    assert "CheckFailed" not in reasons(p)
    assert ("Reverted" if action is OnFailure.ROLLBACK else "Stopped") in reasons(p)


def test_prechecks_that_never_passed_are_told_when_patience_ends() -> None:
    p = cell(prechecks=("c",), failure_delay=30.0)
    failing(NEW)(p)
    ended(p)
    assert reasons(p).count("PrecheckFailed") == 1


def test_an_inconclusive_check_says_what_a_person_can_do() -> None:
    p = cell(checks=("c",))
    failing(NEW, verdict=Verdict.INCONCLUSIVE)(p)
    p.until(lambda: p.state.hold is not None)
    p.run(0.1)
    assert reasons(p).count("Inconclusive") == 1
    assert p.world.events[-1].message == "Check c is inconclusive: c Inconclusive. To measure again: okra retry web"
    assert say(p, "retry") == "resumed"


@pytest.mark.parametrize(
    ("said", "then"), [("0.06 > max 0.02", "0.06 > max 0.02."), ("No data. ", "No data."), ("?", "?")]
)
def test_what_a_check_says_ends_with_a_full_stop_before_the_next_sentence(said: str, then: str) -> None:
    assert sentence(said) == then


def test_the_way_to_try_again_names_the_version() -> None:
    """By then another one may have been the last."""
    p = cell(checks=("c",))
    failing(NEW)(p)
    ended(p)
    p.run(1.0)
    said = "1.0.0 holds the traffic. Check c failed at 25 %: c Failed. To try it again: okra retry web 1.1.0"
    assert p.state.condition.message == said
    assert retry("web", "1 1") == "okra retry web '1 1'"
