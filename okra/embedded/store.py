"""The embedded ObjectStore: the Kubernetes API's semantics on one SQLite file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from okra.api.selectors import Selector
from okra.embedded import events
from okra.embedded.codec import snapshot
from okra.embedded.database import MEMORY, connect
from okra.embedded.events import RecordedEvent
from okra.embedded.objects import labels_of
from okra.embedded.session import Begin, Session
from okra.embedded.transaction import Key, Transaction
from okra.embedded.verbs import Validate, Verbs, read
from okra.embedded.watch import Scope, Watch, Watches
from okra.embedded.worker import Executor, Inline, Worker
from okra.errors import Invalid
from okra.ports import EventRecord, Kind, Listing, Object, WatchEvent

T = TypeVar("T")

HISTORY = 10_000
"""Newest revisions that a watch can resume within. A revision is the size of its object."""

POLL = 0.2
"""Seconds until a watch sees another process's write, at most."""


class EmbeddedStore:
    """An `okra.ports.ObjectStore`. Made by `open`, ended by `close` or as an async context.

    Two threads, each with a connection of its own, do all the waiting: one writes, one reads, so that a long list
    never delays a status write. What a read sees is never older than any write acknowledged before it began.
    """

    def __init__(
        self,
        writer: Executor,
        reader: Executor,
        watches: Watches,
        *,
        validate: Validate | None,
        now: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._watches = watches
        self._validate = validate
        self._now = now

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        validate: Validate | None = None,
        now: Callable[[], float] = time.time,
        create: bool = True,
        inline: bool = False,
        history: int = HISTORY,
        poll: float = POLL,
    ) -> Self:
        """Open the state file `path`, or `":memory:"`.

        `validate` judges a new or changed object (not its status) and runs in the store's thread. `now` is the
        Clock's. `create=False`: NotFound when there is no file. `inline` runs SQLite in the event loop's own thread,
        as `":memory:"` always does: for a virtual clock, which would run ahead of another. Invalid (reason
        StateUnusable): not a state file, damaged, written by a newer Okra, not writable.
        """
        file = str(path)
        watches = Watches(slack=history // 2)

        def session(begin: Begin) -> Callable[[], Session]:
            return lambda: Session(connect(file, create=create), file, begin, history)

        writer: Executor
        reader: Executor
        if inline or file == MEMORY:
            writer = reader = Inline(session("BEGIN IMMEDIATE"), watches.wake)
        else:
            writer = Worker(session("BEGIN IMMEDIATE"), watches.wake, name="okra-store-writer", poll=poll)
            reader = Worker(session("BEGIN"), watches.wake, name="okra-store-reader")
        store = cls(writer, reader, watches, validate=validate, now=now)
        try:
            await writer.start()
            if reader is not writer:
                await reader.start()
        except BaseException:
            await store.close()
            raise
        return store

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        key = Key.of(kind, namespace, name)
        return await self._reader.run(lambda tx: read(tx, key))

    async def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> Listing:
        chosen = _parsed(selector)

        def job(tx: Transaction) -> Listing:
            items = [obj for obj in tx.all(kind, namespace) if chosen is None or chosen.matches(labels_of(obj))]
            return Listing(items, str(tx.current()))

        return await self._reader.run(job)

    def watch(
        self, kind: Kind, resource_version: str, namespace: str | None = None, selector: str | None = None
    ) -> AsyncIterator[WatchEvent]:
        return self._watches.add(Watch(self._reader, Scope(kind, namespace, _parsed(selector)), resource_version))

    async def create(self, kind: Kind, body: Object) -> Object:
        asked = _storable(kind, body)
        return await self._write(lambda verbs: verbs.create(kind, asked))

    async def apply(self, kind: Kind, body: Object) -> Object:
        asked = _storable(kind, body)
        return await self._write(lambda verbs: verbs.apply(kind, asked))

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        asked, key = snapshot(patch), Key.of(kind, namespace, name)
        return await self._write(lambda verbs: verbs.patch(key, asked))

    async def patch_status(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        *,
        resource_version: str | None = None,
    ) -> Object:
        asked, key = snapshot(status), Key.of(kind, namespace, name)
        return await self._write(lambda verbs: verbs.patch_status(key, asked, resource_version))

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, resource_version: str | None = None
    ) -> None:
        key = Key.of(kind, namespace, name)
        await self._write(lambda verbs: verbs.delete(key, uid, resource_version))

    async def emit(self, event: EventRecord) -> None:
        await self._writer.run(lambda tx: events.record(tx, event))

    async def events(self, kind: Kind, namespace: str, name: str) -> Sequence[RecordedEvent]:
        """What was emitted about an object of that name, the newest last; at most the last 100 different ones."""
        return await self._reader.run(lambda tx: events.about(tx, kind, namespace, name))

    async def close(self) -> None:
        """Finish the writes that were asked for, then end. Whoever still watches gets Unavailable."""
        await self._writer.close()
        await self._reader.close()
        self._watches.wake(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _write(self, act: Callable[[Verbs], T]) -> T:
        at = datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._writer.run(lambda tx: act(Verbs(tx, at, self._validate)))


def _parsed(selector: str | None) -> Selector | None:
    try:
        return None if selector is None else Selector.parse(selector)
    except ValueError as error:
        raise Invalid(f"label selector {error}") from error


def _storable(kind: Kind, body: Object) -> Object:
    if (kind.group, kind.kind) == ("", "Secret"):
        raise Invalid("a Secret is never written to the state file: `okra run` serves those of its input from memory")
    copy: Object = snapshot(body)
    return copy
