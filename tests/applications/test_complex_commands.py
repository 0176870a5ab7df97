"""What a person's command does to a complex Cell before any traffic moves: after that its child has it."""

from __future__ import annotations

from okra.applications.state import Phase, Stage
from okra.rollout.observation import Command, Problem
from tests.applications.world import NEW, OLD, World, synced, web


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
