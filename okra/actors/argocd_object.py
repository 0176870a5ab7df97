"""The actor of an object that is looked at again and again: read the world, do what follows, say it in status.

Nothing is kept between two looks but the object. A look that fails says why: what may pass by itself is `Reconciling`
and leaves `Ready` as it was, what needs a person is `Stalled`; either is tried again.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import structlog

from okra.actors.argocd import ArgoCD
from okra.actors.kinds import HOTSWAP, OKRA
from okra.actors.messages import Describe, ObjectChanged, ObjectGone, Wake, key_of, one_copy
from okra.actors.runtime.actor import Actor
from okra.actors.wiring import NEVER, Wiring
from okra.api.argocd import ArgoCDApplicationDeploymentStatus, ArgoCDClusterStatus
from okra.api.cluster_set import ClusterSetStatus
from okra.api.conditions import ConditionType
from okra.api.target_group_set import TargetGroupSetStatus
from okra.argocd.kstatus import conditions, interrupted
from okra.errors import Conflict, Fatal, NotFound, OkraError, Retryable, Unavailable
from okra.ports import Kind, Object

log = structlog.get_logger("okra")

Message = ObjectChanged | ObjectGone | Wake | Describe
S = TypeVar("S", ArgoCDClusterStatus, ArgoCDApplicationDeploymentStatus, ClusterSetStatus, TargetGroupSetStatus)

PATIENCE = 60.0
"""Seconds that one look may take. Each call in it has a deadline of its own."""
STORE = 10.0
SOON = 0.1
"""Seconds until the next look at the earliest."""
TOLERATED = 1
"""Failed looks in a row that a ready object says nothing about."""


class GateClosed(Exception):
    """This process may not write now. `until`: when it may (epoch seconds), `NEVER`, or None: --read-only."""

    def __init__(self, would: str, until: float | None) -> None:
        super().__init__(would)
        self.would, self.until = would, until


class LookingActor(Actor[Message], Generic[S]):
    status_model: type[S]

    def __init__(self, wiring: Wiring, argocd: ArgoCD, kind: Kind, obj: Object) -> None:
        self.wiring, self.argocd, self.kind = wiring, argocd, kind
        self.object, self.key = obj, key_of(obj)
        self._failures = 0
        self._unwritten = ""
        """Why the status couldn't be written, as it was said."""

    @abstractmethod
    async def look(self) -> float:
        """One look, its effects and its status; the seconds until the next one."""

    def asks(self, obj: Object) -> tuple[Any, ...]:
        """What of an object this actor goes by; its status it wrote itself."""
        metadata = obj["metadata"]
        return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")

    # -- the actor -------------------------------------------------------------------------------------------------

    async def started(self) -> None:
        await self._turn()

    async def receive(self, message: Message) -> None:
        match message:
            case ObjectChanged(object=obj):
                if self.asks(obj) != self.asks(self.object):
                    await self._turn()
            case ObjectGone():
                self.exit()
            case Wake():
                await self._turn()
            case Describe():
                self.reply(message, self.describe())

    async def _turn(self) -> None:
        delay: float | None = self.wiring.defaults.poll_interval
        try:
            async with asyncio.timeout(PATIENCE):
                if not await self._reload():
                    return
                delay = await self.look()
                self._failures = 0
        except Conflict:
            delay = SOON
        except GateClosed as closed:
            delay = await self._withheld(closed)
        except TimeoutError:
            await self._failed(Unavailable("Not everything answered in time."))
        except OkraError as error:
            await self._failed(error)
        if delay is not None:
            self.timers.after("look", max(SOON, delay), Wake())

    def describe(self) -> dict[str, Any]:
        return {"status": self.object.get("status") or {}, "failures": self._failures}

    # -- the object ------------------------------------------------------------------------------------------------

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = self.object["metadata"]
        return found

    @property
    def generation(self) -> int | None:
        found: int | None = self.metadata.get("generation")
        return found

    @property
    def status(self) -> S:
        return self.status_model.model_validate(self.object.get("status") or {})

    async def _reload(self) -> bool:
        """What a watch shows may be older than what this actor wrote. False: there is nothing to look after."""
        try:
            async with asyncio.timeout(STORE):
                self.object = one_copy(self.object, await self.wiring.store.get(self.kind, *self.key))
        except NotFound:
            self.exit()
            return False
        return True

    async def write_status(self, status: S) -> None:
        """Unless it is what is there. Conflict: the object changed, look again. A change of reason is an Event."""
        before, body = self.status, status.model_dump(mode="json")
        if body == before.model_dump(mode="json"):
            return
        version = self.metadata["resourceVersion"]
        async with asyncio.timeout(STORE):
            write = self.wiring.store.patch_status(self.kind, *self.key, body, resource_version=version)
            self.object = await write
        ready, was = (next(iter(each.conditions), None) for each in (status, before))
        if ready is not None and (was is None or (ready.reason, ready.status) != (was.reason, was.status)):
            stalled = any(each.type == ConditionType.STALLED and each.status == "True" for each in status.conditions)
            self.wiring.journal.record(
                self.kind, self.object, ready.reason, ready.message, "Warning" if stalled else "Normal"
            )

    async def patch_finalizers(self, finalizers: list[str]) -> None:
        """Guarded: Conflict when the object changed."""
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": self.metadata["resourceVersion"]}}
        async with asyncio.timeout(STORE):
            self.object = await self.wiring.store.patch(self.kind, *self.key, patch)

    async def paused(self) -> str:
        """Who pauses, in a sentence: everybody's pause, or the object's owner, a Cell or a System."""
        family = HOTSWAP if self.kind.group == HOTSWAP.cell.group else OKRA
        owners = self.metadata.get("ownerReferences") or ()
        name = next((each["name"] for each in owners if each.get("controller") and _is(each, family.cell)), None)
        if (held := self.wiring.held()) or name is None:
            return held
        try:
            owner = await self.wiring.store.get(family.cell, self.key[0], name)
        except NotFound:
            return ""
        paused = (owner.get("spec") or {}).get("paused") is True
        return f"The {family.cell.kind} {name} is paused (spec.paused)." if paused else ""

    async def keep_finalizer(self, finalizer: str, *, wanted: bool) -> None:
        """Have it, or have it not."""
        present: list[str] = [*self.metadata.get("finalizers", ())]
        if wanted and finalizer not in present:
            await self.patch_finalizers([*present, finalizer])
        elif not wanted and finalizer in present:
            await self.patch_finalizers([each for each in present if each != finalizer])

    # -- what is in the way ------------------------------------------------------------------------------------------

    def must_be_open(self, would: str) -> None:
        """Asked right before each write outside the object itself."""
        if not self.wiring.gate.may_write():
            raise GateClosed(would, self.wiring.gate.opens_at())

    async def _withheld(self, closed: GateClosed) -> float | None:
        """Closed for now: nothing is said. --read-only: what would be done is."""
        if closed.until is None:
            await self._say("ReadOnly", f"Not done, for --read-only: {closed.would}", stalled=False)
            return self.wiring.defaults.poll_interval
        return None if closed.until == NEVER else closed.until - self.wiring.clock.now()

    async def _failed(self, error: OkraError) -> None:
        self._failures += 1
        if self._failures == 1:  # the condition says the rest
            namespace, name = self.key
            log.warning("LookFailed", kind=self.kind.kind, namespace=namespace, name=name, error=str(error))
        if isinstance(error, Retryable) and self._was_ready and self._failures <= TOLERATED:
            return
        await self._say(error.reason, str(error), stalled=isinstance(error, Fatal))

    def _unlooked(self) -> dict[str, Any]:
        """What a status says no more that is of a spec by which nobody has looked yet."""
        return {}

    @property
    def _was_ready(self) -> bool:
        status = self.status
        return bool(status.ready) and status.observed_generation == self.generation

    async def _say(self, reason: str, message: str, *, stalled: bool) -> None:
        """That a look couldn't be finished. A store that doesn't take it has the log."""
        before = self.status
        now, generation = self.wiring.clock.now(), self.generation
        if not stalled and self._was_ready:
            found = interrupted(before.conditions, reason=reason, message=message, generation=generation, now=now)
            update: dict[str, Any] = {"conditions": found}
        else:
            found = conditions(
                before.conditions,
                ready=False,
                stalled=stalled,
                done=False,
                reason=reason,
                message=message,
                generation=generation,
                now=now,
            )
            phase = "Failed" if stalled else before.phase or "Pending"
            update = {"conditions": found, "ready": False, "phase": phase, "observed_generation": generation}
            update |= self._unlooked() if before.observed_generation != generation else {}
        try:
            await self.write_status(before.model_copy(update=update))
        except NotFound:
            self.exit()
        except (OkraError, TimeoutError) as error:
            if str(error) != self._unwritten:  # with each look, until somebody mends it
                log.warning("StatusNotWritten", kind=self.kind.kind, name=self.key[1], error=str(error))
            self._unwritten = str(error)
        else:
            self._unwritten = ""


def _is(owner: Mapping[str, Any], kind: Kind) -> bool:
    """Is this reference to an object of this kind?"""
    return (owner.get("apiVersion"), owner.get("kind")) == (kind.api_version, kind.kind)
