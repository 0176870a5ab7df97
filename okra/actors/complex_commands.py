"""A person's command to a complex Cell. What is about traffic goes to the child Cell that moves it: it knows what can
be done, and does it once; what it says of it is said here, too."""

from __future__ import annotations

from dataclasses import replace

from okra.actors.complex_children import Children
from okra.actors.complex_record import ComplexRecord
from okra.actors.person import command_of
from okra.api.cell_status import CellStatus
from okra.api.meta import COMMAND_ANNOTATION
from okra.applications.commands import COMMANDS_KEPT
from okra.applications.state import AppState
from okra.ports import Object
from okra.rollout.commands import unknown
from okra.rollout.observation import Command
from okra.rollout.state import Handled
from okra.rollout.status import read_time

OWN = ("retry", "unblock")
"""What failed may begin again: the machine's to decide. While traffic moves, a child that is held goes on with them."""
REFUSED = "Refused: no traffic moves."


class Commands:
    def __init__(self, record: ComplexRecord, children: Children) -> None:
        self._record, self._children = record, children

    def own(self) -> tuple[Command, ...]:
        """The command, if it isn't for a child."""
        command, moving = command_of(self._record.object), self._moving
        if command is None or self._handed_down():
            return ()
        if command.verb == "abort":
            return (command,) if moving and not self._runs(moving) else ()
        if command.verb == "rollback":
            return () if moving and not command.arg else (command,)  # a revision, where a child would see a version
        mine = command.verb in OWN and (moving is None or not self._tries_on(moving, command))
        return (command,) if mine else ()

    def _handed_down(self) -> bool:
        """Has a child got it? Whatever it has made of it by now, it is nobody else's."""
        children = (self._children.route_object(app.name) for app in self._record.state.applications)
        return any(child is not None and _command_of(child) == _command_of(self._record.object) for child in children)

    def _tries_on(self, moving: AppState, command: Command) -> bool:
        """Is it about the attempt that is under way, which its child holds? What is being put back isn't tried again
        before it is."""
        assert moving.target is not None  # it moves
        seen = self._children.route(moving.name, moving.attempt) if self._told(moving) else None
        held = moving.failure is None and seen is not None and seen.held
        return held and command.verb == "retry" and command.arg in ("", moving.target.version)

    @property
    def _moving(self) -> AppState | None:
        return next((each for each in self._record.state.applications if each.moving), None)

    def _told(self, app: AppState) -> Object | None:
        """The child that moves the application's traffic. One that rests where the application comes from has no part
        in its move yet: it would take a command for one about the move before."""
        assert app.target is not None  # it moves
        seen = self._children.route(app.name, app.attempt)
        if seen is None or not seen.version or (seen.version != app.target.version and seen.settled):
            return None
        return self._children.route_object(app.name)

    def _runs(self, app: AppState) -> bool:
        """Is its child known to be on the way? One that was told and hasn't begun, as in a pause, has nothing to take
        back: its Cell has."""
        assert app.target is not None  # it moves
        seen = self._children.route(app.name, app.attempt)
        return seen is not None and seen.version == app.target.version and bool(seen.phase) and not seen.settled

    def _addressee(self, command: Command) -> tuple[AppState, Object] | None:
        """The application, and its child, that a command about traffic is for: the one that moves; where none does the
        first that is held."""
        if (moving := self._moving) is not None:
            back = command.verb in ("abort", "rollback")
            child = None if back and not self._runs(moving) else self._told(moving)
            return (moving, child) if child else None
        for app in self._record.state.applications:
            seen, child = self._children.route(app.name, None), self._children.route_object(app.name)
            if child and seen and seen.held and seen.phase != "Invalid":  # one that is listens to nobody
                return app, child
        return None

    async def take(self, now: float) -> bool:
        """Hand the command of the annotation down, once. True: its answer is awaited."""
        command, state = command_of(self._record.object), self._record.state
        if command is None or self.own() or any(each.id == command.id for each in state.commands):
            return False
        handled = await self._answer(command, now)
        if handled is None:
            return True
        await self._record.persist(replace(state, commands=(*state.commands, handled)[-COMMANDS_KEPT:]))
        return False

    def _instead(self, moving: AppState | None) -> str:
        cell, hold = self._record.key[1], "To hold everything, set spec.paused."
        if moving is not None:
            return f"{hold} To take {moving.name} off its new clusters: okra abort {cell}"
        return f"{hold} To go back: okra rollback {cell}, or apply the former spec."

    async def _answer(self, command: Command, now: float) -> Handled | None:
        """What a child said of it, or why none was asked. None: it was asked."""
        if said := unknown(command):
            return Handled(command.id, command.verb, command.by, now, f"Refused: {said}")
        for app in self._record.state.applications:
            known = self._children.route_object(app.name) or {}
            for each in CellStatus.model_validate(known.get("status") or {}).commands:
                if each.id == command.id:
                    refused = "Refused: " * each.outcome.startswith("Refused: ")  # first, for whoever looks for that
                    said = f"{refused}{app.name}: {each.outcome.removeprefix('Refused: ')}"
                    return Handled(each.id, each.verb, each.by, read_time(each.time), said)
        found = self._addressee(command)
        if found is None:
            return Handled(command.id, command.verb, command.by, now, f"{REFUSED} {self._instead(self._moving)}")
        app, child = found
        if _command_of(child) != (text := _command_of(self._record.object)):
            await self._children.forward(app.name, text)
        return None


def _command_of(obj: Object) -> str:
    """As it stands in its annotation."""
    text: str = (obj["metadata"].get("annotations") or {}).get(COMMAND_ANNOTATION) or ""
    return text
