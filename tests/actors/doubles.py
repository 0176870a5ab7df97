"""What surrounds the actors in their tests: a store and metrics that fail when a test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.api.provider import Provider
from okra.embedded.store import EmbeddedStore
from okra.errors import OkraError
from okra.ports import Account, EventRecord, Grain, Kind, Listing, Object, Reading, WatchEvent, Window

Fault = Callable[[str, str], OkraError | None]
"""(operation, object's name; of a listing and a watch the kind's plural) → the error to raise instead, or nothing."""


def no_fault(operation: str, name: str) -> OkraError | None:
    return None


class FragileStore:
    """An `ObjectStore` in front of another one: counts, and can fail or hang."""

    def __init__(self, real: EmbeddedStore) -> None:
        self.real = real
        self.writes: Counter[tuple[str, str]] = Counter()
        """(operation, kind) of each write that was taken."""
        self.calls: Counter[tuple[str, str]] = Counter()
        self.fault: Fault = no_fault
        self.lost: Fault = no_fault
        """As `fault`, of the answer to a write that was taken."""
        self.slow: Callable[[str, str], float] = lambda _operation, _name: 0.0
        """Seconds that an operation on an object takes."""
        self.ends: asyncio.Event = asyncio.Event()
        self.watch_error: OkraError | None = None
        self.watch_lag = 0.0
        """Seconds until a watcher hears of a change."""
        self.changed = asyncio.Event()
        """Set after each write."""

    async def _pass(self, operation: str, kind: Kind, name: str) -> None:
        self.calls[operation, kind.kind] += 1
        if seconds := self.slow(operation, name):
            await asyncio.sleep(seconds)
        if (error := self.fault(operation, name)) is not None:
            raise error

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        await self._pass("get", kind, name)
        return await self.real.get(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> Listing:
        await self._pass("list", kind, kind.plural)
        return await self.real.list(kind, namespace, selector)

    async def watch(
        self, kind: Kind, resource_version: str, namespace: str | None = None, selector: str | None = None
    ) -> AsyncIterator[WatchEvent]:
        await self._pass("watch", kind, kind.plural)
        watch = self.real.watch(kind, resource_version, namespace, selector)
        while True:
            event = asyncio.ensure_future(anext(watch))
            ends = asyncio.ensure_future(self.ends.wait())
            try:
                await asyncio.wait((event, ends), return_when=asyncio.FIRST_COMPLETED)
                if not event.done():
                    if self.watch_error is not None:
                        raise self.watch_error
                    return
                await asyncio.sleep(self.watch_lag)
                yield event.result()
            finally:
                event.cancel()
                ends.cancel()

    async def break_watches(self, error: OkraError | None) -> None:
        """End every watch, with an error or (None) ordinarily."""
        self.watch_error = error
        self.ends.set()
        await asyncio.sleep(0.001)
        self.ends.clear()

    async def create(self, kind: Kind, body: Object) -> Object:
        await self._pass("create", kind, body["metadata"]["name"])
        return self._took("create", kind, await self.real.create(kind, body))

    async def apply(self, kind: Kind, body: Object) -> Object:
        await self._pass("apply", kind, body["metadata"]["name"])
        return self._took("apply", kind, await self.real.apply(kind, body))

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        await self._pass("patch", kind, name)
        return self._took("patch", kind, await self.real.patch(kind, namespace, name, patch))

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Object:
        await self._pass("patch_status", kind, name)
        done = await self.real.patch_status(kind, namespace, name, status, resource_version=resource_version)
        return self._took("patch_status", kind, done)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, resource_version: str | None = None
    ) -> None:
        await self._pass("delete", kind, name)
        await self.real.delete(kind, namespace, name, uid=uid, resource_version=resource_version)
        self.writes["delete", kind.kind] += 1
        self.changed.set()

    async def emit(self, event: EventRecord) -> None:
        await self._pass("emit", event.kind, event.name)
        await self.real.emit(event)

    async def close(self) -> None:
        await self.real.close()

    def _took(self, operation: str, kind: Kind, obj: Object) -> Object:
        self.writes[operation, kind.kind] += 1
        self.changed.set()
        if (error := self.lost(operation, obj["metadata"]["name"])) is not None:
            raise error
        return obj


@dataclass
class FakeMetrics:
    """A `MetricSources`: what is measured is what `answer` says at that moment."""

    now: Callable[[], float]
    answer: Callable[[str, Window], Any] = lambda _query, _window: 0.0
    """(query, window) → a value, None for no data, or the error to raise."""
    grain: Grain = field(default_factory=Grain)
    latency: float = 0.0
    opened: list[tuple[Provider, str | None, str, Account]] = field(default_factory=list)
    refuses: OkraError | None = None
    """Raised by `open`: a Secret that isn't there."""
    windows: list[Window] = field(default_factory=list)
    open_now: int = 0

    async def open(self, provider: Provider, query: str | None, namespace: str, account: Account) -> FakeSource:
        self.opened.append((provider, query, namespace, account))
        if self.refuses is not None:
            raise self.refuses
        self.open_now += 1
        return FakeSource(self, query or "")


class FakeSource:
    def __init__(self, metrics: FakeMetrics, query: str) -> None:
        self._metrics, self._query = metrics, query
        self.grain = metrics.grain

    async def measure(self, window: Window) -> Reading:
        self._metrics.windows.append(window)
        await asyncio.sleep(self._metrics.latency)
        value = self._metrics.answer(self._query, window)
        if isinstance(value, OkraError):
            raise value
        return Reading(value, self._query)

    async def close(self) -> None:
        self._metrics.open_now -= 1
