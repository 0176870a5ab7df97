"""A Cell's object in the store: this process's copy of it, and every write to it.

Each write is guarded by the resourceVersion of the copy. A Conflict means that somebody else wrote: the copy is read
again, and what was decided on the old one is void.

The first actor of a Cell begins with the object that its directory listed or was told of, and asks for none: a term's
list is no older than the term, and what somebody else has written since makes the first write a Conflict, before it can
raise anything. An actor that begins again reads: what its predecessor wrote may be on the way still, and no Conflict
would tell a revert of it, which doesn't wait for a store that is down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from okra.actors.messages import one_copy
from okra.errors import Conflict, Fatal, NotFound, OkraError, Unavailable
from okra.ports import Object
from okra.rollout.state import State
from okra.rollout.status import from_status, to_status

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

PATIENCE = 10.0
PATIENCE_URGENT = 1.0
"""Seconds that a revert waits for the store before AWS goes first."""
ECHOES = 16
"""Writes of its own that an actor recognises when the watch tells of them."""


class Record:
    def __init__(self, cell: CellActor, obj: Object) -> None:
        self._cell, self._store = cell, cell.wiring.store
        self.object = obj
        self.state = State()
        """What `status` says, as the core knows it; ahead of it by running clocks, and by what is `unsaved`."""
        self.unsaved = False
        """A revert went to AWS before the store took its state."""
        self.known = False
        """The status was read at least once: before that nothing can be decided."""
        self.stale = True
        """It is to be read again. What is known holds until then: a store that is down makes no Cell blind."""
        self._as_given = cell.wiring.as_given(cell.kind, obj)
        """At first it is as good as read."""
        self._written: deque[str] = deque(maxlen=ECHOES)
        """The resourceVersions of its own writes, each guarded by the one before: what a watch tells of them is old."""

    @property
    def resource_version(self) -> str:
        version: str = self.object["metadata"]["resourceVersion"]
        return version

    @property
    def generation(self) -> int | None:
        generation: int | None = self.object["metadata"].get("generation")
        return generation

    @property
    def of_another_spec(self) -> bool:
        """The status is of the spec before an edit."""
        observed = (self.object.get("status") or {}).get("observedGeneration")
        return observed is not None and observed != self.generation

    @property
    def deleting(self) -> bool:
        """It is to be let go."""
        return bool(self.object["metadata"].get("deletionTimestamp")) or self.unselected

    @property
    def unselected(self) -> bool:
        """It has lost the labels by which this Okra finds its Cells."""
        return not self._cell.wiring.selector.matches(self.object["metadata"].get("labels") or {})

    # -- reading ---------------------------------------------------------------------------------------------------

    def told(self, obj: Object) -> bool:
        """A watch shows the object. False: nothing that wasn't known."""
        seen = obj["metadata"].get("resourceVersion")
        if seen == self.resource_version:
            self.object = obj  # the same, and one copy of it is enough: the directory has this one
        if seen in (self.resource_version, *self._written):
            return False
        if not self.known or told_by_others(self.object, obj):
            self.stale = True
        else:
            self._take(obj, with_state=False)
        return True

    async def read(self) -> None:
        """At first, and when somebody else wrote. If it was the status, what we knew is void; a label costs us nothing.

        Raises Retryable: not yet.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                obj = self.object if self._as_given else await self._store.get(self._cell.kind, *self._cell.key)
        except NotFound:
            self._cell.vanished()
            return
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        except Fatal as error:
            raise Unavailable(f"The Cell can't be read: {error}") from error
        with_state = not self.known or told_by_others(self.object, obj)
        self.known, self.stale, self._as_given = True, False, False
        self._take(one_copy(self.object, obj), with_state=with_state)

    def _take(self, obj: Object, *, with_state: bool) -> None:
        """Take over an object's spec and metadata; its state only from a read of our own.

        A watch may show what is older than what we wrote: then the next guarded write says Conflict.
        """
        self.object = obj
        if with_state:
            found = from_status(obj.get("status") or {})
            carried = self._cell.wiring.unsaved.carried(self._cell.kind, obj, found)
            self.state, self.unsaved = carried or found, carried is not None
        self._cell.spec.read(obj)

    # -- the status ------------------------------------------------------------------------------------------------

    async def persist(self, state: State, *, urgent: bool) -> bool:
        """Write the status; from then on this is the state. False: the object changed, decide again.

        `urgent`, a revert: a store that doesn't take it holds nothing up. It is `unsaved` then, and to catch up.
        """
        try:
            await self._write_status(state, PATIENCE_URGENT if urgent else PATIENCE)
        except (Conflict, NotFound) as error:
            await self.changed(error)
            return False
        except OkraError as error:
            if not urgent or not self._cell.wiring.gate.may_write():
                self.stale = True  # it may have been taken, and only the answer lost
                raise not_taken(error) from error
            self._cell.turns.refused(not_taken(error))
            self.unsaved = True
            self._cell.wiring.unsaved.keep(self._cell.kind, self.object, state)
        else:
            self.unsaved = False
        self.state = state
        return True

    async def catch_up(self) -> None:
        """Persist what a revert could not. Raises Retryable: not yet."""
        try:
            await self._write_status(self.state, PATIENCE_URGENT)
            self.unsaved = False
        except Conflict as error:
            await self.changed(error)
        except OkraError as error:
            raise not_taken(error) from error

    async def _write_status(self, state: State, within: float) -> None:
        body = to_status(state, self.object.get("status") or {}, self.generation, self._cell.sight.tick())
        write = self._store.patch_status(self._cell.kind, *self._cell.key, body, resource_version=self.resource_version)
        await self.write(write, within)

    # -- any write -------------------------------------------------------------------------------------------------

    async def write(self, write: Awaitable[Object], within: float = PATIENCE) -> None:
        """What the store took was guarded: it is newer than all we knew. Conflict, NotFound: it is for `changed`."""
        try:
            async with asyncio.timeout(within):
                obj = await write
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        self._written.append(self.resource_version)
        self.object = obj
        self._cell.turns.hurry()  # the store takes writes: what it refuses next it hasn't refused for long

    async def changed(self, error: Conflict | NotFound) -> None:
        """The object isn't the one that a write was for."""
        if isinstance(error, NotFound):
            self._cell.vanished()
        else:
            self.stale = True
            await self.read()


def not_taken(error: OkraError) -> Unavailable:
    return Unavailable(f"The store doesn't take the status: {error}")


def told_by_others(known: Object, obj: Object) -> bool:
    """Does this object's status say something that we neither wrote nor read? Its conditions may: they only tell."""
    ours, theirs = ({**(each.get("status") or {}), "conditions": None} for each in (known, obj))
    return ours != theirs
