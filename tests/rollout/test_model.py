"""A hypothesis state machine drives the core through faults, people and time in any order, and holds the design's
invariants at every write and at the end. `OKRA_MODEL=thorough` looks much longer, and elsewhere each time."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rollout.model.goals import GoalRules
from tests.rollout.model.rules_faults import FaultRules
from tests.rollout.model.rules_people import PeopleRules
from tests.rollout.model.rules_world import WorldRules

THOROUGH = os.environ.get("OKRA_MODEL") == "thorough"
EXAMPLES = int(os.environ.get("OKRA_MODEL_EXAMPLES", "20000" if THOROUGH else "200"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    derandomize=not THOROUGH,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Rollout(WorldRules, FaultRules, PeopleRules):
    """One Cell, its world, its people, and a stale leader."""


class Distribution(GoalRules, WorldRules, FaultRules, PeopleRules):
    """One ALB: from whatever its rule does to whatever its spec names."""


@pytest.mark.timeout(1800)
def test_the_invariants_hold_in_every_order_of_faults_people_and_time() -> None:
    run_state_machine_as_test(Rollout, settings=SETTINGS)


@pytest.mark.timeout(1800)
def test_the_invariants_hold_on_the_way_from_any_distribution_to_any_other() -> None:
    run_state_machine_as_test(Distribution, settings=settings(SETTINGS, max_examples=EXAMPLES // 2))
