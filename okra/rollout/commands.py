"""A person's commands (DESIGN §4b, §12). Each id is executed, or refused, once; status keeps what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from okra.rollout import health
from okra.rollout.effects import Emit
from okra.rollout.observation import Command
from okra.rollout.start import TO_ALL, newcomers, resume_at, shares_asked, start
from okra.rollout.state import FORWARD, RUNNING, Failure, Handled, Phase, RolloutKind, SetAside, StepKind
from okra.rollout.turn import Turn
from okra.rollout.versions import ranks

MOST_REMEMBERED = 20
AT_ONCE = ("abort", "pause")
"""Executed even while AWS can't be read; the others need to know what is there."""
HELD_BY_SPEC = "spec.paused is true and holds it: set paused: false there."
UNREADABLE = "(not JSON)"
"""The verb of a command that can't be read."""
ITS_CELL = "its Cell"
"""Who commands a complex Cell's child in its parent's name."""
EXAMPLE = '{"id": "1", "verb": "abort"}'


class Refusal(Exception):
    """The command can't be done now; the text says why and what to do instead."""


def commands(turn: Turn) -> bool:
    """Execute the pending commands; the turn goes on with what they left."""
    sighted = turn.obs.groups is not None and not turn.unread
    for command in turn.obs.commands:
        handled = any(handled.id == command.id for handled in turn.state.commands)
        at_once = AT_ONCE if turn.state.moving else (*AT_ONCE, "resume")  # it may be what a rule's making waits for
        if not handled and (sighted or command.verb in at_once):
            _execute(turn, command)
    return False


def unknown(command: Command) -> str:
    """Why a command of no known verb isn't executed; empty: it has one."""
    if command.verb == UNREADABLE:
        return f"a command is a JSON object, such as {EXAMPLE}, with an id that is new each time."
    return "" if command.verb in VERBS else f"There is no verb {command.verb!r}; there are {', '.join(VERBS)}."


def _execute(turn: Turn, command: Command) -> None:
    before = turn.state, turn.watch, list(turn.effects)
    verb = VERBS.get(command.verb)
    try:
        if verb is None:
            raise Refusal(unknown(command))
        outcome = verb(turn, command)
    except Refusal as refusal:
        turn.state, turn.watch, turn.effects = before
        outcome = f"Refused: {refusal}"
    handled = Handled(command.id, command.verb, command.by, turn.now, outcome)
    pending = {command.id for command in turn.obs.commands}
    older, newer = turn.state.commands[: 1 - MOST_REMEMBERED], turn.state.commands[1 - MOST_REMEMBERED :]
    turn.set(commands=(*(each for each in older if each.id in pending), *newer, handled))
    who = f" by {command.by}" if command.by else ""
    mood: Literal["Normal", "Warning"] = "Warning" if outcome.startswith("Refused") else "Normal"
    turn.effects.insert(len(before[2]), Emit("Command", f"{command.verb}{who}: {outcome}", mood))  # before its effects


def _abort(turn: Turn, command: Command) -> str:
    pin = turn.policy.pin
    if turn.state.phase is Phase.IDLE and command.by == ITS_CELL and pin and pin != turn.state.stable_version:
        turn.block(pin, "Aborted before it began.")
        return f"{pin} blocked, before it began"
    if turn.state.phase not in RUNNING:
        raise Refusal(f"no rollout is moving. To go back to the previous version: okra rollback {turn.policy.name}")
    if turn.first:
        raise Refusal("it is the first placement: there is nothing to go back to.")
    version = turn.rollout.version
    by = f" by {command.by}" if command.by else ""
    block = turn.rollout.kind is RolloutKind.CANARY
    turn.fail(Failure("Aborted", f"Rollout of {version} aborted{by}.", turn.now, block=block, set_aside=not block))
    return f"reverting, {version} blocked" if block else "reverting"


def _retry(turn: Turn, command: Command) -> str:
    if turn.state.hold is not None and turn.state.moving:
        return _resume(turn, command)
    if turn.state.phase in RUNNING:
        raise Refusal(f"the rollout of {turn.rollout.version} hasn't ended; abort it first.")
    version = command.arg or (turn.state.rollout.version if turn.state.rollout else "")
    if not turn.state.is_blocked(version) and all(aside.version != version for aside in turn.state.set_aside):
        raise Refusal(f"{version or 'no version'} is neither blocked nor set aside.")
    turn.set(
        blocked=tuple(b for b in turn.state.blocked if b.version != version),
        set_aside=tuple(s for s in turn.state.set_aside if s.version != version),
    )
    return f"{version} may start again{_but_paused(turn)}"


def _but_paused(turn: Turn) -> str:
    if turn.policy.paused:
        return f", but {turn.policy.held_by or HELD_BY_SPEC}"
    return f", but the Cell is paused: okra resume {turn.policy.name}" if turn.state.paused else ""


