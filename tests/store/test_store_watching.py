"""watch: every change after a resourceVersion, once, in order."""

from __future__ import annotations

import asyncio

import pytest

from okra.errors import Invalid
from okra.ports import ObjectStore
from tests.store.kinds import GADGET, WIDGET, gadget, widget
from tests.store.waiting import DEADLINE, brief, upcoming


async def test_a_watch_tells_of_creations_changes_and_deletions(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    watch = store.watch(WIDGET, listing.resource_version, ns)
    created = await store.create(WIDGET, widget("a", ns))
    patched = await store.patch_status(WIDGET, ns, "a", {"phase": "Synced"})
    await store.delete(WIDGET, ns, "a")
    events = await upcoming(watch, 3)
    assert brief(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert events[0].object == created
    assert events[1].object == patched
    assert events[2].object["status"] == {"phase": "Synced"}
    assert int(events[2].object["metadata"]["resourceVersion"]) > int(patched["metadata"]["resourceVersion"])


async def test_a_watch_waits_for_what_comes_later(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    watch = store.watch(WIDGET, listing.resource_version, ns)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(upcoming(watch, 1))
        await store.create(WIDGET, widget("a", ns))
    assert brief(waiting.result()) == [("ADDED", "a")]


async def test_a_watch_from_an_older_version_tells_what_happened_since(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns))
    await store.create(WIDGET, widget("b", ns))
    await store.create(WIDGET, widget("c", ns))
    events = await upcoming(store.watch(WIDGET, first["metadata"]["resourceVersion"], ns), 2)
    assert brief(events) == [("ADDED", "b"), ("ADDED", "c")]


async def test_a_watch_resumed_from_any_event_misses_and_repeats_nothing(store: ObjectStore, ns: str) -> None:
    start = (await store.list(WIDGET, ns)).resource_version
    for n in range(6):
        await store.create(WIDGET, widget(f"w{n}", ns))
        await store.patch_status(WIDGET, ns, f"w{n}", {"n": n})
    every = await upcoming(store.watch(WIDGET, start, ns), 12)
    versions = [event.object["metadata"]["resourceVersion"] for event in every]
    for index, version in enumerate(versions[:-1]):
        assert await upcoming(store.watch(WIDGET, version, ns), 12 - index - 1) == every[index + 1 :]


async def test_a_write_that_changes_nothing_is_no_event(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns))
    watch = store.watch(WIDGET, first["metadata"]["resourceVersion"], ns)
    await store.patch(WIDGET, ns, "a", {"spec": {"size": 1}})
    await store.apply(WIDGET, widget("a", ns))
    await store.create(WIDGET, widget("b", ns))
    assert brief(await upcoming(watch, 1)) == [("ADDED", "b")]


async def test_a_watch_sees_its_kind_and_its_namespace_only(store: ObjectStore, ns: str, elsewhere: str) -> None:
    listing = await store.list(WIDGET, ns)
    watch = store.watch(WIDGET, listing.resource_version, ns)
    await store.create(GADGET, gadget("gadget", ns))
    await store.create(WIDGET, widget("elsewhere", elsewhere))
    await store.create(WIDGET, widget("here", ns))
    assert brief(await upcoming(watch, 1)) == [("ADDED", "here")]
    await store.delete(WIDGET, elsewhere, "elsewhere")


async def test_a_watch_without_a_namespace_sees_all(store: ObjectStore, ns: str, elsewhere: str) -> None:
    listing = await store.list(WIDGET)
    watch = store.watch(WIDGET, listing.resource_version)
    await store.create(WIDGET, widget("there", elsewhere))
    await store.create(WIDGET, widget("here", ns))
    assert brief(await upcoming(watch, 2)) == [("ADDED", "there"), ("ADDED", "here")]
    await store.delete(WIDGET, elsewhere, "there")


async def test_a_watch_by_selector_sees_objects_come_into_it_and_leave_it(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    watch = store.watch(WIDGET, listing.resource_version, ns, "tier=web")
    await store.create(WIDGET, widget("other", ns, labels={"tier": "db"}))
    await store.create(WIDGET, widget("a", ns))
    await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"tier": "web"}}})
    await store.patch(WIDGET, ns, "a", {"spec": {"size": 2}})
    await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"tier": "db"}}})
    await store.patch(WIDGET, ns, "a", {"spec": {"size": 3}})
    await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"tier": "web"}}})
    await store.delete(WIDGET, ns, "a")
    expected = ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    assert brief(await upcoming(watch, 5)) == [(change, "a") for change in expected]


async def test_watches_do_not_share_the_objects_they_give(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    one, two = (store.watch(WIDGET, listing.resource_version, ns) for _ in range(2))
    await store.create(WIDGET, widget("a", ns))
    (first,) = await upcoming(one, 1)
    first.object["spec"]["size"] = 99
    (second,) = await upcoming(two, 1)
    assert second.object["spec"] == {"size": 1}


async def test_a_burst_of_writes_arrives_complete_and_in_order(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    watch = store.watch(WIDGET, listing.resource_version, ns)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(upcoming(watch, 300))
        for n in range(300):
            tasks.create_task(store.create(WIDGET, widget(f"w{n}", ns)))
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in waiting.result()]
    assert versions == sorted(set(versions))
    assert {name for _, name in brief(waiting.result())} == {f"w{n}" for n in range(300)}


async def test_a_watch_from_no_version_at_all_is_invalid(store: ObjectStore, ns: str) -> None:
    with pytest.raises(Invalid):
        async with asyncio.timeout(DEADLINE):
            await anext(store.watch(WIDGET, "not-a-version", ns))


async def test_leaving_a_watch_leaves_the_store_usable(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    await store.create(WIDGET, widget("a", ns))
    await store.create(WIDGET, widget("b", ns))
    async for event in store.watch(WIDGET, listing.resource_version, ns):
        assert event.object["metadata"]["name"] == "a"
        break
    listing = await store.list(WIDGET, ns)
    assert len(listing.items) == 2
    await store.create(WIDGET, widget("c", ns))
    assert brief(await upcoming(store.watch(WIDGET, listing.resource_version, ns), 1)) == [("ADDED", "c")]
