"""The write protocol: what confirms, what is lost, what is drift, and who may still write."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from okra.rollout import verify
from okra.rollout.effects import Effect, Emit, Persist, SetWeights
from okra.rollout.observation import Observation, RouteReading, Write, WriteOutcome
from okra.rollout.state import RouteState
from okra.rollout.verify import Seen, classify
from tests.rollout.cases import at, cell, edit, ended, once, rollout, share, shown, writes
from tests.rollout.process import DOWN, DROPPED, LATE, LOST, REFUSED, Process
from tests.rollout.world import canary_plan, tg

A, B, C = "a", "b", "c"
BEFORE, ASKED, OTHER, LATER = {A: 1, B: 0}, {A: 9, B: 1}, {A: 1, B: 1}, {A: 4, B: 1}
ACK, UNKNOWN = WriteOutcome.ACKNOWLEDGED, WriteOutcome.UNKNOWN


def seen(
    weights: dict[str, int],
    *,
    confirmed: float | None = None,
    wrote: WriteOutcome | None = ACK,
    began: float = 20.0,
    earlier: tuple[dict[str, int], float] | None = None,
    serial: int = 1,
) -> Seen:
    """One route asked from BEFORE to ASKED, written at 10, read at `began`, `earlier` before that."""
    route = RouteState(
        "r",
        canary=(B,),
        asked=ASKED,
        basis=BEFORE if confirmed is None else {},
        serial=1,
        confirmed_at=confirmed,
        unacknowledged=(LATER,),
    )
    obs = Observation(
        readings={"r": RouteReading("r", began, weights)},
        previous={"r": RouteReading("r", earlier[1], earlier[0])} if earlier else {},
        writes={"r": Write(serial, wrote, 10.0)} if wrote else {},
    )
    return classify(route, obs)


def test_a_read_begun_after_the_answer_confirms() -> None:
    assert seen(ASKED) is Seen.CONFIRMED
    assert seen({A: 18, B: 2}) is Seen.CONFIRMED
    assert seen({**ASKED, C: 0}) is Seen.CONFIRMED


def test_a_matching_read_begun_before_the_answer_confirms_nothing() -> None:
    assert seen(ASKED, began=9.9) is Seen.REREAD


@pytest.mark.parametrize("wrote", [None, UNKNOWN, WriteOutcome.REFUSED])
def test_without_an_answer_a_matching_read_confirms_nothing(wrote: WriteOutcome | None) -> None:
    assert seen(ASKED, wrote=wrote) is Seen.LOST
    assert seen(BEFORE, wrote=wrote) is Seen.LOST


def test_the_answer_to_another_ask_confirms_nothing() -> None:
    assert seen(ASKED, serial=2) is Seen.LOST


def test_what_is_confirmed_stays_so_for_a_process_that_begins() -> None:
    assert seen(ASKED, confirmed=12.0, wrote=None) is Seen.CONFIRMED


def test_an_older_ask_that_lands_late_is_lost_and_no_drift() -> None:
    assert seen(LATER, confirmed=12.0) is Seen.LOST
    assert seen(LATER, wrote=None) is Seen.LOST


def test_soon_after_the_answer_a_read_may_be_stale() -> None:
    assert seen(LATER, began=12.0) is Seen.REREAD
    assert seen(BEFORE, began=12.9) is Seen.REREAD


@pytest.mark.parametrize(
    ("earlier", "verdict"),
    [
        (None, Seen.REREAD),
        ((ASKED, 16.0), Seen.REREAD),
        ((OTHER, 18.0), Seen.REREAD),  # too close: both may be stale
        ((OTHER, 9.0), Seen.REREAD),  # begun before the answer
        ((OTHER, 16.0), Seen.DRIFT),
        ((OTHER, 25.0), Seen.REREAD),  # the clock was set back
    ],
)
def test_drift_needs_two_reads_that_agree(earlier: tuple[dict[str, int], float] | None, verdict: Seen) -> None:
    assert seen(OTHER, confirmed=12.0, earlier=earlier) is verdict


def test_a_member_at_0_that_is_gone_is_no_drift() -> None:
    asked = {A: 1, B: 0}
    route = RouteState("r", asked=asked, serial=1, confirmed_at=1.0)
    obs = Observation(readings={"r": RouteReading("r", 20.0, {A: 1})}, previous={"r": RouteReading("r", 10.0, {A: 1})})
    assert classify(route, obs) is Seen.MEMBERS


def test_a_detachment_is_confirmed_when_the_group_is_gone() -> None:
    assert not verify.present({A: 1}, {A: 1, B: 0}, {A: 1, B: 0})
    assert verify.present({A: 1}, {A: 1, C: 0}, {A: 1, B: 0})


def test_agreement_needs_both_reads() -> None:
    assert not verify.agree(Observation(), "r")


def test_every_ask_is_persisted_before_it_is_written_with_a_serial_of_its_own() -> None:
    p = cell()
    ended(p)
    serials = []
    acts = [effect for effect in p.trace if not isinstance(effect, Emit)]
    for before, effect in pairwise(acts):
        if isinstance(effect, SetWeights):
            assert isinstance(before, Persist)
            asked = before.state.routes[0]
            assert (dict(asked.asked), asked.serial, asked.confirmed_at) == (dict(effect.weights), effect.serial, None)
            serials.append(effect.serial)
    assert serials == sorted(set(serials))


@pytest.mark.parametrize("fault", [LOST, DROPPED, REFUSED, LATE])
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_write_without_an_answer_is_made_again_and_no_step_is_skipped(fault: str, nth: int) -> None:
    p = cell(checks=("c",))
    p.fault = once(fault, after=nth - 1)
    ended(p)
    shares = [Fraction(w.get(tg("b1"), 0), sum(w.values())) for _, _, w in p.world.history]
    steps = list(dict.fromkeys(shares))
    assert steps == [0, Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), 1]
    assert share(p) == 1


@pytest.mark.parametrize("fault", [DOWN, LOST])
def test_a_status_write_without_an_answer_is_decided_again(fault: str) -> None:
    p = cell(checks=("c",))
    for nth in range(8):
        p.fault = once(fault, Persist, after=nth)
        p.run(10)
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 1


def test_a_frozen_leader_fails_on_the_revision_and_does_no_harm() -> None:
    p = at(cell(checks=("c",), plan=canary_plan(25, 100, 30.0)), Fraction(1, 4))
    frozen = Process(p.world, p.policy, state=p.state, obs=p.obs)
    frozen.state, frozen.revision, frozen.obs = p.state, p.world.revision, p.obs
    p.run(100)
    reached = share(p)
    assert reached > Fraction(1, 4)
    frozen.discover()
    for _ in range(20):
        frozen.advance()
        if frozen.lost_race:
            break
    assert share(p) == reached
    at(p, 1)


def test_a_frozen_leaders_last_write_is_put_right() -> None:
    p = at(cell(plan=canary_plan(25, 100, 60.0)), Fraction(1, 4))
    held: list[SetWeights] = []

    def hold(effect: Effect) -> str | None:
        if isinstance(effect, SetWeights) and not held:
            held.append(effect)
            return DROPPED
        return None

    p.fault = hold
    p.until(lambda: bool(held))
    successor = Process(p.world, p.policy)
    at(successor, Fraction(3, 4))
    p.world.write("r", held[0].weights, "late")
    successor.run(40)
    assert share(successor) in (Fraction(3, 4), 1)
    assert successor.state.hold is None


def test_a_new_process_begins_the_interval_and_the_series_again_where_its_write_was_not_answered() -> None:
    p = cell(checks=("c",))
    p.fault = once(LOST, after=1)
    p.until(lambda: share(p) == Fraction(1, 4))
    attempt = rollout(p).attempt
    p.restart()
    p.run(3.0)
    assert rollout(p).attempt > attempt
    ended(p)
    assert share(p) == 1


def test_a_write_rests_on_a_route_that_was_just_read() -> None:
    """A person's edit of a moment ago is seen, not overwritten."""
    p = at(cell(plan=canary_plan(25, 100, 7.0)), Fraction(1, 2))
    edit(p, a1=1, b1=0)
    p.run(60)
    assert shown(p) == {"a1": 1, "b1": 0}
    assert len(writes(p)) == 3


def test_what_was_not_answered_is_remembered_within_bounds() -> None:
    p = at(cell(), Fraction(1, 4))
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    p.run(400)
    assert len(p.state.routes[0].unacknowledged) == 1
    assert p.state.routes[0].unacknowledged == (p.state.routes[0].asked,)
