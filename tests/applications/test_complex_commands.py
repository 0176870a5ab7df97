"""What a person's command does to a complex Cell before any traffic moves: after that its child has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from okra.applications.state import Phase, Stage
from okra.rollout.observation import Command, Problem, Verdict
from tests.applications.world import NEW, OLD, World, synced, web

NEWEST = ("web-1-v3", "web-2-v3")


def moving() -> World:
    """Published to the new clusters, where nothing is ready yet."""
    w = synced(web())
    w.degraded = Problem("Progressing", "1 of 2", fatal=False)
    w.want(web(NEW))
    w.after(30.0)
    assert w.web.stage is Stage.MIGRATING
    return w


def outcome(w: World) -> str:
    return w.state.commands[-1].outcome


def test_an_abort_puts_back_and_blocks() -> None:
    w = moving()
    w.commands = (Command("1", "abort", by="ann"),)
    w.quiet()
    assert outcome(w) == "web: put back."
    w.degraded = None
    w.after(60.0)
    assert (w.web.phase, w.web.blocked) == (Phase.FAILED, ("+".join(NEW),))
    assert "aborted by ann, before any traffic." in w.state.message
    assert set(w.deployments["web"].clusters) == set(OLD)
    assert w.emitted.count("Aborted") == 1


def test_an_abort_of_nobody_in_particular_says_no_name() -> None:
    w = moving()
    w.commands = (Command("1", "abort"),)
    w.quiet()
    assert w.web.failure is not None
    assert w.web.failure.message.endswith("aborted, before any traffic.")


def test_an_abort_of_what_is_being_put_back_or_of_nothing_is_refused() -> None:
    w = moving()
    w.commands = (Command("1", "abort"), Command("2", "abort"))
    w.quiet()
    assert outcome(w).startswith("Refused: nothing moves")
    still = synced(web())
    still.commands = (Command("1", "abort"),)
    still.quiet()
    assert outcome(still).startswith("Refused: nothing moves")
    assert still.state.phase is Phase.SYNCED


def _held_at(stage: Callable[[World], None]) -> World:
    """One whose former attempt failed, and is blocked, moves to yet other clusters, and no further than the stage."""
    w = synced(web())
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    w.want(web(NEW))
    w.after(600.0)
    assert w.web.blocked == ("+".join(NEW),)
    w.want(web(NEWEST, prechecks=("run-test",)))
    stage(w)
    return w


def _in_init(w: World) -> None:
    w.verdicts["run-test"] = Verdict.ERROR
    w.after(30.0)
    assert w.web.stage is Stage.INIT


def _before_traffic(w: World) -> None:
    w.deploy_time = 200.0
    w.after(30.0)
    assert w.web.stage is Stage.MIGRATING


def _in_traffic(w: World) -> None:
    w.after(40.0)
    assert w.routes["web"].version == "+".join(NEWEST)


def _baking(w: World) -> None:
    w.bake_time = 40.0
    w.after(60.0)
    assert w.web.stage is Stage.COMPLETING


def _reverting(w: World) -> None:
    _in_traffic(w)
    w.want(web(("web-1-v4",)))
    w.quiet()
    assert w.web.failure is not None


@pytest.mark.parametrize("verb", ["retry", "unblock", "abort", "rollback"])
@pytest.mark.parametrize("stage", [_in_init, _before_traffic, _in_traffic, _baking, _reverting])
def test_a_command_in_the_middle_of_a_move_loses_nothing_of_the_move(stage: Callable[[World], None], verb: str) -> None:
    """A version that failed before is blocked all the while."""
    w = _held_at(stage)
    at, attempt = w.web.stage, w.web.attempt
    w.commands = (Command("9", verb, by="ann"),)
    w.turn()
    if verb != "abort":
        assert (w.web.stage, w.web.attempt, w.web.moving) == (at, attempt, True)
    lifts = verb == "retry"
    assert ("+".join(NEW) in w.web.blocked) is not lifts
    assert (outcome(w) == f"Not blocked any more: web {'+'.join(NEW)}.") is lifts
    w.verdicts.clear()
    w.after(1200.0)
    aborted = verb == "abort" and stage is not _reverting
    on = OLD if aborted else ("web-1-v4",) if stage is _reverting else NEWEST
    assert w.state.phase is (Phase.FAILED if aborted else Phase.SYNCED)
    assert (w.routes["web"].stable, set(w.deployments["web"].clusters)) == ("+".join(on), set(on))


@pytest.mark.parametrize("verb", ["retry", "unblock"])
def test_a_version_that_is_named_is_unblocked_alone(verb: str) -> None:
    w = _held_at(_in_init)
    w.state = replace(w.state, applications=(replace(w.web, blocked=("v8", "v9")),))
    w.commands = (Command("1", verb, "v7"),)
    w.turn()
    assert (outcome(w), w.web.blocked) == ("Refused: v7 isn't blocked.", ("v8", "v9"))
    w.commands = (Command("2", verb, "v8"),)
    w.turn()
    assert (outcome(w), w.web.blocked) == ("Not blocked any more: web v8.", ("v9",))


def test_an_unblock_starts_nothing() -> None:
    """What the Cell asks for would begin at once."""
    v2 = "+".join(NEW)
    w = synced(web())
    w.fails[v2] = (Phase.CHECK_FAILED, "no")
    w.want(web(NEW))
    w.after(600.0)
    w.commands = (Command("1", "unblock"), Command("2", "unblock", v2))
    w.after(100.0)
    assert w.state.commands[0].outcome == f"Refused: name the version. Blocked: web {v2}."
    assert outcome(w).startswith(f"Refused: web would begin at once, as the Cell asks for {v2}.")
    assert (w.web.blocked, w.state.phase, w.web.attempt) == ((v2,), Phase.FAILED, 2)
    w.want(web())
    w.commands = (Command("3", "unblock", v2),)
    w.after(100.0)
    assert (outcome(w), w.web.blocked) == (f"Not blocked any more: web {v2}.", ())
    assert (w.state.phase, w.web.attempt) == (Phase.SYNCED, 2)


@pytest.mark.parametrize("verb", ["retry", "unblock"])
@pytest.mark.parametrize("version", ["", "+".join(NEW)])
def test_what_failed_is_put_back_before_it_may_begin_again(verb: str, version: str) -> None:
    w = synced(web())
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    w.want(web(NEW))
    while w.web.failure is None:
        w.after(1.0)
    w.commands = (Command("1", verb, version),)
    w.turn()
    assert (outcome(w), w.web.moving) == ("Refused: web is being put back first.", True)
    w.after(600.0)
    assert (w.web.blocked, w.routes["web"].stable) == (("+".join(NEW),), "+".join(OLD))
