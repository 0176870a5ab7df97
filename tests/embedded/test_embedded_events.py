"""Events, as `okra status` shows them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from okra.embedded import MEMORY, EmbeddedStore, schema
from okra.embedded.events import IN_ALL, PER_OBJECT
from okra.ports import EventRecord
from tests.store.kinds import WIDGET

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def event(message: str = "10 %", *, name: str = "web", uid: str = "u1", after: float = 0.0) -> EventRecord:
    return EventRecord(
        WIDGET, "default", name, uid, "Normal", "WeightSet", message, T0 + timedelta(seconds=after), "Step"
    )


async def test_an_event_is_kept_as_it_was_emitted(store: EmbeddedStore) -> None:
    await store.emit(event("to 10 %"))
    (kept,) = await store.events(WIDGET, "default", "web")
    assert (kept.type, kept.reason, kept.message, kept.action) == ("Normal", "WeightSet", "to 10 %", "Step")
    assert (kept.uid, kept.count, kept.first, kept.last) == ("u1", 1, T0, T0)


async def test_equal_events_are_counted_and_the_newest_is_last(store: EmbeddedStore) -> None:
    await store.emit(event("a"))
    await store.emit(event("b", after=1))
    await store.emit(event("a", after=2))
    assert [(kept.message, kept.count) for kept in await store.events(WIDGET, "default", "web")] == [("b", 1), ("a", 2)]
    repeated = (await store.events(WIDGET, "default", "web"))[-1]
    assert (repeated.first, repeated.last) == (T0, T0 + timedelta(seconds=2))


async def test_equal_events_of_two_rollouts_are_two(store: EmbeddedStore) -> None:
    for rollout in (None, 1, 1, 2):
        await store.emit(replace(event("to 10 %"), rollout=rollout))
    found = await store.events(WIDGET, "default", "web")
    assert [(kept.rollout, kept.count) for kept in found] == [(None, 1), (1, 2), (2, 1)]


async def test_events_of_a_file_from_before_there_were_rollouts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as old, old:
        for statement in schema.MIGRATIONS[0]:
            old.execute(statement)
        old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
        about = (WIDGET.group, WIDGET.kind, "default", "web", "u1", "Normal", "WeightSet", "10 %", "", 1)
        at = T0.isoformat()
        old.execute(f"INSERT INTO events VALUES (1, {', '.join('?' * 12)})", (*about, at, at))
    async with await EmbeddedStore.open(path) as store:
        await store.emit(event("10 %", after=60))
        (kept,) = await store.events(WIDGET, "default", "web")
        assert (kept.rollout, kept.count, kept.first) == (None, 2, T0)


async def test_events_of_another_object_or_another_of_its_name_are_kept_apart(store: EmbeddedStore) -> None:
    await store.emit(event("a"))
    await store.emit(event("a", uid="u2"))
    await store.emit(event("a", name="api"))
    assert [(kept.uid, kept.count) for kept in await store.events(WIDGET, "default", "web")] == [("u1", 1), ("u2", 1)]
    assert len(await store.events(WIDGET, "default", "api")) == 1
    assert await store.events(WIDGET, "other", "web") == []


async def test_times_are_utc_whatever_zone_they_were_given_in(store: EmbeddedStore) -> None:
    moment = T0.astimezone(timezone(timedelta(hours=9)))
    await store.emit(EventRecord(WIDGET, "default", "web", "u1", "Warning", "Reverted", "5 % errors", moment))
    (kept,) = await store.events(WIDGET, "default", "web")
    assert kept.last == T0
    assert kept.last.utcoffset() == timedelta(0)


async def test_an_object_keeps_its_newest_events_only(store: EmbeddedStore) -> None:
    await store.emit(event("unrelated", name="api"))
    for number in range(PER_OBJECT + 20):
        await store.emit(event(f"{number}"))
    kept = [kept.message for kept in await store.events(WIDGET, "default", "web")]
    assert kept == [str(number) for number in range(20, PER_OBJECT + 20)]
    assert len(await store.events(WIDGET, "default", "api")) == 1


async def test_events_of_many_objects_do_not_grow_without_bound() -> None:
    async with await EmbeddedStore.open(MEMORY) as store:
        await store.emit(event("first", name="first"))
        for number in range(IN_ALL):
            await store.emit(event(name=f"w{number}"))
        assert await store.events(WIDGET, "default", "first") == []
        assert len(await store.events(WIDGET, "default", "w0")) == 1


async def test_events_survive_the_process(path: Path) -> None:
    async with await EmbeddedStore.open(path) as store:
        await store.emit(event("kept"))
    async with await EmbeddedStore.open(path) as store:
        assert [kept.message for kept in await store.events(WIDGET, "default", "web")] == ["kept"]


async def test_a_message_that_is_not_quite_text_is_still_an_event(store: EmbeddedStore) -> None:
    await store.emit(event("bad \ud800 text"))
    assert [kept.message for kept in await store.events(WIDGET, "default", "web")] == ["bad ? text"]
