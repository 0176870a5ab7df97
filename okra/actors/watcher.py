"""One watcher a kind: lists, watches, and tells the directory. It lists again whenever it can't be sure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from okra.actors.kinds import resource
from okra.actors.messages import Listed, ObjectChanged, ObjectGone
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.backoff import Backoff
from okra.actors.runtime.ref import ActorRef
from okra.errors import AccessDenied, Expired, KindNotInstalled, OkraError, Retryable
from okra.ports import Kind, ObjectStore, WatchEvent

log = structlog.get_logger("okra")


@dataclass(frozen=True, slots=True)
class Ended:
    """The watch ended; whatever the cause, the next thing is to list."""


@dataclass(frozen=True, slots=True)
class Relist:
    """The directory begins anew and knows nobody."""


LASTING = 10.0
"""Seconds after which a watch that ended counts as one that had worked."""
SLOWEST = 30.0
"""Seconds between two tries, at most."""
OPTIONAL = 60.0
"""Seconds until somebody may have installed a kind that need not be there."""


class Watcher(Actor[Ended | Relist]):
    """`selector` and `namespace` limit what this installation looks after."""

    def __init__(
        self,
        store: ObjectStore,
        kind: Kind,
        directory: ActorRef[Any],
        namespace: str | None = None,
        selector: str | None = None,
        *,
        failed: Callable[[str, str], None] = lambda _kind, _why: None,
        optional: bool = False,
    ) -> None:
        """`failed` is told of the kind, and why it can't be listed or watched, or (empty) that it can. `optional`:
        whoever hasn't installed the kind doesn't want it, and hears nothing of that; nor, perhaps, does he who gives no
        access, and hears it once."""
        self._store, self._kind, self._directory = store, kind, directory
        self._namespace, self._selector, self._failed, self._optional = namespace, selector, failed, optional
        self._denied = ""
        """Why an optional kind can't be had, as it was said."""

    async def started(self) -> None:
        self._begin()

    async def receive(self, message: Ended | Relist) -> None:
        match message:
            case Relist():
                self._task.cancel()
                self._begin()
            case Ended():
                raise RuntimeError(f"the watch of {resource(self._kind)} ended")

    def _begin(self) -> None:
        self._task = self.run(self._follow(), done=lambda _: Ended())

    async def _follow(self) -> None:
        """List and watch for ever. Ordinary ends and failures of the store are waited out, however quickly they follow
        one another, also those that a person ends (a missing permission, no CRDs); anything else fails the actor."""
        backoff, failures = Backoff(cap=SLOWEST), 0
        while True:
            began = self.monotonic()
            try:
                await self._list_and_watch()
            except Expired:
                log.info("WatchExpired", kind=self._kind.kind)
            except OkraError as error:
                if self._optional and isinstance(error, KindNotInstalled | AccessDenied):
                    self._say_once(error)
                    await asyncio.sleep(OPTIONAL)
                    continue
                say = log.warning if isinstance(error, Retryable) else log.error
                say("WatchFailed", kind=self._kind.kind, error=str(error), failures=failures + 1)
                self._failed(resource(self._kind), str(error))
            failures = 1 if self.monotonic() - began >= LASTING else failures + 1
            await asyncio.sleep(backoff.delay(failures, random.SystemRandom()))

    def _say_once(self, error: OkraError) -> None:
        if not isinstance(error, AccessDenied):
            return
        self._failed(resource(self._kind), str(error))
        if str(error) != self._denied:
            self._denied = str(error)
            log.warning("WatchFailed", kind=self._kind.kind, error=self._denied)

    async def _list_and_watch(self) -> None:
        since = await self._list()
        works = asyncio.get_running_loop().call_later(LASTING, self._failed, resource(self._kind), "")
        try:
            async for event in self._store.watch(self._kind, since, self._namespace, self._selector):
                self._tell(event)
        finally:
            works.cancel()

    async def _list(self) -> str:
        """The version to watch from. The objects must not live as long as the watch: only the directory has them."""
        listing = await self._store.list(self._kind, self._namespace, self._selector)
        self._directory.tell(Listed(tuple(listing.items)))
        return listing.resource_version

    def _tell(self, event: WatchEvent) -> None:
        match event.type:
            case "ADDED" | "MODIFIED":
                self._directory.tell(ObjectChanged(event.object))
            case "DELETED":
                self._directory.tell(ObjectGone(event.object))
            case "BOOKMARK":
                pass
