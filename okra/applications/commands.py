"""A person's commands to a complex Cell: each id is executed, or refused, once. What is about traffic on its way is for
the child Cell that moves it; `okra.actors.complex_commands` tells which is for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from okra.applications.lockstep import together
from okra.applications.reverting import ABORTED
from okra.applications.rollback import roll_back
from okra.applications.state import Phase
from okra.applications.turn import Turn
from okra.rollout.observation import Command
from okra.rollout.state import Handled
from okra.rollout.words import retry

COMMANDS_KEPT = 20


def commands(turn: Turn) -> None:
    """Execute the pending ones."""
    done = {each.id for each in turn.state.commands}
    for command in turn.obs.commands:
        if command.id in done or command.verb not in VERBS:
            continue
        said = VERBS[command.verb](turn, command)
        handled = Handled(command.id, command.verb, command.by, turn.now, said)
        turn.state = replace(turn.state, commands=(*turn.state.commands, handled)[-COMMANDS_KEPT:])
        turn.emit("CommandRefused" if said.startswith("Refused") else "CommandExecuted", said)


def _retry(turn: Turn, command: Command) -> str:
    """What failed begins again. After a rollback that has nothing to try again, it goes by its own spec again."""
    if said := _put_back_first(turn, command.arg):
        return said
    apps = turn.policy.applications
    failed = any(app.version in turn.app(app).blocked and command.arg in ("", app.version) for app in apps)
    if turn.state.rolled_back is None or failed or _blocked_nowhere(turn, command.arg):
        return _lift(turn, command)
    turn.state = replace(turn.state, rolled_back=None)
    _lift(turn, command)
    return "It goes by its own spec again."


def _blocked_nowhere(turn: Turn, version: str) -> bool:
    return bool(version) and not any(version in turn.app(app).blocked for app in turn.policy.applications)


def _put_back_first(turn: Turn, version: str) -> str:
    """What failed is blocked when it is put back, and not before: who begins it again meanwhile is refused."""
    for app in turn.policy.applications:
        target, failure = turn.app(app).target, turn.app(app).failure
        if target is not None and failure is not None and failure.block and version in ("", target.version):
            return f"Refused: {app.name} is being put back first."
    return ""


def _unblock(turn: Turn, command: Command) -> str:
    """Of a version that is named, and that nothing begins with: what the Cell asks for would begin at once."""
    if said := _put_back_first(turn, command.arg):
        return said
    blocked = [f"{app.name} {each}" for app in turn.policy.applications for each in turn.app(app).blocked]
    if blocked and not command.arg:
        return f"Refused: name the version. Blocked: {', '.join(blocked)}."
    for app in turn.policy.applications:
        if command.arg == app.version and app.version in turn.app(app).blocked and not turn.app(app).moving:
            again = retry(turn.policy.name, app.version)
            return f"Refused: {app.name} would begin at once, as the Cell asks for {app.version}. To begin: {again}"
    return _lift(turn, command)


def _lift(turn: Turn, command: Command) -> str:
    """The block of one version, or of all. What was rolled back from stays blocked for as long as the Cell goes by the
    spec before. What moves goes on."""
    if _blocked_nowhere(turn, command.arg):
        return f"Refused: {command.arg} isn't blocked."
    back, begins, stays = turn.state.rolled_back is not None, [], []
    named = _with_companions(turn, command.arg)
    for app in turn.policy.applications:
        blocked = turn.app(app).blocked
        lifted = {app.version} if back else {*blocked}
        left = tuple(each for each in blocked if each not in lifted or (command.arg and each not in named))
        if blocked == left:
            continue
        if turn.app(app).moving or app.version not in blocked:
            turn.set(app, blocked=left)
            stays += [f"{app.name} {each}" for each in blocked if each not in left]
        else:
            turn.set(app, blocked=left, phase=Phase.PENDING, stage=None, message="")
            begins.append(app.name)
    done = [f"Begins again: {', '.join(begins)}."] if begins else []
    done += [f"Not blocked any more: {', '.join(stays)}."] if stays else []
    kept = "nothing else is blocked than what was rolled back from" if back else "nothing is blocked"
    return " ".join(done) or f"Refused: {kept}."


def _with_companions(turn: Turn, version: str) -> set[str]:
    """A version, and what those are to go to with it that are in lockstep with an application that is."""
    found = (together(turn, app) for app in turn.policy.applications if app.version == version)
    return {version, *(each.version for unit in found for each in unit)}


def _abort(turn: Turn, command: Command) -> str:
    """While no child is known to move traffic for it."""
    moving = next((app for app in turn.policy.applications if turn.app(app).moving), None)
    target = turn.app(moving).target if moving else None
    if moving is None or target is None or turn.app(moving).failure is not None:
        return "Refused: nothing moves that isn't being put back already."
    route, by = turn.obs.routes.get(moving.name), f" by {command.by}" if command.by else ""
    before = ", before any traffic" if route is None or route.settled or route.version != target.version else ""
    turn.fail(moving, Phase.REVERTING, ABORTED, f"The move to {target.version} aborted{by}{before}.")
    return f"{moving.name}: put back."


VERBS: Mapping[str, Callable[[Turn, Command], str]] = {
    "retry": _retry,
    "unblock": _unblock,
    "abort": _abort,
    "rollback": roll_back,
}