def _unblock(turn: Turn, command: Command) -> str:
    version = command.arg or (turn.state.rollout.version if turn.state.rollout else "")
    block = next((b for b in turn.state.blocked if b.version == version), None)
    if block is None:
        names = ", ".join(b.version for b in turn.state.blocked) or "none"
        raise Refusal(f"{version or 'no version'} is not blocked; blocked: {names}.")
    turn.set(blocked=tuple(b for b in turn.state.blocked if b is not block))
    put_aside(turn, version, "it was unblocked, which doesn't start it.")
    return f"{version} unblocked; to start it again: retry"


def put_aside(turn: Turn, version: str, reason: str) -> None:
    """The same groups of this version, with the same targets, don't start by themselves."""
    groups = tuple(arn for of_route in newcomers(turn, version).values() for arn in of_route)
    others = tuple(aside for aside in turn.state.set_aside if aside.version != version)
    turn.set(set_aside=(*others, SetAside(version, groups, health.targets(turn.obs, groups), reason)))


def _approve(turn: Turn, _: Command) -> str:
    if turn.state.phase is not Phase.STEP or turn.rollout.current.kind is not StepKind.APPROVAL:
        raise Refusal("no approval is awaited.")
    turn.set_rollout(approved=True)
    return "approved"


def _pause(turn: Turn, _: Command) -> str:
    if turn.state.paused:
        raise Refusal("already paused.")
    turn.set(paused=True)
    return "paused: nothing is raised; checks and health still revert"


def _resume(turn: Turn, _: Command) -> str:
    waiting = turn.state.phase is Phase.STEP and turn.rollout.current.kind is StepKind.PAUSE
    if not (turn.state.paused or turn.state.hold is not None or waiting):
        raise Refusal((turn.policy.held_by or HELD_BY_SPEC) if turn.policy.paused else "nothing is paused.")
    held = turn.state.hold is not None
    _go_on(turn)
    if waiting and not held:
        turn.set_rollout(resumed=True)
    return f"resumed{_but_paused(turn)}"


def _promote(turn: Turn, _: Command) -> str:
    if turn.state.phase not in FORWARD:
        raise Refusal("no rollout is moving.")
    _go_on(turn)
    turn.set_rollout(promoted=True)
    return "promoted: pauses, approvals and checks are skipped, health is not"


def _go_on(turn: Turn) -> None:
    """Lift what holds: after a person's edit go on from there, after an inconclusive check measure again."""
    drifted, held = turn.drifted, turn.state.hold is not None
    turn.set(paused=False, hold=None)
    if drifted and turn.state.phase is Phase.IDLE:
        turn.set(stable_version=None)
    elif drifted and turn.state.phase in FORWARD:
        resume_at(turn, min(shares_asked(turn)))
    elif held:
        turn.measure_anew()


def _rollback(turn: Turn, command: Command) -> str:
    if turn.state.phase in RUNNING and command.arg in ("", turn.state.stable_version):
        return _abort(turn, command)
    if turn.state.phase is not Phase.IDLE:
        raise Refusal("a rollout is moving; abort it first.")
    if turn.distributes:
        raise Refusal("its spec says who gets how much: set the weights there that it is to go back to.")
    if turn.policy.child:
        raise Refusal(f"its Cell moves it. To have that go back: okra rollback {turn.policy.name}")
    target, leaving = command.arg or turn.state.previous_version, turn.state.stable_version
    if not target or not leaving:
        raise Refusal(f"there is no previous version; name one that has target groups. {_others(turn)}")
    if target == leaving:
        raise Refusal(f"{target} is the stable version already.")
    groups = newcomers(turn, target)
    if not groups or any(len(of_route) < turn.policy.replicas for of_route in groups.values()):
        raise Refusal(f"{target} has fewer than {turn.policy.replicas} target groups on a route. {_others(turn)}")
    turn.set(blocked=tuple(b for b in turn.state.blocked if b.version != target))
    for version in _passed_over(turn, target, leaving):
        turn.block(version, f"Rolled back from {leaving} to {target}.")
    start(turn, target, RolloutKind.ROLLBACK, groups, (TO_ALL,))
    return f"rolling back from {leaving} to {target}; {leaving} is blocked"


def _others(turn: Turn) -> str:
    found = {version for census in turn.censuses.values() for version in census.versions}
    names = ", ".join(sorted(found - {turn.state.stable_version})) or "none"
    return f"Versions with target groups, beside {turn.state.stable_version or 'no stable one'}: {names}."


def _passed_over(turn: Turn, target: str, leaving: str) -> list[str]:
    """The version that is left, and known ones between: else Okra would go up to those at once."""
    known = {leaving, target, *(version for census in turn.censuses.values() for version in census.versions)}
    order = ranks(known)
    if order is None:
        return [leaving]
    return [version for version in sorted(known) if order[target] < order[version] <= order[leaving]] or [leaving]


VERBS: dict[str, Callable[[Turn, Command], str]] = {
    "abort": _abort,
    "retry": _retry,
    "approve": _approve,
    "pause": _pause,
    "resume": _resume,
    "promote": _promote,
    "rollback": _rollback,
    "unblock": _unblock,
}
