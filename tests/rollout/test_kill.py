"""SIGKILL at every boundary between two effects: the next process goes on to the same end."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from okra.rollout.effects import Effect
from okra.rollout.state import Outcome, Phase
from tests.rollout.cases import NEW, OLD, cell, failing, rollout, share, shown
from tests.rollout.process import Cut, Process
from tests.rollout.world import canary_plan, tg

TEN = canary_plan(10, 100, 2.0)
HOUR = 3600.0


def good() -> Process:
    return cell(plan=TEN, checks=("c",), bake_time=3.0, postchecks=("post",), prechecks=("pre",), retain_for=0.0)


def bad() -> Process:
    p = good()
    failing(NEW, check="post")(p)
    return p


def cut_at(nth: int) -> Callable[[Effect], str | None]:
    left = [nth]

    def fault(effect: Effect) -> str | None:
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return None

    return fault


def finish(p: Process, cut: int = 0) -> Process:
    """To the end, killed before the effect of this number."""
    if cut:
        p.fault = cut_at(cut)
    try:
        p.run(900)
    except Cut:
        p.fault = lambda effect: None
        p.restart()
        p.run(900)
    return p


def effects_of(p: Process) -> int:
    count = [0]

    def fault(effect: Effect) -> str | None:
        count[0] += 1
        return None

    p.fault = fault
    p.run(900)
    return count[0]


def shares(p: Process) -> list[Fraction]:
    """The canary's shares in the order in which they were first reached."""
    return list(dict.fromkeys(Fraction(w.get(tg("b1"), 0), sum(w.values())) for _, _, w in p.world.history))


def test_a_ten_step_rollout_ends_the_same_wherever_it_is_killed() -> None:
    total = effects_of(good())
    assert total > 100
    for nth in range(1, total + 1):
        p = finish(good(), nth)
        assert p.state.stable_version == NEW, f"killed before effect {nth}: {p.told()}"
        assert shown(p) == {"b1": 1}, f"killed before effect {nth}"
        assert shares(p) == [Fraction(k, 10) for k in range(11)], f"killed before effect {nth}"


def test_a_failing_rollout_ends_the_same_wherever_it_is_killed() -> None:
    total = effects_of(bad())
    for nth in range(1, total + 1):
        p = finish(bad(), nth)
        assert (share(p), p.state.stable_version) == (0, OLD), f"killed before effect {nth}: {p.told()}"
        assert p.state.is_blocked(NEW), f"killed before effect {nth}"
        assert (p.state.phase, rollout(p).outcome) == (Phase.IDLE, Outcome.FAILED)


@pytest.mark.parametrize("every", [7, 11, 23])
def test_a_process_that_is_killed_again_and_again_gets_there(every: int) -> None:
    p = good()
    end = p.world.now + HOUR
    while p.state.stable_version != NEW and p.world.now < end:
        p.fault = cut_at(every * 3)
        try:
            p.run(60)
        except Cut:
            p.restart()
    assert share(p) == 1
