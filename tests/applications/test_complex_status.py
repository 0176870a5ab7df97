"""What a complex Cell's status says, and that it is read back as the same state."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.api.cell_status import CellStatus
from okra.applications.state import AppState, Failure, Group, Phase, Placement, RolledBack, Stage, State
from okra.applications.status import from_status, phase_of, to_status
from okra.rollout.observation import Problem
from okra.rollout.state import Handled

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)
LINES = st.text(st.characters(codec="utf-8"), max_size=200)
WORDS = st.text("ABCDEFabcdef", min_size=1, max_size=40)
TIMES = st.integers(0, 4_000_000_000_000_000).map(lambda microseconds: microseconds / 1_000_000)
CLOCKS = st.integers(0, 10_000_000).map(lambda milliseconds: milliseconds / 1000)
PLACEMENTS = st.builds(
    Placement,
    WORDS,
    st.lists(NAMES, max_size=5).map(tuple),
    st.lists(st.builds(Group, NAMES, LINES, st.just("") | NAMES), max_size=5).map(tuple),
)
FAILURES = st.builds(Failure, st.sampled_from(Phase), WORDS, LINES, TIMES, st.booleans())
APPLICATIONS = st.builds(
    AppState,
    name=NAMES,
    phase=st.sampled_from(Phase),
    stage=st.none() | st.sampled_from(Stage),
    message=LINES,
    target=st.none() | PLACEMENTS,
    synced=st.none() | PLACEMENTS,
    former=st.lists(NAMES, max_size=5).map(tuple),
    routes_before=st.lists(WORDS, max_size=5).map(tuple),
    attempt=st.integers(0, 1_000_000),
    series=st.integers(0, 1_000_000),
    passed=st.none() | WORDS,
    failing_since=st.none() | TIMES,
    waited=CLOCKS,
    failure=st.none() | FAILURES,
    blocked=st.lists(WORDS, max_size=5).map(tuple),
)
STATES = st.builds(
    State,
    applications=st.lists(APPLICATIONS, max_size=4).map(tuple),
    waited=CLOCKS,
    commands=st.lists(st.builds(Handled, WORDS, WORDS, WORDS, TIMES, LINES), max_size=5).map(tuple),
    phase=st.sampled_from(Phase),
    reason=WORDS,
    message=LINES,
)


@given(STATES)
def test_a_state_survives_the_way_through_status(state: State) -> None:
    written = to_status(state, {}, 7, 1_700_000_010.0)
    assert to_status(from_status(written), {}, 7, 1_700_000_010.0) == written
    read = from_status(written)
    for field in fields(State):
        if field.name not in ("applications", "commands", "seen_at"):
            assert getattr(read, field.name) == getattr(state, field.name)
    for before, after in zip(state.applications, read.applications, strict=True):
        timed = ("failing_since", "failure")
        assert replace(after, failing_since=None, failure=None) == replace(before, failing_since=None, failure=None)
        assert all((getattr(after, name) is None) is (getattr(before, name) is None) for name in timed)


FULL = State(
    applications=(
        AppState(
            "web",
            Phase.CHECK_FAILED,
            Stage.ERROR,
            "dd failed",
            target=Placement("v2", ("b",), (Group("b", "arn:b"),)),
            synced=Placement("v1", ("a",), (Group("a", "arn:a"),)),
            former=("z",),
            attempt=3,
            series=2,
            passed="f0",
            failing_since=1_700_000_000.25,
            waited=12.5,
            failure=Failure(Phase.CHECK_FAILED, "CheckFailed", "dd failed", 1_700_000_001.5),
            blocked=("v0",),
        ),
    ),
    waited=1.5,
    commands=(Handled("1", "retry", "me", 1_700_000_000.0, "Begins again: web."),),
    rolled_back=RolledBack("sys-0123456789", 3, 6, "ann", 1_700_000_000.0),
    phase=Phase.REVERTING,
    reason="CheckFailed",
    message="web: dd failed",
)


@pytest.mark.parametrize("state", [FULL, State(), replace(FULL, seen_at=9.0)])
def test_everything_that_must_not_be_forgotten_is_in_status(state: State) -> None:
    assert from_status(to_status(state, {}, 7, 1_700_000_010.0)) == state


def test_an_empty_status_is_a_cell_never_seen() -> None:
    assert from_status({}) == State()


def test_what_is_gone_is_removed_by_a_merge_patch() -> None:
    """Lists are replaced whole, and what holds nothing is null."""
    written = to_status(replace(FULL, applications=(AppState("web"),)), {}, 1, 0.0)
    assert {key: written["applications"][0][key] for key in ("target", "failure", "former")} == {
        "target": None,
        "failure": None,
        "former": [],
    }


def test_a_status_says_the_seeds_words() -> None:
    written = to_status(FULL, {}, 7, 0.0)
    assert (written["phase"], written["observedGeneration"], written["message"]) == ("Reverting", 7, "web: dd failed")
    assert {key: written["applications"][0][key] for key in ("name", "phase", "stage", "message")} == {
        "name": "web",
        "phase": "CheckFailed",
        "stage": "Error",
        "message": "dd failed",
    }


def conditions(state: State, problem: Problem | None = None) -> dict[str, tuple[str, str]]:
    written = to_status(state, {}, 1, 0.0, problem)
    return {each["type"]: (each["status"], each["reason"]) for each in written["conditions"]}


@pytest.mark.parametrize(
    ("phase", "reason", "shown", "true"),
    [
        (Phase.SYNCED, "Synced", "Synced", "Ready"),
        (Phase.PENDING, "WaitingForClusters", "Pending", "Reconciling"),
        (Phase.SYNCING, "Syncing", "Syncing", "Reconciling"),
        (Phase.PAUSED, "Paused", "Paused", "Reconciling"),
        (Phase.REVERTING, "CheckFailed", "Reverting", "Reconciling"),
        (Phase.FAILED_REVERTING, "CheckFailed", "FailedReverting", "Reconciling"),
        (Phase.FAILED, "CheckFailed", "Failed", "Stalled"),
        (Phase.FAILED, "InvalidSpec", "Invalid", "Stalled"),
    ],
)
def test_one_of_the_three_conditions_holds_in_each_phase(phase: Phase, reason: str, shown: str, true: str) -> None:
    state = State(phase=phase, reason=reason, message="why")
    assert phase_of(state) == shown
    found = conditions(state)
    assert [type_ for type_, (status, _) in found.items() if status == "True"] == [true]
    assert {why for _, why in found.values()} == {reason}
    assert from_status(to_status(state, {}, 1, 0.0)) == state


def test_a_cell_that_was_rolled_back_is_not_ready_until_a_person_acts() -> None:
    """It is at rest, and not by its spec: as after a revert."""
    back = State(phase=Phase.SYNCED, reason="RolledBack", message="why", rolled_back=FULL.rolled_back)
    found = conditions(back)
    assert {type_: status for type_, (status, _) in found.items()} == {
        "Ready": "False",
        "Reconciling": "False",
        "Stalled": "True",
    }
    assert found["Ready"][1] == "RolledBack"
    assert conditions(replace(back, phase=Phase.SYNCING)) == found, "also while its application is Degraded"
    moving = conditions(replace(back, phase=Phase.SYNCING, reason="Syncing"))
    assert [type_ for type_, (status, _) in moving.items() if status == "True"] == ["Reconciling"]


def test_a_problem_is_said_in_place_of_the_state_and_is_no_part_of_it() -> None:
    synced = State(phase=Phase.SYNCED, reason="Synced", message="fine")
    waits = conditions(synced, Problem("Unavailable", "later", fatal=False))
    assert (waits["Ready"], waits["Reconciling"][0]) == (("False", "Unavailable"), "True")
    stuck = to_status(synced, {}, 1, 0.0, Problem("AlreadyExists", "taken"))
    assert (stuck["phase"], stuck["message"]) == ("Failed", "taken")
    assert conditions(synced, Problem("AlreadyExists", "taken"))["Stalled"][0] == "True"


def test_an_invalid_spec_is_said_over_everything_that_is_known() -> None:
    written = to_status(FULL, {}, 1, 0.0, Problem("InvalidSpec", "spec.clusters: is required"))
    assert (written["phase"], written["message"]) == ("Invalid", "spec.clusters: is required")
    assert from_status(written).applications == FULL.applications


def test_a_transition_time_moves_only_with_the_status_of_its_condition() -> None:
    first = to_status(FULL, {}, 1, 100.0)
    second = to_status(replace(FULL, message="other"), first, 1, 200.0)
    assert {each["lastTransitionTime"] for each in second["conditions"]} == {"1970-01-01T00:01:40.000000Z"}
    assert {each["message"] for each in second["conditions"]} == {"other"}


def test_nothing_that_okra_must_do_depends_on_how_much_a_status_can_show() -> None:
    long = "x" * 10_000
    app = replace(FULL.applications[0], message=long, blocked=tuple(map(str, range(150))), former=("a",) * 300)
    written: dict[str, Any] = to_status(replace(FULL, applications=(app,), message=long), {}, 1, 0.0)
    assert CellStatus.model_validate(written).applications[0].blocked_versions[-1] == "149"
