"""The verdicts that the store didn't take: a revert doesn't wait for it, and its actor may end before it answers.

They outlive a crash of the actor, and the Lease. An actor that begins takes over what concerns its Cell (`carried`); a
process that leads no more writes it itself (`save`). Anybody may: a write is computed from the status just read, and
guarded by its resourceVersion, so that nothing recorded since is lost; all that it says is that a rollout which still
runs has failed, and that only takes traffic off. To a leader elsewhere it is somebody else's change of the status, read
as ever; as a rule one that comes before its first write to AWS, for which it waits.

A process that is killed takes along what only it knew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from okra.actors.messages import Key, key_of
from okra.errors import NotFound, OkraError
from okra.ports import Clock, Kind, Object, ObjectStore
from okra.rollout import verdicts
from okra.rollout.state import State
from okra.rollout.status import from_status, to_status

log = structlog.get_logger("okra")

AGAIN, AGAIN_AT_MOST = 1.0, 8.0
"""Seconds until it is tried again; they double."""
PATIENCE = 5.0
"""Seconds for reading and writing one status."""


@dataclass(frozen=True, slots=True)
class _Kept:
    uid: str
    state: State


class UnsavedVerdicts:
    """One for a process. What was saved after all is void, and goes when it is looked at next."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Kind, Key], _Kept] = {}

    def keep(self, kind: Kind, obj: Object, state: State) -> None:
        """The store didn't take this state of an object."""
        self._kept[kind, key_of(obj)] = _Kept(obj["metadata"]["uid"], state)

    def carried(self, kind: Kind, obj: Object, found: State) -> State | None:
        """The state that an object's status gave, with the verdict that it doesn't say; None: there is none."""
        kept = self._kept.get((kind, key_of(obj)))
        if kept is None:
            return None
        state = verdicts.carried(kept.state, found) if kept.uid == obj["metadata"]["uid"] else None
        if state is None:
            del self._kept[kind, key_of(obj)]
        return state

    async def save(self, store: ObjectStore, clock: Clock) -> None:
        """Until each of them is in its status, or void. For a process that doesn't lead: an actor saves its own."""
        pause = AGAIN
        while self._kept:
            kind, key = name = next(iter(self._kept))
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._save(store, clock, kind, key)
            except (OkraError, TimeoutError) as error:
                said = str(error) or "no answer"
                log.warning("VerdictNotSaved", kind=kind.kind, namespace=key[0], name=key[1], error=said)
                self._kept[name] = self._kept.pop(name)  # next time the others first
                await asyncio.sleep(pause)
                pause = min(2 * pause, AGAIN_AT_MOST)
            else:
                self._kept.pop(name, None)
                pause = AGAIN

    async def _save(self, store: ObjectStore, clock: Clock, kind: Kind, key: Key) -> None:
        try:
            obj = await store.get(kind, *key)
            status = obj.get("status") or {}
            state = self.carried(kind, obj, from_status(status))
        except (NotFound, ValueError):  # it is gone, or says nothing that makes sense
            return
        if state is not None:
            body = to_status(state, status, status.get("observedGeneration"), clock.now())
            version = obj["metadata"]["resourceVersion"]
            await store.patch_status(kind, *key, body, resource_version=version)
            log.info("VerdictSaved", kind=kind.kind, namespace=key[0], name=key[1], message=state.condition.message)
