"""The finalizer of a Cell, from the first attach until the rollout ends: a deleted Cell must revert first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from okra.errors import Conflict, Fatal, NotFound, Retryable, Unavailable

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

FINALIZER = "okra.mumoshu.github.io/rollout"
HANDOVER = "okra.mumoshu.github.io/handover"
"""Of a child that its complex Cell deletes: it is gone only when its tags are off its routes."""


class Finalizer:
    """Both methods: False, the object changed meanwhile, decide again; Retryable, not yet."""

    def __init__(self, cell: CellActor) -> None:
        self._cell, self._record = cell, cell.record
        self._refused = ""
        """Why the finalizers can't be changed: an Event says it once, not with each try."""

    async def keep(self) -> bool:
        present = self._present
        if FINALIZER in present or not self._record.state.moving or self._record.deleting:
            return True
        return await self._set((*present, FINALIZER))

    async def drop(self) -> bool:
        present, over = self._present, {FINALIZER, *((HANDOVER,) if self._record.deleting else ())}
        return not over.intersection(present) or await self._set(name for name in present if name not in over)

    @property
    def _present(self) -> tuple[str, ...]:
        return tuple(self._record.object["metadata"].get("finalizers", ()))

    async def _set(self, finalizers: Iterable[str]) -> bool:
        cell, record = self._cell, self._record
        patch = {"metadata": {"finalizers": list(finalizers), "resourceVersion": record.resource_version}}
        try:
            await record.write(cell.wiring.store.patch(cell.kind, *cell.key, patch))
        except (Conflict, NotFound) as error:
            await record.changed(error)
            return False
        except Retryable:
            record.stale = True  # it may have been taken, and only the answer lost
            raise
        except Fatal as error:
            said = f"The Cell's finalizers can't be changed; it is tried again: {error}"
            if said != self._refused:
                cell.say("FinalizerNotWritten", said, "Warning")
            self._refused = said
            raise Unavailable(said) from error
        self._refused = ""
        return True
