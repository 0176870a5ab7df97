"""When a Cell counts as done, and how it ended: what `okra run` waits for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from okra.rollout.observation import Observation, RouteReading
from okra.rollout.policy import Policy, RoutePolicy
from okra.rollout.rest import Rest, rest
from okra.rollout.state import (
    Condition,
    Outcome,
    Phase,
    Rollout,
    RolloutKind,
    RouteState,
    State,
    Step,
    StepKind,
)

POLICY = Policy(routes=(RoutePolicy("r"),), plan=(), reread_after_revert=(10.0, 60.0))
ROLLOUT = Rollout(1, "2", RolloutKind.CANARY, (Step(StepKind.SET_WEIGHT, Fraction(1)),), 0.0)
AT_REST = State(
    stable_version="1",
    routes=(RouteState("r", confirmed_at=1.0),),
    condition=Condition("Synced", "1 holds the traffic."),
)
SEEN = Observation(groups=(), readings={"r": RouteReading("r", 50.0)})
REVERTED = replace(ROLLOUT, outcome=Outcome.FAILED, ended_at=0.0)
ROLLED_BACK = replace(AT_REST, rollout=REVERTED, condition=Condition("RolledBack", "2 failed."))


SPLIT = RouteState("r", stable={"a": 1}, canary=("b",), asked={"a": 1, "b": 1}, confirmed_at=1.0)
BACK = replace(SPLIT, key="s", asked={"a": 1, "b": 0})


def moving(
    phase: Phase, reason: str = "Progressing", *, permanent: bool = False, routes: tuple[RouteState, ...] = (SPLIT,)
) -> State:
    return replace(AT_REST, phase=phase, rollout=ROLLOUT, condition=Condition(reason, "x", permanent), routes=routes)


@pytest.mark.parametrize(
    ("state", "policy", "observation", "found"),
    [
        (AT_REST, {}, {}, Rest.SYNCED),
        (replace(AT_REST, condition=Condition("WaitingForTargetGroups", "1 of 2")), {}, {}, Rest.SYNCED),
        (replace(AT_REST, condition=Condition("InvalidSpec", "x")), {}, {}, Rest.INVALID),
        (replace(AT_REST, condition=Condition("RouteConflict", "x", permanent=True)), {}, {}, Rest.FAILED),
        (moving(Phase.GATE, "AccessDenied", permanent=True), {}, {}, Rest.FAILED),
        (moving(Phase.STEP, "AccessDenied", permanent=True), {}, {}, Rest.MOVING),
        (moving(Phase.STEP, "RouteConflict", permanent=True), {}, {"owners": {"r": "another"}}, Rest.FAILED),
        (
            moving(Phase.STEP, "RouteConflict", permanent=True, routes=(SPLIT, BACK)),
            {},
            {"owners": {"s": "another"}},
            Rest.MOVING,
        ),
        (
            moving(Phase.REVERT, "RouteConflict", permanent=True, routes=(SPLIT, BACK)),
            {},
            {"owners": {"r": "another"}},
            Rest.FAILED,
        ),
        (moving(Phase.STEP, "ApprovalNeeded"), {}, {}, Rest.WAITING),
        (moving(Phase.STOPPED, "Stopped"), {}, {}, Rest.FAILED),
        (moving(Phase.STEP), {}, {}, Rest.MOVING),
        (AT_REST, {}, {"deleting": True}, Rest.MOVING),
        (State(), {}, {}, Rest.WAITING),
        (AT_REST, {}, {"groups": None}, Rest.WAITING),
        (replace(AT_REST, routes=(RouteState("r"),)), {}, {}, Rest.MOVING),
        (replace(AT_REST, rollout=replace(ROLLOUT, outcome=Outcome.SYNCED, ended_at=40.0)), {}, {}, Rest.SYNCED),
        (replace(AT_REST, rollout=ROLLOUT), {}, {}, Rest.SYNCED),
        (ROLLED_BACK, {}, {}, Rest.MOVING),
        (ROLLED_BACK, {"reread_after_revert": (10.0, 50.0)}, {}, Rest.FAILED),
        (ROLLED_BACK, {"reread_after_revert": ()}, {}, Rest.FAILED),
        (ROLLED_BACK, {}, {"readings": {}}, Rest.MOVING),
        (AT_REST, {"pin": "1"}, {}, Rest.SYNCED),
        (AT_REST, {"pin": "2"}, {}, Rest.WAITING),
        (replace(AT_REST, condition=Condition("VersionBlocked", "x")), {"pin": "2"}, {}, Rest.FAILED),
    ],
)
def test_a_cell_is_done_when_nothing_moves_and_everything_was_read_again(
    state: State, policy: dict[str, Any], observation: dict[str, Any], found: Rest
) -> None:
    assert rest(replace(POLICY, **policy), state, replace(SEEN, **observation)) is found
