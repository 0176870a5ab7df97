"""A gate that is closed for now: a new leader lets its predecessor's writes land first. And a pause of every Cell."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout.effects import SetWeights
from okra.rollout.state import Outcome, Phase
from tests.rollout.cases import at, cell, ended, rollout, say, share, shown, writes

HALF = Fraction(1, 2)
SLOW = 20.0
WHO = 'Every Cell is paused by the ConfigMap okra/okra; to go on: set paused: "false" there.'


def test_what_may_not_be_written_yet_is_asked_for_again_when_it_may() -> None:
    p = cell()
    p.see(may_write=False, opens_at=p.world.now + SLOW)
    p.run(SLOW - 1)
    assert not [effect for effect in p.trace if isinstance(effect, SetWeights)]
    assert p.state.condition.reason != "ReadOnly"
    assert not any(route.serial for route in p.state.routes)
    p.run(1)
    p.see(may_write=True, opens_at=None)
    at(p, 1)


def test_a_write_that_the_gate_stopped_after_it_was_recorded_is_made_when_it_opens() -> None:
    p = at(cell(), HALF)
    p.fault = lambda effect: "dropped" if isinstance(effect, SetWeights) else None
    p.until(lambda: p.state.routes[0].confirmed_at is None)
    p.fault = lambda effect: None
    p.restart()
    p.see(may_write=False, opens_at=p.world.now + SLOW)
    p.run(SLOW)
    assert share(p) == HALF
    p.see(may_write=True, opens_at=None)
    at(p, 1)


def test_a_revert_that_waits_for_the_gate_is_no_failing_one() -> None:
    p = at(cell(), HALF)
    p.see(may_write=False, opens_at=p.world.now + SLOW)
    say(p, "abort")
    p.run(SLOW - 1)
    assert (share(p), p.state.phase, p.state.condition.reason) == (HALF, Phase.REVERT, "Reverting")
    p.run(1)
    p.see(may_write=True, opens_at=None)
    ended(p)
    assert (share(p), rollout(p).outcome) == (0, Outcome.FAILED)


def test_a_deleted_cell_is_let_go_when_the_gate_opens() -> None:
    p = cell()
    p.run(1)
    p.see(may_write=False, opens_at=p.world.now + SLOW, deleting=True)
    p.run(SLOW)
    assert not p.released
    p.see(may_write=True, opens_at=None)
    p.until(lambda: p.released)


def test_a_pause_of_every_cell_stops_progress_says_whose_it_is_and_no_resume_lifts_it() -> None:
    p = at(cell(), HALF)
    p.policy = replace(p.policy, paused=True, held_by=WHO)
    count = len(writes(p))
    p.run(100)
    assert (len(writes(p)), p.state.condition.reason, p.state.condition.message) == (count, "Paused", WHO)
    assert say(p, "resume") == f"Refused: {WHO}"
    say(p, "pause")
    assert say(p, "resume") == f"resumed, but {WHO}"
    p.policy = replace(p.policy, paused=False, held_by="")
    at(p, 1)


def test_a_pause_of_every_cell_holds_up_no_revert() -> None:
    p = at(cell(), HALF)
    p.policy = replace(p.policy, paused=True, held_by=WHO)
    say(p, "abort")
    ended(p)
    assert shown(p)["b1"] == 0
