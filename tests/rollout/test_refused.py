"""A write that AWS refuses, and goes on refusing: what is said, and who may go."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.effects import Effect, SetWeights
from okra.rollout.rest import Rest, rest
from okra.rollout.state import Phase
from tests.rollout.cases import at, cell, share
from tests.rollout.process import REFUSED, Process

HALF = Fraction(1, 2)


def refused(effect: Effect) -> str | None:
    return REFUSED if isinstance(effect, SetWeights) else None


def rest_of(p: Process) -> Rest:
    return rest(p.policy, p.state, p.obs)


def test_beyond_the_gate_the_condition_says_that_it_is_tried_again_and_nobody_goes() -> None:
    p = at(cell(), HALF)
    p.fault = refused
    p.until(lambda: p.state.condition.permanent)
    said = p.state.condition.message
    assert said.startswith("AWS says Refused. ")
    assert "tried again" in said
    p.run(600)
    assert (p.state.condition.message, rest_of(p), share(p)) == (said, Rest.MOVING, HALF)
    p.fault = lambda effect: None
    at(p, 1)


def test_at_the_gate_nothing_has_moved_and_it_is_a_failure() -> None:
    p = cell()
    p.fault = refused
    p.until(lambda: p.state.condition.permanent)
    assert (p.state.phase, rest_of(p)) == (Phase.GATE, Rest.FAILED)
    assert "tried again" not in p.state.condition.message


def test_a_first_placement_that_is_refused_is_a_failure() -> None:
    p = cell(0, 1, replicas=1, weights={})
    p.fault = refused
    p.until(lambda: p.state.condition.permanent)
    assert (p.state.phase, rest_of(p)) == (Phase.STEP, Rest.FAILED)


def test_a_route_that_another_took_is_left_to_it() -> None:
    p = at(cell(), HALF)
    p.see(owners={"r": "other/default/web"})
    p.until(lambda: p.state.condition.reason == "RouteConflict")
    assert rest_of(p) is Rest.FAILED
