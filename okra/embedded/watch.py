"""Watches: what is new since a revision, read from the file itself whenever somebody has written.

A watch keeps a position, not a queue: it reads the next page of revisions when its kind was written to (by this
process, which says what it touched, or by another, which is found by polling). So every revision comes exactly once
and in order whoever wrote it, a slow consumer costs no memory, and one that falls behind compaction gets Expired.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple
from weakref import WeakSet

from okra.api.selectors import Selector
from okra.embedded.objects import labels_of
from okra.embedded.session import Commit
from okra.embedded.transaction import Change, Revision, Transaction
from okra.embedded.worker import Executor
from okra.errors import Invalid
from okra.ports import Kind, WatchEvent

PAGE = 200
"""Revisions read at once."""


class Scope(NamedTuple):
    """What is watched. No namespace: all; no selector: every object."""

    kind: Kind
    namespace: str | None
    selector: Selector | None


class _Page(NamedTuple):
    events: list[WatchEvent]
    upto: int
    last: bool


class Watch:
    """The iterator that `EmbeddedStore.watch` returns: for one consumer, and without an end but an error.

    It holds nothing that needs closing: who stops iterating just drops it. Cancelling a pending step loses no event.
    """

    def __init__(self, reader: Executor, scope: Scope, resource_version: str) -> None:
        self._reader = reader
        self._scope = scope
        self._position = _revision(resource_version)
        self._ready: deque[WatchEvent] = deque()
        self._changed = asyncio.Event()
        self._caught_up = False

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> WatchEvent:
        while not self._ready:
            if self._caught_up:
                await self._changed.wait()
            self._changed.clear()
            self._caught_up = False
            events, self._position, self._caught_up = await self._reader.run(self._read)
            self._ready.extend(events)
        return self._ready.popleft()

    def wake(self) -> None:
        self._changed.set()

    def concerns(self, commit: Commit, slack: int) -> bool:
        """Whether to read: for what was written, or before compaction overtakes a position that stood still."""
        kind = self._scope.kind
        return (kind.group, kind.kind) in commit.touched or commit.revision - self._position > slack

    def _read(self, tx: Transaction) -> _Page:
        revisions, upto, last = tx.since(self._scope.kind, self._scope.namespace, self._position, PAGE)
        events = [
            WatchEvent(change, revision.object)
            for revision in revisions
            if (change := seen_through(self._scope.selector, revision)) is not None
        ]
        return _Page(events, upto, last)


class Watches:
    """All that are being iterated. `slack`: revisions that a position may stand still for."""

    def __init__(self, slack: int) -> None:
        self._slack = slack
        self._watches: WeakSet[Watch] = WeakSet()

    def add(self, watch: Watch) -> Watch:
        self._watches.add(watch)
        return watch

    def wake(self, commit: Commit | None) -> None:
        """After a commit; None: of another process, or the end, so that everybody has to look."""
        for watch in list(self._watches):
            if commit is None or watch.concerns(commit, self._slack):
                watch.wake()


def seen_through(selector: Selector | None, revision: Revision) -> Change | None:
    """What a watch by selector sees of a write: an object that begins to match is ADDED, one that ceases DELETED."""
    if selector is None:
        return revision.type
    before = revision.was is not None and selector.matches(revision.was)
    after = revision.type != "DELETED" and selector.matches(labels_of(revision.object))
    match before, after:
        case True, True:
            return "MODIFIED"
        case True, False:
            return "DELETED"
        case False, True:
            return "ADDED"
        case _:
            return None


def _revision(resource_version: str) -> int:
    if not (resource_version.isascii() and resource_version.isdigit()):
        raise Invalid(f"resourceVersion {resource_version!r} is not one of this store's: list, and watch from there")
    return int(resource_version)
