"""Waiting for a store to get somewhere: by its watch, never by sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from okra.ports import Kind, ObjectStore, WatchEvent

DEADLINE = 60.0
"""Seconds. Only a failing test waits this long."""


async def upcoming(watch: AsyncIterator[WatchEvent], count: int) -> list[WatchEvent]:
    """The next `count` events, bookmarks left out."""
    events: list[WatchEvent] = []
    async with asyncio.timeout(DEADLINE):
        while len(events) < count:
            event = await anext(watch)
            if event.type != "BOOKMARK":
                events.append(event)
    return events


def brief(events: list[WatchEvent]) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in events]


async def until_gone(store: ObjectStore, kind: Kind, namespace: str, name: str) -> None:
    """An API server's garbage collector takes its time; the embedded store's needs none."""
    listing = await store.list(kind, namespace)
    if name not in [item["metadata"]["name"] for item in listing.items]:
        return
    watch = store.watch(kind, listing.resource_version, namespace)
    while brief(await upcoming(watch, 1)) != [("DELETED", name)]:
        continue
