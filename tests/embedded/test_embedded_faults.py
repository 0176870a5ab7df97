"""A store put together by hand, of parts that count or fail: full disks, unwritable files, faults of our own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from okra.embedded import EmbeddedStore
from okra.embedded.database import connect
from okra.embedded.session import Commit, Job, Session
from okra.embedded.watch import Watches
from okra.embedded.worker import Worker
from okra.errors import Invalid, NotFound, Unavailable
from okra.ports import Object
from tests.store.kinds import WIDGET, widget


async def create(store: EmbeddedStore, name: str) -> Object:
    return await store.create(WIDGET, widget(name, "default"))


async def names(store: EmbeddedStore) -> set[str]:
    return {item["metadata"]["name"] for item in (await store.list(WIDGET)).items}


@asynccontextmanager
async def composed(writing: Callable[[], Session], path: Path) -> AsyncIterator[EmbeddedStore]:
    """A store whose writer has a connection of the test's making."""
    watches = Watches(slack=100)
    writer = Worker(writing, watches.wake, name="okra-store-writer")
    await writer.start()
    reader = Worker(lambda: Session(connect(str(path)), str(path), "BEGIN", 1000), watches.wake, name="okra-reader")
    await reader.start()
    async with EmbeddedStore(writer, reader, watches, validate=None, now=lambda: 0.0) as store:
        yield store


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_of_a_fault_leaves_nobody_waiting(path: Path) -> None:
    class Faulty(Session):
        def run(self, jobs: Sequence[Job[Any]]) -> Commit | None:
            raise KeyError("a fault of Okra's own")

    async with composed(lambda: Faulty(connect(str(path)), str(path), "BEGIN IMMEDIATE", 1000), path) as store:
        outcomes = await asyncio.gather(*(create(store, f"w{n}") for n in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
        with pytest.raises(Unavailable):
            await create(store, "later")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_of_a_fault_while_opening_leaves_nobody_waiting() -> None:
    def faulty() -> Session:
        raise KeyError("a fault of Okra's own")

    worker = Worker(faulty, lambda _: None, name="okra-store-writer")
    with pytest.raises(Unavailable):
        await worker.start()
    await worker.close()


def limited(path: Path, statement: str) -> Callable[[], Session]:
    def session() -> Session:
        connection = connect(str(path))
        connection.execute(statement)
        return Session(connection, str(path), "BEGIN IMMEDIATE", 1000)

    return session


async def test_a_full_disk_is_unavailable_and_nothing_of_the_batch_is_half_done(path: Path) -> None:
    async with composed(limited(path, "PRAGMA max_page_count = 40"), path) as store:
        await create(store, "before")
        big = [store.create(WIDGET, widget(f"w{number}", "default", spec={"x": "x" * 9000})) for number in range(60)]
        outcomes = await asyncio.gather(*big, return_exceptions=True)
        refused = [outcome for outcome in outcomes if not isinstance(outcome, dict)]
        assert refused
        for outcome in refused:
            assert isinstance(outcome, Unavailable)
            assert "free some space" in str(outcome)
            assert isinstance(outcome.__cause__, sqlite3.OperationalError)
        assert len(await names(store)) == 1 + len(outcomes) - len(refused)
        await store.delete(WIDGET, "default", "before")
        with pytest.raises(NotFound):
            await store.get(WIDGET, "default", "before")


async def test_a_file_that_can_not_be_written_is_refused_with_what_to_do(path: Path) -> None:
    async with composed(limited(path, "PRAGMA query_only = ON"), path) as store:
        with pytest.raises(Invalid, match=r"can't be written.*--state"):
            await create(store, "a")
        assert await names(store) == set()


async def test_a_burst_of_writes_costs_few_commits(path: Path) -> None:
    statements: list[str] = []

    def traced() -> Session:
        connection = connect(str(path))
        connection.set_trace_callback(statements.append)
        return Session(connection, str(path), "BEGIN IMMEDIATE", 1000)

    async with composed(traced, path) as store:
        await asyncio.gather(*(create(store, f"w{number}") for number in range(200)))
        assert len(await names(store)) == 200
    assert statements.count("COMMIT") <= 20
