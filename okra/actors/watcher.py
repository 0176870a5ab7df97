"""One watcher a kind: lists, watches, and tells the directory. It lists again whenever it can't be sure."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import structlog

from okra.actors.messages import Listed, ObjectChanged, ObjectGone
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.backoff import Backoff
from okra.actors.runtime.ref import ActorRef
from okra.errors import Expired, Retryable
from okra.ports import Kind, ObjectStore, WatchEvent

log = structlog.get_logger("okra")


@dataclass(frozen=True, slots=True)
class Ended:
    """The watch ended; whatever the cause, the next thing is to list."""


class Watcher(Actor[Ended]):
    """`selector` and `namespace` limit what this installation looks after."""

    def __init__(
        self,
        store: ObjectStore,
        kind: Kind,
        directory: ActorRef[Any],
        namespace: str | None = None,
        selector: str | None = None,
    ) -> None:
        self._store, self._kind, self._directory = store, kind, directory
        self._namespace, self._selector = namespace, selector

    async def started(self) -> None:
        self.run(self._follow(), done=lambda _: Ended())

    async def receive(self, _: Ended) -> None:
        raise RuntimeError(f"the watch of {self._kind.plural} ended")

    async def _follow(self) -> None:
        """List and watch for ever. Ordinary failures of the store are waited out; anything else fails the actor."""
        backoff, failures = Backoff(), 0
        while True:
            try:
                listing = await self._store.list(self._kind, self._namespace, self._selector)
                self._directory.tell(Listed(tuple(listing.items)))
                failures = 0
                watch = self._store.watch(self._kind, listing.resource_version, self._namespace, self._selector)
                async for event in watch:
                    self._tell(event)
            except Expired:
                log.info("WatchExpired", kind=self._kind.kind)
            except Retryable as error:
                failures += 1
                log.warning("WatchFailed", kind=self._kind.kind, error=str(error), failures=failures)
                await asyncio.sleep(backoff.delay(failures, random.SystemRandom()))

    def _tell(self, event: WatchEvent) -> None:
        match event.type:
            case "ADDED" | "MODIFIED":
                self._directory.tell(ObjectChanged(event.object))
            case "DELETED":
                self._directory.tell(ObjectGone(event.object))
            case "BOOKMARK":
                pass
