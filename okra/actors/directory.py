"""One directory a kind: starts an actor at the first sight of an object, and stops it when the object is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from okra.actors.kinds import kind_named, resource, seat
from okra.actors.messages import (
    Forward,
    Key,
    Listed,
    Lookup,
    ObjectChanged,
    ObjectGone,
    Objects,
    SeriesDone,
    Wake,
    key_of,
)
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.messages import ChildFailed
from okra.actors.runtime.policy import ChildKind, Policy
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.supervisor import Supervisor
from okra.actors.text import plain
from okra.actors.watcher import Relist
from okra.actors.wiring import Wiring
from okra.api.conditions import Condition, ConditionStatus, ConditionType
from okra.api.kinds import BY_NAME
from okra.applications.children import PARENT
from okra.errors import NotFound, OkraError
from okra.ports import Kind, Object
from okra.rollout.observation import Verdict
from okra.rollout.status import write_time

log = structlog.get_logger("okra")

Message = Listed | ObjectChanged | ObjectGone | Forward | ChildFailed | Lookup | Objects | Wake
PATIENCE = 10.0
LONGEST_ERROR = 1000
LETTING_GO = 15.0
"""Seconds that the actor of an object that is gone has for it."""
TURN = 50
"""Objects of a listing taken in a row before others have the event loop."""
GOES_BY = ("observedGeneration", "phase", "ready", "machine", "stableVersion", "commands")
"""What of a child's status its Cell decides by. The steps of a rollout are not."""
LOOKING_AT_AWS = ("Cell", "System", "ALB")
"""Kinds whose objects need a first discovery."""


