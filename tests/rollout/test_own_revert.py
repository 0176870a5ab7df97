"""A revert that reached AWS, but no status, and a new process: what it finds may be no person's edit."""

from __future__ import annotations

from fractions import Fraction

from tests.rollout.cases import at, cell, edit
from tests.rollout.process import Process
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)
OWN = "may have been Okra's own revert"


def found(healthy: int, restarts: bool = True) -> Process:
    p = at(cell(plan=canary_plan(50, 100, 600.0)), HALF)
    p.world.groups[tg("b1")].healthy = healthy
    if restarts:
        p.restart()
    edit(p, a1=1, b1=0)
    p.run(30)
    assert p.state.hold is not None
    return p


def told(p: Process) -> str:
    assert p.state.hold is not None
    return p.state.hold.message


def test_a_new_process_says_that_it_may_have_been_the_revert_and_that_the_canary_cannot_serve() -> None:
    said = told(found(healthy=0))
    assert OWN in said
    assert "okra resume" not in said
    assert "b1 (0 of 2 targets healthy" in said


def test_with_a_healthy_canary_resume_comes_with_a_warning() -> None:
    said = told(found(healthy=2))
    assert OWN in said
    assert "Look at the canary before you go on: okra resume web" in said


def test_a_process_that_wrote_the_weights_itself_knows_better() -> None:
    assert OWN not in told(found(healthy=2, restarts=False))
