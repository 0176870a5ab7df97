"""The tests are tested: each small breakage of the core is noticed by a scenario that passes without it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rollout import mutants, mutants_of_goals, mutants_of_progress, mutants_of_safety
from tests.rollout.mutating import MUTANTS
from tests.rollout.test_model import Distribution, Rollout

BY_THE_MODEL = (
    "guard_off",
    "drift_always_reasserted",
    "gate_ignores_health",
    "aborts_undone_as_if_our_write_was_lost",
    "another_owner_is_ignored",
)
__all__ = ["mutants", "mutants_of_goals", "mutants_of_progress", "mutants_of_safety"]  # what registers the mutants
BY_THE_MODEL_OF_GOALS = ("guard_off", "a_goal_is_reached_at_once")
QUICK = settings(
    max_examples=400,
    stateful_step_count=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_is_killed_by_a_scenario_that_passes_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, scenario = MUTANTS[name]
    scenario()
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        scenario()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BY_THE_MODEL)
def test_the_model_notices_by_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name][0](monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Rollout, settings=QUICK)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BY_THE_MODEL_OF_GOALS)
def test_the_model_of_goals_notices_by_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name][0](monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Distribution, settings=QUICK)