class Directory(Actor[Message]):
    """`make` makes the actor of an object; it is told of each change as ObjectChanged, and of the end as ObjectGone."""

    def __init__(self, wiring: Wiring, kind: Kind, make: Callable[[Object], Actor[Any]]) -> None:
        self._wiring, self._kind, self._make = wiring, kind, make
        self._objects: dict[Key, Object] = {}

    async def started(self) -> None:
        self._actors = self.own(Supervisor(Policy(stop_together=True), on_failure=self.ref.tell))
        if (watcher := self._wiring.refs.get(f"watch-{resource(self._kind)}")) is not None:
            watcher.tell(Relist())  # started again: its first list may be long ago

    async def receive(self, message: Message) -> None:
        match message:
            case Listed(objects=objects):
                waiting = (seat(self._kind, *key_of(obj)) for obj in objects if self._kind.kind in LOOKING_AT_AWS)
                self._wiring.readiness.listed(resource(self._kind), waiting)
                for key in self._objects.keys() - {key_of(obj) for obj in objects}:
                    await self._gone(self._objects[key])
                for number, obj in enumerate(objects):
                    if number % TURN == TURN - 1:
                        await asyncio.sleep(0)
                    await self._changed(obj)
            case ObjectChanged(object=obj):
                await self._changed(obj)
            case ObjectGone(object=obj):
                await self._gone(obj)
            case Forward():
                await self._forward(message)
            case ChildFailed():
                await self._failed(message)
            case Lookup(key=key):
                self.reply(message, self._actors.get(_name(key)))
            case Wake(key=only):
                for key in self._objects if only is None else (only,):
                    if (ref := self._actors.get(_name(key))) is not None:
                        ref.tell(Wake())
            case Objects():
                self.reply(message, tuple(self._objects.values()))

    async def _changed(self, obj: Object) -> None:
        key = key_of(obj)
        known = self._objects.get(key)
        if known is not None and _uid(known) != _uid(obj):
            await self._gone(known)
            known = None
        self._objects[key] = obj
        name = _name(key)
        if known is None or self._actors.get(name) is None:
            spec = ChildSpec(
                name, partial(self._actor_of, key), kind=ChildKind.TRANSIENT, drain=True, stop_timeout=LETTING_GO
            )
            self._actors.start_child(spec)
        elif (ref := self._actors.get(name)) is not None:
            ref.tell(ObjectChanged(obj))
            if _says(known) != _says(obj):
                self._wake_parent(obj)
            if known["metadata"].get("generation") != obj["metadata"].get("generation"):
                self._actors.unpark(name)

    def _actor_of(self, key: Key) -> Actor[Any]:
        """With the newest object: after a crash the first sight is long out of date. One that is stopped before it
        began gets an object of that name only, and reads for itself that there is none."""
        return self._make(self._objects.get(key) or {"metadata": {"namespace": key[0], "name": key[1]}})

    async def _gone(self, obj: Object) -> None:
        """The actor lets go of what it holds in AWS, and ends. An object made anew under its name waits for that."""
        key = key_of(obj)
        ref = self._actors.get(_name(key))
        if ref is not None and await self._still_there(obj, ref):
            return
        if self._objects.pop(key, None) is None:
            return
        self._wake_parent(obj)
        self._never_looks(key)
        if ref is not None:
            ref.tell(ObjectGone(obj))
            ref.stop()

    def _wake_parent(self, obj: Object) -> None:
        """A complex Cell goes by what its children say: it need not wait for its next look."""
        metadata = obj["metadata"]
        if PARENT not in (metadata.get("labels") or {}):
            return
        for owner in metadata.get("ownerReferences") or ():
            kind = BY_NAME.get((owner.get("apiVersion", ""), owner.get("kind", "")))
            if owner.get("controller") and kind is not None:
                directory = self._wiring.refs.get(resource(kind_named(kind.group, kind.kind)))
                if directory is not None:
                    directory.tell(Wake((key_of(obj)[0], owner["name"])))

    async def _still_there(self, obj: Object, ref: ActorRef[Any]) -> bool:
        """To a watch a Cell that loses the labels by which Okra finds it is gone, and yet there it is, perhaps with
        a canary on its routes: its actor puts back what moves and lets it go. True also where that isn't known yet."""
        if not self._wiring.selector.requirements or self._kind.kind not in LOOKING_AT_AWS:
            return False
        key = key_of(obj)
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._wiring.store.get(self._kind, *key)
        except NotFound:
            return False
        except (OkraError, TimeoutError):
            self.timers.after(f"gone {_name(key)}", PATIENCE, ObjectGone(obj))
            return True
        if _uid(found) != _uid(obj):
            return False
        self._objects[key] = found
        ref.tell(ObjectChanged(found))
        return True

    async def _forward(self, message: Forward) -> None:
        if message.object is not None and message.key not in self._objects:
            await self._changed(message.object)
        ref = self._actors.get(_name(message.key))
        if ref is None or not ref.tell(message.message):
            asked = message.message
            said = f"There is no {self._kind.kind} {message.key[1]} in namespace {message.key[0]}."
            asked.reply_to.tell(SeriesDone(message.key[1], asked.cell, asked.token, Verdict.ERROR, said))

    async def _failed(self, failed: ChildFailed) -> None:
        """An actor crashed. One that crashes in a loop is said in its object's status; the others go on."""
        obj = self._objects.get(_key(failed.name))
        self._never_looks(_key(failed.name))
        log.error("ActorFailed", kind=self._kind.kind, name=failed.name, error=failed.error, restarts=failed.restarts)
        if not failed.parked or obj is None:
            return
        again = f" Tried again in {failed.retry_in:.0f} s, or when its spec changes." if failed.retry_in else ""
        said = f"The actor of this {self._kind.kind} keeps crashing: {plain(failed.error, LONGEST_ERROR)}.{again}"
        self._wiring.journal.record(self._kind, obj, "ActorCrashLoop", said, "Warning", restarts=failed.restarts)
        await self._say_stalled(obj, said)

    def _never_looks(self, key: Key) -> None:
        """Nobody has to wait for what this object would have seen."""
        if self._kind.kind in LOOKING_AT_AWS:
            self._wiring.readiness.seen(seat(self._kind, *key))

    async def _say_stalled(self, obj: Object, message: str) -> None:
        at = write_time(self._wiring.clock.now())
        generation = obj["metadata"].get("generation")
        conditions = [
            Condition(
                type=type_,
                status=status,
                reason="ActorCrashLoop",
                message=message,
                observed_generation=generation,
                last_transition_time=at,
            ).model_dump(mode="json")
            for type_, status in (
                (ConditionType.READY, ConditionStatus.FALSE),
                (ConditionType.RECONCILING, ConditionStatus.FALSE),
                (ConditionType.STALLED, ConditionStatus.TRUE),
            )
        ]
        namespace, name = key_of(obj)
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._wiring.store.get(self._kind, namespace, name)
                if _uid(found) == _uid(obj):
                    said, version = {"conditions": conditions}, found["metadata"]["resourceVersion"]
                    await self._wiring.store.patch_status(self._kind, namespace, name, said, resource_version=version)
        except (OkraError, TimeoutError) as error:
            log.warning("StatusNotWritten", kind=self._kind.kind, name=name, error=str(error))


def _name(key: Key) -> str:
    return "/".join(key)


def _key(name: str) -> Key:
    namespace, _, plain = name.partition("/")
    return namespace, plain


def _says(obj: Object) -> list[Any]:
    status = obj.get("status") or {}
    return [status.get(each) for each in GOES_BY]


def _uid(obj: Object) -> str | None:
    uid: str | None = obj["metadata"].get("uid")
    return uid
