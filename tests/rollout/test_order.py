"""The order of `ingresses` says nothing: an edit of it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout.state import Phase
from tests.rollout.cases import at, cell, edit, reasons, rollout, route
from tests.rollout.process import Process
from tests.rollout.world import canary_plan

HALF = Fraction(1, 2)


def reordered(p: Process) -> Process:
    p.policy = replace(p.policy, routes=tuple(reversed(p.policy.routes)))
    return p


def test_other_order_of_the_routes_withdraws_no_rollout() -> None:
    p = reordered(at(cell(routes=("r", "s"), plan=canary_plan(50, 100, 30.0)), HALF))
    p.run(10)
    assert (p.state.phase, rollout(p).failure) == (Phase.STEP, None)
    at(p, 1)


def test_other_order_of_the_routes_forgets_no_stable_weights() -> None:
    p = cell(old=2, new=0, routes=("r", "s"))
    p.run(10)
    before = {key: route(p, key).stable for key in ("r", "s")}
    reordered(p).run(60)
    assert {key: route(p, key).stable for key in ("r", "s")} == before
    assert reasons(p).count("Adopted") == 1
    edit(p, a1=3, a2=1)
    p.run(60)
    assert list(route(p, "r").stable.values()) == [3, 1]
