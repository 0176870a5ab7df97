"""The actor of one Cell: it gathers what the core needs to know, lets it decide, and executes what it asks for.

Nobody else in Okra writes this Cell's routes. All that it must not forget is in `status`; a restarted actor reads the
object and the world again.

Here is what it does with each message; the rest has a place of its own:

- `cell_record`: the object in the store: its versions, reading it again, writing its status; `cell_finalizer`
- `cell_spec`: what the object asks for: policy, routes
- `cell_turns`: deciding, executing, and when it looks again
- `sight`: what it sees, and by `sweep`, how it looks; `claims`: whose the routes are
- `executor`: the core's effects; `cell_checks`, `leaving`: those that take more than a call
"""

from __future__ import annotations

from typing import Any, Literal

from okra.actors.cell_checks import CellChecks
from okra.actors.cell_finalizer import Finalizer
from okra.actors.cell_record import Record
from okra.actors.cell_spec import Spec
from okra.actors.cell_turns import Turns
from okra.actors.kinds import OKRA, seat
from okra.actors.leaving import Leaving
from okra.actors.messages import (
    AskAgain,
    Describe,
    Discovered,
    Forget,
    Key,
    ObjectChanged,
    ObjectGone,
    SeriesDone,
    Subscribe,
    Unsubscribe,
    Wake,
    key_of,
)
from okra.actors.runtime.actor import Actor
from okra.actors.sight import Sight
from okra.actors.wiring import Wiring
from okra.ports import Kind, Object

Message = ObjectChanged | ObjectGone | Discovered | SeriesDone | AskAgain | Wake | Describe

CELL = OKRA.cell


class CellActor(Actor[Message]):
    def __init__(self, wiring: Wiring, obj: Object, kind: Kind = CELL) -> None:
        """`kind`: Cell, hotswap's System, or ALB."""
        self.wiring, self.kind = wiring, kind
        self.key: Key = key_of(obj)
        self.seat = seat(kind, *self.key)
        self.sight = Sight(wiring)
        self.record = Record(self, obj)
        self.finalizer = Finalizer(self)
        self.spec = Spec(self)
        self.checks = CellChecks(self)
        self.leaving = Leaving(self)
        self.turns = Turns(self)
        self.gone = False
        """There is nothing left to look after."""

    async def started(self) -> None:
        await self.turns.work()

    async def receive(self, message: Message) -> None:
        match message:
            case ObjectChanged(object=obj):
                if not self.record.told(obj):
                    return
                self.turns.hurry()
            case ObjectGone():
                await self.leaving.last()
                self.vanished()
                return
            case Discovered():
                self.sight.discovered(message, {ref.account for ref in self.spec.refs.values()})
            case SeriesDone():
                self.checks.done(message)
            case AskAgain():
                await self.turns.ask_again()
            case Wake():
                pass
            case Describe():
                self.reply(message, self.describe())
                return
        await self.turns.work()

    async def stopping(self) -> None:
        self.tell_discovery(Unsubscribe(self.seat))

    def vanished(self) -> None:
        """The object is no more, or about to be."""
        self.gone = True
        self.exit()

    async def release(self) -> None:
        """The Cell is being deleted, or is this Okra's no more, and nothing moves: let go, and let it go."""
        if self.record.unselected:
            self.say("NotSelected", "This Okra's selector doesn't match the Cell any more: it is let go as it is.")
        await self.leaving.all()
        await self.finalizer.drop()
        self.vanished()

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell_discovery(self, message: Subscribe | Unsubscribe | Forget) -> None:
        self.wiring.refs["discovery"].tell(message)

    def say(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal", **more: Any) -> None:
        """An Event, a log line and a count."""
        state = self.record.state
        fields: dict[str, Any] = {"phase": str(state.phase), **more}
        if (rollout := state.rollout) is not None:
            fields |= {"rollout": rollout.number, "version": rollout.version, "step": rollout.step + 1}
            fields["outcome"] = str(rollout.outcome)
        fields["weights"] = [dict(route.asked) for route in state.routes]
        self.wiring.journal.record(self.kind, self.record.object, reason, message, type, **fields)

    def describe(self) -> dict[str, Any]:
        """For /debug/cells: what it wants, what it knows, what it saw."""
        return {
            "policy": self.spec.present_policy,
            "state": self.record.state,
            "observation": self.sight.obs,
            "routes": list(self.spec.refs),
            "unsaved": self.record.unsaved,
        }
