"""The bounded history that watches resume within."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from okra.embedded import EmbeddedStore
from okra.embedded.transaction import COMPACT_EVERY
from okra.errors import Expired
from tests.store.kinds import GADGET, WIDGET, gadget, widget
from tests.store.waiting import brief, upcoming

HISTORY = 100
MANY = HISTORY + 2 * COMPACT_EVERY


async def busy(store: EmbeddedStore, name: str, count: int = MANY) -> None:
    """`count` revisions of one object."""
    await store.apply(WIDGET, widget(name, "default"))
    await asyncio.gather(*(store.patch_status(WIDGET, "default", name, {"n": n}) for n in range(count)))


def revisions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM revisions").fetchone()
    return int(count)


async def test_a_watch_from_before_the_history_is_expired_and_a_new_list_helps(path: Path) -> None:
    async with await EmbeddedStore.open(path, history=HISTORY) as store:
        early = await store.create(WIDGET, widget("early", "default"))
        await busy(store, "busy")
        with pytest.raises(Expired, match="list again"):
            await anext(store.watch(WIDGET, early["metadata"]["resourceVersion"]))
        listing = await store.list(WIDGET)
        assert [item["metadata"]["name"] for item in listing.items] == ["busy", "early"]
        await store.delete(WIDGET, "default", "early")
        assert brief(await upcoming(store.watch(WIDGET, listing.resource_version), 1)) == [("DELETED", "early")]


async def test_a_consumer_that_falls_behind_the_history_is_expired(path: Path) -> None:
    async with await EmbeddedStore.open(path, history=HISTORY) as store:
        watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
        await busy(store, "busy", 1)
        assert len(await upcoming(watch, 2)) == 2
        await busy(store, "busy")
        with pytest.raises(Expired):
            await anext(watch)


async def test_a_watch_of_a_quiet_kind_outlives_the_history_of_a_busy_one(path: Path) -> None:
    async with await EmbeddedStore.open(path, history=2 * COMPACT_EVERY) as store, asyncio.TaskGroup() as tasks:
        watch = store.watch(GADGET, (await store.list(GADGET)).resource_version)
        waiting = tasks.create_task(upcoming(watch, 1))
        for _ in range(4):
            await busy(store, "busy", COMPACT_EVERY)
        await store.create(GADGET, gadget("at-last", "default"))
        assert brief(await waiting) == [("ADDED", "at-last")]


async def test_a_version_from_the_future_is_expired(path: Path) -> None:
    """The state file was put back from a copy: what the watcher knows never happened."""
    async with await EmbeddedStore.open(path) as store:
        with pytest.raises(Expired, match="list again"):
            await anext(store.watch(WIDGET, "1000"))


async def test_the_history_does_not_grow_without_bound(path: Path) -> None:
    async with await EmbeddedStore.open(path, history=HISTORY) as store:
        for index in range(20):
            await store.create(WIDGET, widget(f"old{index}", "default"))
        await busy(store, "busy")
        assert revisions(path) <= HISTORY + COMPACT_EVERY + 20
        for index in range(20):
            assert (await store.get(WIDGET, "default", f"old{index}"))["spec"] == {"size": 1}
        before = revisions(path)
        for index in range(20):
            await store.patch(WIDGET, "default", f"old{index}", {"spec": {"size": 2}})
        assert revisions(path) <= before  # each replaces one that was kept for its object only


async def test_versions_are_never_used_twice_even_when_everything_is_deleted(path: Path) -> None:
    async with await EmbeddedStore.open(path, history=1) as store:
        await busy(store, "a")
        await store.delete(WIDGET, "default", "a")
        last = int((await store.list(WIDGET)).resource_version)
    async with await EmbeddedStore.open(path, history=1) as store:
        created = await store.create(WIDGET, widget("a", "default"))
        assert int(created["metadata"]["resourceVersion"]) == last + 1
