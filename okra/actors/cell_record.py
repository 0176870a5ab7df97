"""A Cell's object in the store: this process's copy of it, and every write to it.

Each write is guarded by the resourceVersion of the copy. A Conflict means that somebody else wrote: the copy is read
again, and what was decided on the old one is void.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from okra.actors.messages import one_copy
from okra.errors import Conflict, NotFound, OkraError, Unavailable
from okra.ports import Object
from okra.rollout.state import State
from okra.rollout.status import from_status, to_status

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

log = structlog.get_logger("okra")

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
    def deleting(self) -> bool:
        return bool(self.object["metadata"].get("deletionTimestamp"))

    # -- reading ---------------------------------------------------------------------------------------------------

    async def load(self) -> bool:
        """Before anything else. False: there is no such object any more."""
        try:
            obj = await self._store.get(self._cell.kind, *self._cell.key)
        except NotFound:
            self._cell.vanished()
            return False
        self._take(one_copy(self.object, obj), with_state=True)
        return True

    async def told(self, obj: Object) -> bool:
        """A watch shows the object. False: nothing that wasn't known."""
        seen = obj["metadata"].get("resourceVersion")
        if seen == self.resource_version:
            self.object = obj  # the same, and one copy of it is enough: the directory has this one
        if seen in (self.resource_version, *self._written):
            return False
        if told_by_others(self.object, obj):
            await self.reload()
        else:
            self._take(obj, with_state=False)
        return True

    async def reload(self) -> None:
        """Somebody else wrote the object. If it was the status, what we knew is void; a label costs us nothing."""
        try:
            async with asyncio.timeout(PATIENCE):
                obj = await self._store.get(self._cell.kind, *self._cell.key)
            self._take(obj, with_state=told_by_others(self.object, obj))
        except NotFound:
            self._cell.vanished()
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error

    def _take(self, obj: Object, *, with_state: bool) -> None:
        """Take over an object's spec and metadata; its state only from a read of our own.

        A watch may show what is older than what we wrote: then the next guarded write says Conflict, and we reload.
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
                raise Unavailable(f"The store doesn't take the status: {error}") from error
            self.unsaved = True
            self._cell.wiring.unsaved.keep(self._cell.kind, self.object, state)
        else:
            self.unsaved = False
        self.state = state
        return True

    async def catch_up(self) -> None:
        """Persist what a revert could not. A store that is down still holds nothing up."""
        try:
            await self._save()
        except OkraError as error:
            namespace, name = self._cell.key
            log.warning("StatusNotWritten", kind="Cell", namespace=namespace, name=name, error=str(error))

    async def _save(self) -> None:
        try:
            await self._write_status(self.state, PATIENCE_URGENT)
            self.unsaved = False
        except Conflict:
            await self.reload()

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

    async def changed(self, error: Conflict | NotFound) -> None:
        """The object isn't the one that a write was for."""
        if isinstance(error, NotFound):
            self._cell.vanished()
        else:
            await self.reload()


def told_by_others(known: Object, obj: Object) -> bool:
    """Does this object's status say something that we neither wrote nor read? Its conditions may: they only tell."""
    ours, theirs = ({**(each.get("status") or {}), "conditions": None} for each in (known, obj))
    return ours != theirs
