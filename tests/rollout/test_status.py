"""What is written to `status` is read back as the same state."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.state import (
    Block,
    Condition,
    Failure,
    Handled,
    Hold,
    Outcome,
    Phase,
    Rollout,
    RolloutKind,
    RouteState,
    SetAside,
    State,
    Step,
    StepKind,
    Watch,
)
from okra.rollout.status import from_status, phase_of, to_status

A, B = "arn:a", "arn:b"
FULL = State(
    phase=Phase.STEP,
    stable_version="1.0.0",
    previous_version="0.9.0",
    routes=(
        RouteState(
            key="r",
            arn="arn:r",
            stable={A: 3},
            canary=(B,),
            asked={A: 9, B: 1},
            basis={A: 3, B: 0},
            serial=4,
            confirmed_at=1_700_000_000.25,
            unacknowledged=({A: 3, B: 0},),
            lands_by=1_700_000_005.5,
            retained={"arn:c": 1_700_000_600.5},
        ),
    ),
    rollout=Rollout(
        number=3,
        version="1.1.0",
        kind=RolloutKind.CANARY,
        plan=(
            Step(StepKind.SET_WEIGHT, Fraction(1, 3), 60.0),
            Step(StepKind.PAUSE, Fraction(1, 3), None),
            Step(StepKind.ANALYSIS, Fraction(1, 3), 5.0, ("dd",)),
        ),
        started_at=1_700_000_000.0,
        step=1,
        attempt=2,
        series=1,
        approved=True,
        resumed=True,
        promoted=True,
        failing_since=1_700_000_001.0,
        failure=Failure("CheckFailed", "0.2 > 0.1", 1_700_000_002.0, Outcome.FAILED, True, False),
        ended_at=1_700_000_003.0,
    ),
    rollouts=3,
    blocked=(Block("1.0.5", "bad", 1_700_000_000.0),),
    set_aside=(SetAside("1.0.6", (B,), ("i-1:80",), "gate"),),
    hold=Hold("WeightsDrifted", "somebody", 1_700_000_000.0),
    paused=True,
    commands=(Handled("1", "pause", "me", 1_700_000_000.0, "paused"),),
    condition=Condition("WeightsDrifted", "somebody", permanent=True),
    warnings=("odd",),
    watch=Watch(1.5, 2.5, seen_at=9.0),
)

assert FULL.rollout is not None
AT_A_PAUSE = replace(FULL.rollout, promoted=False)


@pytest.mark.parametrize("state", [FULL, State(), replace(FULL, rollout=None, hold=None, phase=Phase.IDLE)])
def test_a_state_survives_the_way_through_status(state: State) -> None:
    assert from_status(to_status(state, {}, 7, 1_700_000_010.0)) == state


def test_an_empty_status_is_a_cell_never_seen() -> None:
    assert from_status({}) == State()


def test_a_status_of_another_okra_with_unknown_fields_is_read() -> None:
    assert from_status({**to_status(FULL, {}, 1, 0.0), "fromTheFuture": {"x": 1}}) == FULL


def test_nothing_in_status_is_a_map_by_arn_because_a_merge_patch_would_keep_what_is_gone() -> None:
    route = to_status(FULL, {}, 1, 0.0)["routes"][0]
    assert route["asked"] == [{"arn": A, "weight": 9}, {"arn": B, "weight": 1}]
    assert route["extras"] == [{"arn": "arn:c", "until": "2023-11-14T22:23:20.500000Z"}]


def test_a_transition_time_moves_only_with_the_status_of_its_condition() -> None:
    first = to_status(replace(FULL, hold=None), {}, 1, 100.0)
    second = to_status(FULL, first, 1, 200.0)
    times = {
        c["type"]: c["last_transition_time"] if "last_transition_time" in c else c["lastTransitionTime"]
        for c in second["conditions"]
    }
    assert set(times.values()) == {"1970-01-01T00:01:40.000000Z"}


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (State(), "Pending"),
        (State(condition=Condition("InvalidSpec", "x")), "Invalid"),
        (State(stable_version="1", condition=Condition("Synced", "x")), "Synced"),
        (State(stable_version="1", condition=Condition("WaitingForTargetGroups", "x")), "Synced"),
        (State(stable_version="1", condition=Condition("RolledBack", "x")), "Failed"),
        (State(stable_version="1", condition=Condition("RouteConflict", "x", permanent=True)), "Failed"),
        (State(condition=Condition("AmbiguousTraffic", "x")), "Paused"),
        (State(phase=Phase.GATE, rollout=FULL.rollout, condition=Condition("Waiting", "x")), "Syncing"),
        (State(phase=Phase.STOPPED, rollout=FULL.rollout, condition=Condition("Stopped", "x")), "Failed"),
        (State(phase=Phase.REVERT, rollout=FULL.rollout, condition=Condition("Reverting", "x")), "Reverting"),
        (
            State(phase=Phase.REVERT, rollout=FULL.rollout, condition=Condition("NoHealthyStable", "x")),
            "FailedReverting",
        ),
        (
            State(phase=Phase.REVERT, rollout=FULL.rollout, condition=Condition("FailedReverting", "x")),
            "FailedReverting",
        ),
        (replace(FULL, condition=Condition("WeightsDrifted", "x")), "Paused"),
        (replace(FULL, hold=None, condition=Condition("PauseStep", "x")), "Syncing"),
        (replace(FULL, hold=None, condition=Condition("PauseStep", "x"), rollout=AT_A_PAUSE), "Paused"),
    ],
)
def test_each_state_shows_as_the_phase_that_people_know(state: State, phase: str) -> None:
    assert phase_of(state) == phase
