"""A complex Cell's object in the store: this process's copy of it, and every write to it, guarded by its version."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from okra.actors.cell_finalizer import FINALIZER
from okra.actors.messages import key_of, one_copy
from okra.actors.wiring import Wiring
from okra.applications.children import Parent
from okra.applications.state import State
from okra.applications.status import from_status, to_status
from okra.errors import NotFound, Unavailable
from okra.ports import Kind, Object
from okra.rollout.observation import Problem

PATIENCE = 10.0
FOREGROUND = "foregroundDeletion"
TOLD = ("phase", "reason", "message", "observedGeneration", "conditions")
"""What a status is written for, beside a change of the state."""


class ComplexRecord:
    def __init__(self, wiring: Wiring, kind: Kind, obj: Object) -> None:
        self._wiring, self._kind = wiring, kind
        self.object, self.key = obj, key_of(obj)
        self.state = State()
        """What `status` says; ahead of it by running clocks."""
        self._known: Mapping[str, Any] | None = None
        """The status that `state` is of; another one is somebody else's."""

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = self.object["metadata"]
        return found

    @property
    def generation(self) -> int | None:
        found: int | None = self.metadata.get("generation")
        return found

    @property
    def deleting(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def in_the_foreground(self) -> bool:
        """Its children are being deleted before it: none may be made any more."""
        return FOREGROUND in self.metadata.get("finalizers", ())

    @property
    def selected(self) -> bool:
        """Does it have the labels by which this Okra finds its Cells?"""
        return self._wiring.selector.matches(self.metadata.get("labels") or {})

    @property
    def parent(self) -> Parent:
        """As its children name it. Of its labels they have those by which this Okra finds it, and no others."""
        labels = self.metadata.get("labels") or {}
        keys = [each.key for each in self._wiring.selector.requirements]
        shared = {key: labels[key] for key in keys if key in labels}
        uid = self.metadata.get("uid", "")
        return Parent(self._kind.group, self._kind.kind, *self.key, uid, shared, frozenset(keys))

    # -- reading ---------------------------------------------------------------------------------------------------

    async def read(self) -> bool:
        """False: there is no such object any more."""
        try:
            self.object = one_copy(self.object, await self._within(self._wiring.store.get(self._kind, *self.key)))
        except NotFound:
            return False
        status = _without_conditions(self.object)
        if self._known is None or status != self._known:
            self.state, self._known = from_status(self.object.get("status") or {}), status
        return True

    # -- writing ---------------------------------------------------------------------------------------------------

    async def persist(self, state: State, problem: Problem | None = None) -> None:
        """Write the status; from then on this is the state. Conflict: the object changed, decide again."""
        before = self.object.get("status") or {}
        body = to_status(state, before, self.generation, self._wiring.clock.now(), problem)
        version = self.metadata["resourceVersion"]
        write = self._wiring.store.patch_status(self._kind, *self.key, body, resource_version=version)
        self.object = await self._within(write)
        self.state, self._known = state, _without_conditions(self.object)

    async def say(self, problem: Problem | None) -> None:
        """The status tells of this generation, and of what is in the way, if it doesn't yet."""
        before = self.object.get("status") or {}
        body = to_status(self.state, before, self.generation, self._wiring.clock.now(), problem)
        if any(body[key] != before.get(key) for key in TOLD):
            await self.persist(self.state, problem)

    async def keep_finalizer(self, *, wanted: bool) -> None:
        """While an application moves: who deletes the Cell has that put back first."""
        present = [*self.metadata.get("finalizers", ())]
        if wanted is (FINALIZER in present) or (wanted and self.deleting):
            return
        self._wiring.must_be_open()
        finalizers = [*present, FINALIZER] if wanted else [each for each in present if each != FINALIZER]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": self.metadata["resourceVersion"]}}
        self.object = await self._within(self._wiring.store.patch(self._kind, *self.key, patch))

    async def _within(self, call: Awaitable[Object]) -> Object:
        try:
            async with asyncio.timeout(PATIENCE):
                return await call
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error


def _without_conditions(obj: Object) -> Mapping[str, Any]:
    """They only tell, and a directory writes them, too."""
    return {key: value for key, value in (obj.get("status") or {}).items() if key != "conditions"}
