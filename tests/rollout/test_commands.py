"""A person's commands: each id once, refused with a reason, and never quietly wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.commands import EXAMPLE, ITS_CELL, UNREADABLE, VERBS
from okra.rollout.observation import Command, Verdict
from okra.rollout.state import Outcome, Phase, RolloutKind, Step, StepKind
from okra.rollout.status import phase_of
from tests.rollout.cases import (
    NEW,
    NEWER,
    OLD,
    at,
    cell,
    ended,
    failing,
    reasons,
    rollout,
    say,
    share,
    writes,
)
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)


def test_an_unknown_verb_is_refused_and_the_others_are_named() -> None:
    p = cell()
    p.run(5)
    said = say(p, "explode")
    assert said.startswith("Refused:")
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("abort", "no rollout is moving"),
        ("approve", "no approval is awaited"),
        ("resume", "nothing is paused"),
        ("promote", "no rollout is moving"),
        ("rollback", "there is no previous version"),
        ("retry", "neither blocked nor set aside"),
        ("unblock", "is not blocked"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_and_changes_nothing(verb: str, why: str) -> None:
    p = cell(1, 0)
    p.run(10)
    before = p.state
    assert why in say(p, verb)
    assert replace(p.state, commands=(), watch=before.watch) == before
    assert reasons(p)[-1] == "Command"


@pytest.mark.parametrize(("verb", "then"), [("abort", "Aborted"), ("rollback", "Aborted")])
def test_a_command_is_told_before_what_it_does(verb: str, then: str) -> None:
    p = at(cell(), HALF)
    say(p, verb)
    told = reasons(p)
    assert told.index("Command") == told.index(then) - 1


def test_each_id_is_executed_once_even_twice_in_one_observation_and_after_a_restart() -> None:
    p = cell()
    p.run(30)
    p.world.commands += [Command("x", "pause"), Command("x", "pause"), Command("y", "resume")]
    p.run(60)
    assert [handled.id for handled in p.state.commands] == ["x", "y"]
    p.restart()
    p.run(60)
    assert [handled.id for handled in p.state.commands] == ["x", "y"]
    assert not p.state.paused


def test_abort_reverts_and_blocks() -> None:
    p = at(cell(), HALF)
    assert "blocked" in say(p, "abort")
    ended(p)
    assert (share(p), p.state.is_blocked(NEW)) == (0, True)
    assert p.state.blocked[0].reason == "Rollout of 1.1.0 aborted by ann."


def test_abort_and_pause_do_not_wait_until_aws_can_be_read_but_the_others_do() -> None:
    p = at(cell(), HALF)
    p.restart()
    p.blind = True
    p.world.command("promote")
    p.world.command("pause")
    p.world.command("abort")
    p.discover()
    p.settle()
    assert [handled.verb for handled in p.state.commands] == ["pause", "abort"]
    p.blind = False
    p.run(60)
    assert [handled.verb for handled in p.state.commands] == ["pause", "abort", "promote"]
    assert share(p) == 0


def test_retry_lifts_the_block_and_starts_again() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    assert say(p, "retry") == "1.1.0 may start again"
    at(p, 1)


def test_retry_of_a_named_version() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    assert "nonsense" in say(p, "retry", "nonsense")
    say(p, "retry", NEW)
    at(p, 1)


def test_a_command_that_is_no_json_is_refused_with_an_example() -> None:
    p = cell()
    p.run(5)
    said = say(p, UNREADABLE)
    assert said.startswith("Refused: a command is a JSON object")
    assert json.loads(EXAMPLE)["verb"] in VERBS
    assert EXAMPLE in said


def test_an_abort_of_nothing_names_the_command_that_goes_back() -> None:
    p = cell(1, 0)
    p.run(10)
    assert say(p, "abort").endswith(": okra rollback web")


def test_a_pause_does_not_hide_a_failure() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    p.run(100)
    failed = p.state.condition
    assert failed.reason == "RolledBack"
    say(p, "pause")
    p.run(100)
    assert phase_of(p.state) == "Failed"
    assert p.state.condition.message == f"{failed.message} (Paused by a person; to go on: okra resume web)"
    say(p, "resume")
    p.run(10)
    assert p.state.condition == failed


def test_retry_while_paused_says_that_nothing_starts_before_the_pause_ends() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    say(p, "pause")
    assert say(p, "retry") == f"{NEW} may start again, but the Cell is paused: okra resume web"
    p.run(100)
    assert share(p) == 0
    say(p, "resume")
    at(p, 1)


def test_retry_while_the_spec_pauses_says_where_that_ends() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    p.policy = replace(p.policy, paused=True)
    assert say(p, "retry") == f"{NEW} may start again, but spec.paused is true and holds it: set paused: false there."


def test_unblock_only_unblocks() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    assert "to start it again: retry" in say(p, "unblock")
    p.run(600)
    assert (share(p), p.state.blocked) == (0, ())
    assert f"okra retry web {NEW}" in p.state.condition.message
    say(p, "retry")
    at(p, 1)


def test_an_unblocked_version_does_not_start_after_a_restart_either() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    p.restart()
    p.discover()
    p.settle()
    say(p, "unblock")
    p.run(600)
    assert share(p) == 0


def test_pause_stops_progress_and_not_safety() -> None:
    p = at(cell(checks=("c",)), HALF)
    say(p, "pause")
    assert "already paused" in say(p, "pause")
    p.run(1000)
    assert (share(p), p.state.condition.reason) == (HALF, "Paused")
    failing(NEW)(p)
    p.run(200)
    assert (share(p), p.state.is_blocked(NEW)) == (0, True)


def test_a_pause_while_it_bakes_keeps_checking() -> None:
    p = cell(checks=("c",), bake_time=5.0)
    p.run(1.0)
    p.until(lambda: p.state.phase is Phase.BAKE)
    say(p, "pause")
    p.run(100)
    assert p.state.phase is Phase.BAKE
    failing(NEW)(p)
    p.run(100)
    assert share(p) == 0


def test_a_pause_in_the_spec_is_lifted_in_the_spec() -> None:
    p = at(cell(), HALF)
    p.policy = replace(p.policy, paused=True)
    p.run(60)
    assert share(p) == HALF
    assert say(p, "resume") == "Refused: spec.paused is true and holds it: set paused: false there."
    say(p, "pause")
    assert say(p, "resume") == "resumed, but spec.paused is true and holds it: set paused: false there."
    assert p.state.condition.message == "Paused by a person; to go on: set spec.paused to false"
    p.policy = replace(p.policy, paused=False)
    at(p, 1)


def test_nothing_starts_while_paused() -> None:
    p = cell(paused=True)
    p.run(100)
    assert (p.state.rollout, p.state.condition.reason) == (None, "Paused")


def test_a_pause_before_the_gate_attaches_nothing() -> None:
    p = cell(prechecks=("pre",))
    p.world.verdicts = lambda check, token: None
    p.run(10)
    say(p, "pause")
    p.world.verdicts = lambda check, token: Verdict.PASSED
    p.run(60)
    assert writes(p) == []


def test_promote_skips_pauses_approvals_and_checks_but_not_health() -> None:
    plan = (*canary_plan(50, 100, 600.0)[:1], Step(StepKind.APPROVAL, HALF, None), *canary_plan(50, 100, 600.0)[1:])
    p = cell(plan=plan, checks=("c",), bake_time=600.0, postchecks=("post",))
    p.world.verdicts = lambda check, token: None
    at(p, HALF)
    p.world.groups[tg("b1")].healthy = 0
    p.read_health([tg("b1"), tg("a1")])
    say(p, "promote")
    p.run(8)
    assert share(p) == HALF
    p.world.groups[tg("b1")].healthy = 2
    p.run(30)
    assert (share(p), p.state.stable_version) == (1, NEW)


def test_promote_lifts_an_inconclusive_hold_but_a_failed_check_still_reverts() -> None:
    p = cell(checks=("c", "d"))
    p.world.verdicts = lambda check, token: Verdict.INCONCLUSIVE if check == "c" else None
    at(p, Fraction(1, 4))
    p.run(30)
    assert p.state.hold is not None
    say(p, "promote")
    ended(p)
    assert share(p) == 1


def test_rollback_goes_to_the_previous_version_in_one_write_and_blocks_what_it_leaves() -> None:
    p = cell(checks=("c",))
    ended(p)
    count = len(writes(p))
    failing(OLD, NEW)(p)
    said = say(p, "rollback")
    assert "1.1.0 is blocked" in said
    ended(p)
    assert (share(p), len(writes(p)), rollout(p).kind) == (0, count + 1, RolloutKind.ROLLBACK)
    assert p.state.is_blocked(NEW)
    assert (p.state.stable_version, p.state.previous_version) == (OLD, NEW)
    p.run(600)
    assert share(p) == 0


def test_rollback_blocks_known_versions_between_or_okra_would_go_up_to_them() -> None:
    p = cell()
    ended(p)
    p.world.add(NEWER, "c1")
    ended(p)
    p.until(lambda: p.state.stable_version == NEWER)
    say(p, "rollback", OLD)
    p.run(1.0)
    p.until(lambda: p.state.stable_version == OLD)
    assert {block.version for block in p.state.blocked} == {NEW, NEWER}
    p.run(300)
    assert p.state.stable_version == OLD


def test_rollback_between_unordered_versions_blocks_what_it_leaves() -> None:
    p = cell(1, 0)
    p.world.add("blue", "x1")
    p.run(10)
    assert "rolling back from 1.0.0 to blue" in say(p, "rollback", "blue")
    p.run(60)
    assert p.state.is_blocked(OLD)


def test_rollback_is_behind_the_health_gate() -> None:
    p = cell(health_timeout=30.0)
    ended(p)
    p.world.groups[tg("a1")].healthy = 0
    p.run(12)
    say(p, "rollback")
    ended(p)
    assert share(p) == 1
    assert rollout(p).outcome is Outcome.FAILED


@pytest.mark.parametrize(("arg", "why"), [("9.9.9", "fewer than 1 target groups"), (NEW, "is the stable version")])
def test_rollback_to_what_is_not_there_is_refused(arg: str, why: str) -> None:
    p = cell()
    ended(p)
    assert why in say(p, "rollback", arg)
    assert p.state.blocked == ()


def test_rollback_to_what_is_not_there_names_the_versions_there_are() -> None:
    p = cell()
    ended(p)
    p.world.add(NEWER, "c1")
    at(p, 1, NEWER)
    p.until(lambda: p.state.stable_version == NEWER)
    assert say(p, "rollback", "9.9.9").endswith(f"Versions with target groups, beside {NEWER}: {OLD}, {NEW}.")


def test_rollback_in_mid_rollout_to_stable_is_an_abort_and_to_others_refused() -> None:
    p = at(cell(), HALF)
    assert "abort it first" in say(p, "rollback", "0.9.0")
    say(p, "rollback")
    ended(p)
    assert (share(p), p.state.is_blocked(NEW)) == (0, True)


def test_abort_of_a_rollback_sets_it_aside_without_a_block() -> None:
    p = cell(drain_timeout=1.0)
    ended(p)
    p.world.groups[tg("a1")].healthy = 0
    p.run(12)
    say(p, "rollback")
    assert p.state.moving
    assert say(p, "abort") == "reverting"
    ended(p)
    assert share(p) == 1
    assert not p.state.is_blocked(OLD)


def test_pinning_an_older_version_goes_there_in_one_step_without_checks() -> None:
    p = cell(checks=("c",), prechecks=("pre",))
    ended(p)
    failing(OLD)(p)
    count = len(writes(p))
    p.policy = replace(p.policy, pin=OLD)
    p.run(1.0)
    p.until(lambda: p.state.stable_version == OLD)
    assert len(writes(p)) == count + 1
    assert p.state.blocked == ()


def test_a_child_that_is_pinned_walks_its_plan_to_an_older_name_too() -> None:
    p = cell(checks=("c",))
    ended(p)
    count = len(writes(p))
    p.policy = replace(p.policy, pin=OLD, child=True)
    p.run(1.0)
    p.until(lambda: p.state.stable_version == OLD)
    assert rollout(p).kind is RolloutKind.CANARY
    assert len(writes(p)) >= count + len(p.policy.plan)


def test_a_child_names_its_cell_in_what_it_says_and_has_no_rollback_of_its_own() -> None:
    p = cell(child=True, name="shop", pin=OLD)
    p.run(10)
    assert say(p, "abort").endswith("okra rollback shop")
    assert say(p, "rollback", NEW) == "Refused: its Cell moves it. To have that go back: okra rollback shop"
    p.run(60)
    assert (share(p), p.state.blocked) == (0, ())


def test_a_child_that_its_cell_aborts_before_it_begins_begins_no_more() -> None:
    p = cell(child=True, pin=OLD)
    p.run(10)
    say(p, "pause")
    p.policy = replace(p.policy, pin=NEW)
    assert say(p, "abort").startswith("Refused: no rollout is moving.")
    p.world.commands.append(Command("its", "abort", by=ITS_CELL))
    p.see(commands=tuple(p.world.commands))
    p.settle()
    assert p.state.commands[-1].outcome == f"{NEW} blocked, before it began"
    say(p, "resume")
    p.run(100)
    assert share(p) == 0


def test_a_pin_does_not_lift_a_block_and_the_message_names_the_command() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    p.policy = replace(p.policy, pin=NEW)
    p.run(100)
    assert share(p) == 0
    assert f"okra retry web {NEW}" in p.state.condition.message


def test_pinning_back_in_mid_rollout_takes_the_canary_off() -> None:
    p = at(cell(), HALF)
    p.policy = replace(p.policy, pin=OLD)
    ended(p)
    assert (share(p), rollout(p).outcome, p.state.blocked) == (0, Outcome.SUPERSEDED, ())
    p.policy = replace(p.policy, pin=None)
    at(p, 1)


def test_a_pin_to_what_is_rolled_out_anyway_changes_nothing() -> None:
    p = at(cell(), Fraction(1, 4))
    p.policy = replace(p.policy, pin=NEW)
    ended(p)
    assert (share(p), rollout(p).number) == (1, 1)


def test_only_the_last_commands_are_remembered() -> None:
    p = cell()
    p.run(30)
    for _ in range(30):
        say(p, "explode")
    assert len(p.state.commands) == 30  # all are still pending: none may be executed again
    p.world.commands.clear()
    say(p, "pause")
    assert len(p.state.commands) == 20
