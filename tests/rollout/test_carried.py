"""A verdict whose revert reached AWS, but that no status says: who takes it over next, and when it is void."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout.effects import Persist
from okra.rollout.policy import OnDrift, Policy
from okra.rollout.state import DRIFTED, Hold, Outcome, Phase, State
from okra.rollout.verdicts import carried
from tests.rollout.cases import NEW, NEWER, at, cell, ended, rollout, route, say, share
from tests.rollout.process import DOWN, Process

HALF = Fraction(1, 2)


def reverted(p: Process) -> State:
    """A person aborts while the store is down; AWS has the revert. What this process knows, and no status."""
    at(p, HALF)
    p.fault = lambda effect: DOWN if isinstance(effect, Persist) else None
    say(p, "abort")
    p.until(lambda: share(p) == 0)
    assert (p.world.stored.phase, p.unsaved) == (Phase.STEP, True)
    return p.state


def heir(p: Process, policy: Policy | None = None) -> Process:
    """Another process, when the store is back. The command was withdrawn: nobody has said it to this one."""
    p.world.commands.clear()
    return Process(p.world, policy or p.policy)


def take_over(p: Process, kept: State) -> None:
    """What the store holds from now on, whoever wrote it there."""
    state = carried(kept, p.state)
    assert state is not None
    p.world.stored, p.world.revision = state, p.world.revision + 1
    p.load()


def assert_failed(p: Process) -> None:
    ended(p)
    assert (share(p), rollout(p).outcome, p.state.hold) == (0, Outcome.FAILED, None)
    assert p.state.condition.reason == "RolledBack"
    assert p.state.is_blocked(NEW)


def test_who_takes_a_verdict_over_ends_the_rollout_with_it() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    take_over(q, kept)
    assert (q.state.phase, q.state.condition.reason) == (Phase.REVERT, "Reverting")
    assert_failed(q)
    assert [command.verb for command in q.state.commands] == ["abort"]


def test_a_person_who_was_waited_for_before_the_verdict_still_is() -> None:
    p = cell()
    kept = replace(reverted(p), hold=Hold(DRIFTED, "Somebody lowered it.", p.world.now))
    q = heir(p)
    take_over(q, kept)
    assert (q.state.phase, q.state.hold) == (Phase.REVERT, kept.hold)


def test_a_verdict_outranks_the_edit_that_its_revert_was_taken_for() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    q.until(lambda: q.state.hold is not None)
    assert q.state.hold is not None
    assert q.state.hold.reason == DRIFTED
    take_over(q, kept)
    assert_failed(q)


def test_a_verdict_stops_who_put_the_canary_back() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p, replace(p.policy, on_drift=OnDrift.REASSERT))
    q.until(lambda: share(q) == HALF)
    take_over(q, kept)
    assert_failed(q)


def test_an_ask_after_a_verdict_was_taken_over_is_not_taken_for_an_older_one() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    asked = route(q).serial
    take_over(q, kept)
    assert route(q).serial == kept.routes[0].serial > asked


def test_a_verdict_that_is_recorded_after_all_says_nothing_new() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    take_over(q, kept)
    assert carried(kept, q.state) is None
    ended(q)
    assert carried(kept, q.state) is None


def test_a_person_who_had_a_say_since_outranks_a_verdict() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    q.until(lambda: q.state.hold is not None)
    assert say(q, "resume") == "resumed"
    assert carried(kept, q.state) is None


def test_a_verdict_concerns_no_other_rollout() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    assert carried(kept, replace(q.state, rollout=replace(rollout(q), number=7))) is None
    assert carried(kept, replace(q.state, rollout=replace(rollout(q), version=NEWER))) is None
    assert carried(kept, State()) is None


def test_a_verdict_concerns_no_rollout_that_has_ended() -> None:
    p = cell()
    kept = reverted(p)
    q = heir(p)
    synced = replace(q.state, phase=Phase.IDLE, rollout=replace(rollout(q), outcome=Outcome.SYNCED))
    assert carried(kept, synced) is None


def test_a_state_without_a_verdict_gives_none() -> None:
    p = at(cell(), HALF)
    assert carried(p.state, p.state) is None
    assert carried(State(), p.state) is None
