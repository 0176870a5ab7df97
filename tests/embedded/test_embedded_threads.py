"""The loop never waits for the disk, a shared commit shares nothing else, a cancelled write is whole or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from blockbuster import BlockingError, blockbuster_ctx

from okra.embedded import EmbeddedStore
from okra.errors import AlreadyExists, Invalid, Unavailable
from okra.ports import Object
from tests.store.kinds import WIDGET, widget
from tests.store.waiting import DEADLINE


class Gate:
    """A `validate` that stops the writer's thread at the object named `gate` until it is opened."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reached = asyncio.Event()
        self._opened = threading.Event()

    def __call__(self, obj: Object) -> list[str]:
        name = obj["metadata"]["name"]
        if name == "gate":
            self._loop.call_soon_threadsafe(self._reached.set)
            assert self._opened.wait(DEADLINE)
        if name == "bug":
            raise KeyError("a fault in the validation")
        return ["spec: is wrong"] if name == "invalid" else []

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), DEADLINE)

    def open(self) -> None:
        self._opened.set()


@asynccontextmanager
async def gated(path: Path) -> AsyncIterator[tuple[EmbeddedStore, Gate, asyncio.Task[Object]]]:
    """A store whose writer is in the middle of a write, and that write."""
    gate = Gate()
    async with await EmbeddedStore.open(path, validate=gate) as store:
        stopped = asyncio.create_task(store.create(WIDGET, widget("gate", "default")))
        await gate.reached()
        try:
            yield store, gate, stopped
        finally:
            gate.open()
            await asyncio.wait([stopped])


async def create(store: EmbeddedStore, name: str) -> Object:
    return await store.create(WIDGET, widget(name, "default"))


async def names(store: EmbeddedStore) -> set[str]:
    return {item["metadata"]["name"] for item in (await store.list(WIDGET)).items}


@pytest.mark.may_block("has a detector of its own")
async def test_no_verb_blocks_the_event_loop(path: Path) -> None:
    with blockbuster_ctx("okra"):
        async with await EmbeddedStore.open(path) as store:
            watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
            await create(store, "a")
            await store.apply(WIDGET, widget("a", "default", spec={"size": 2}))
            await store.patch(WIDGET, "default", "a", {"spec": {"size": 3}})
            await store.patch_status(WIDGET, "default", "a", {"n": 1})
            await store.get(WIDGET, "default", "a")
            await anext(watch)
            await store.delete(WIDGET, "default", "a")


@pytest.mark.may_block("has a detector of its own")
async def test_a_store_that_did_block_the_loop_would_be_found_out(path: Path) -> None:
    with blockbuster_ctx("okra"), pytest.raises(BlockingError):
        await EmbeddedStore.open(path, inline=True)


async def test_reads_are_answered_while_a_write_waits(path: Path) -> None:
    async with gated(path) as (store, _, stopped):
        assert await names(store) == set()
        assert not stopped.done()


async def test_writes_that_wait_share_a_commit_and_each_has_its_own_outcome(path: Path) -> None:
    async with gated(path) as (store, gate, _):
        wanted = ("a", "invalid", "b", "bug", "a", "c")
        waiting = [asyncio.create_task(create(store, name)) for name in wanted]
        await asyncio.sleep(0)
        gate.open()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [dict, Invalid, dict, KeyError, AlreadyExists, dict]
        assert await names(store) == {"gate", "a", "b", "c"}


async def test_what_is_changed_while_a_write_waits_does_not_reach_the_store(path: Path) -> None:
    async with gated(path) as (store, gate, stopped):
        status, spec = {"deep": {"n": 1}}, {"deep": {"n": 1}}
        patching = asyncio.create_task(store.patch_status(WIDGET, "default", "gate", status))
        creating = asyncio.create_task(store.create(WIDGET, widget("a", "default", spec=spec)))
        await asyncio.sleep(0)
        status["deep"]["n"] = spec["deep"]["n"] = 2
        gate.open()
        await stopped
        assert (await patching)["status"] == {"deep": {"n": 1}}
        assert (await creating)["spec"] == {"deep": {"n": 1}}


async def test_a_cancelled_write_that_had_begun_happens_wholly(path: Path) -> None:
    async with gated(path) as (store, gate, stopped):
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        gate.open()
        await create(store, "after")
        assert await names(store) == {"gate", "after"}


async def test_a_cancelled_write_that_had_not_begun_does_not_happen(path: Path) -> None:
    async with gated(path) as (store, gate, _):
        waiting = asyncio.create_task(create(store, "cancelled"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open()
        await create(store, "after")
        assert await names(store) == {"gate", "after"}


async def test_a_cancelled_step_of_a_watch_loses_no_event(store: EmbeddedStore) -> None:
    watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
    for number in range(20):
        await create(store, f"w{number}")
        step = asyncio.ensure_future(anext(watch))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        step.cancel()
        await asyncio.wait([step])
        event = (await anext(watch)) if step.cancelled() else step.result()
        assert event.object["metadata"]["name"] == f"w{number}"


async def test_close_finishes_what_was_asked_for_and_ends_everything(path: Path) -> None:
    before = set(threading.enumerate())
    store = await EmbeddedStore.open(path)
    watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
    writes = [asyncio.create_task(create(store, f"w{number}")) for number in range(50)]
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), store.close())
    assert all(isinstance(result, dict) for result in await asyncio.gather(*writes))
    assert {thread.name for thread in set(threading.enumerate()) - before if "okra" in thread.name} == set()
    with pytest.raises(Unavailable, match="closed"):
        await create(store, "late")
    with pytest.raises(Unavailable, match="closed"):
        await anext(watch)
    await store.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_a_waiting_watch_ends_when_the_store_does(path: Path, inline: bool) -> None:
    store = await EmbeddedStore.open(path, inline=inline)
    waiting = asyncio.ensure_future(anext(store.watch(WIDGET, "0")))
    await asyncio.sleep(0)
    assert await names(store) == set()  # reads are in order: the watch has read too
    assert not waiting.done()
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await waiting


async def test_an_opening_that_is_cancelled_leaves_nothing_open(path: Path) -> None:
    before = threading.active_count()
    opening = asyncio.create_task(EmbeddedStore.open(path))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("okra-store")] == []
    assert threading.active_count() <= before + 1, "at most asyncio's own helper is new"
    async with await EmbeddedStore.open(path) as store:
        await create(store, "a")
