"""A Cell whose spec makes no sense: said, and nothing else done."""

from __future__ import annotations

from okra.api.findings import Finding
from okra.rollout.compile import invalid
from okra.rollout.effects import Persist, Release
from okra.rollout.machine import decide
from okra.rollout.observation import Observation
from okra.rollout.state import State

BROKEN = invalid([Finding("spec.replicas", "must be a whole number")])


def test_an_invalid_spec_is_a_condition_and_no_other_effect() -> None:
    decision = decide(BROKEN, State(), Observation(), 1.0)
    assert [type(effect) for effect in decision.effects] == [Persist]
    assert decision.state.condition.reason == "InvalidSpec"
    assert "spec.replicas" in decision.state.condition.message
    assert not decide(BROKEN, decision.state, Observation(), 2.0).effects


def test_an_invalid_cell_at_rest_can_be_deleted() -> None:
    assert Release() in decide(BROKEN, State(), Observation(deleting=True), 1.0).effects
