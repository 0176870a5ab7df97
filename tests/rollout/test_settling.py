"""A route that was tagged as ours just now: what may go on, and what waits until no other claim can land."""

from __future__ import annotations

from okra.rollout.effects import Claim, SetWeights
from okra.rollout.observation import Problem
from okra.rollout.policy import OnDrift
from okra.rollout.state import Phase
from tests.rollout.cases import NEW, OLD, at, cell, edit, ended, shown, writes
from tests.rollout.process import Process
from tests.rollout.world import tg

SETTLE = 13.0


def settling(p: Process, seconds: float = SETTLE) -> float:
    """The claim is that young. Returns when it is over."""
    until = p.world.now + seconds
    p.see(settling={"r": until})
    return until


def decided_after(p: Process, until: float) -> list[type]:
    """The kinds of effects that are decided on then."""
    p.world.now = until + 0.1
    p.advance()
    return [type(effect) for effect in p.pending]


def test_a_rollout_begins_and_says_what_its_first_write_waits_for() -> None:
    p = cell()
    until = settling(p)
    p.run(SETTLE - 1)
    assert (p.state.phase, p.state.condition.reason) == (Phase.GATE, "Claiming")
    assert not writes(p)
    assert p.wake is not None
    assert p.wake <= until
    p.see(settling={})
    at(p, 1)


def test_when_the_time_is_over_the_tag_is_read_again_before_anything_is_written() -> None:
    p = cell()
    until = settling(p)
    p.run(SETTLE - 1)
    kinds = decided_after(p, until)
    assert Claim in kinds
    assert SetWeights not in kinds


def test_a_tag_that_may_not_be_read_is_not_asked_for_in_a_loop() -> None:
    p = cell()
    until = settling(p)
    p.run(SETTLE - 1)
    p.see(problems={"r": Problem("AccessDenied", "allow DescribeTags")})
    assert Claim not in decided_after(p, until)


def test_a_first_placement_waits_too() -> None:
    p = cell(0, 1, replicas=1, weights={})
    settling(p)
    p.run(SETTLE - 1)
    assert (p.state.phase, p.state.condition.reason) == (Phase.STEP, "Claiming")
    assert not writes(p)
    p.see(settling={})
    p.until(lambda: p.state.stable_version == NEW)


def test_weights_that_somebody_sets_are_put_back_only_when_the_route_is_surely_ours() -> None:
    p = ended(cell(on_drift=OnDrift.REASSERT, retain_for=10_000.0))
    settling(p, 60.0)
    edit(p, a1=1)
    p.run(50)
    assert shown(p) == {"a1": 1, "b1": 1}
    p.see(settling={})
    p.until(lambda: shown(p) == {"a1": 0, "b1": 1})


def test_stable_weights_are_restored_only_when_the_route_is_surely_ours() -> None:
    p = cell()
    p.world.verdicts = lambda check, token: None
    p.until(lambda: p.world.share(NEW) > 0)
    p.world.groups[tg("b1")].healthy = 0
    p.until(lambda: p.state.phase is Phase.IDLE)
    settling(p, 100.0)
    p.world.write("r", {tg("a1"): 1, tg("b1"): 1}, "late")
    before = len(writes(p))
    p.run(50)
    assert len(writes(p)) == before
    p.see(settling={})
    p.until(lambda: p.world.share(OLD) == 1)


def test_a_revert_waits_for_nothing() -> None:
    p = cell()
    p.until(lambda: p.world.share(NEW) > 0)
    settling(p, 1000.0)
    p.world.command("abort")
    p.run(30)
    assert p.world.share(NEW) == 0
