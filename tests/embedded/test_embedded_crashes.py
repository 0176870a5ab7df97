"""SIGKILL, the one end that nothing can be done about afterwards."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from okra.embedded import EmbeddedStore
from tests.embedded.processes import Child, child
from tests.store.kinds import WIDGET

KILLS = 4
WRITERS = 4


async def acknowledged(writer: Child, count: int) -> dict[str, int]:
    """The last number that each object's writer was told is stored, after `count` such answers and a kill."""
    lines = [await writer.line() for _ in range(count)] + await writer.kill()
    return {words[0]: int(words[1]) for words in lines if len(words) == 2}


async def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "state.db"
    for _ in range(KILLS):
        async with child("write", path, WRITERS) as writer:
            said = await acknowledged(writer, chance.randint(1, 600))
        async with await EmbeddedStore.open(path, create=False) as store:
            for name, number in said.items():
                stored = (await store.get(WIDGET, "default", name))["status"]["n"]
                assert number <= stored <= number + 1, f"{name}: {stored} is stored, {number} was acknowledged"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_watch_resumes_over_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with child("write", path, 1) as writer:
        await acknowledged(writer, 50)
    async with await EmbeddedStore.open(path, create=False) as store:
        last = (await store.get(WIDGET, "default", "w0"))["status"]["n"]
        watch = store.watch(WIDGET, "0")
        first = await anext(watch)
        assert first.type == "ADDED"
        assert [(await anext(watch)).object["status"]["n"] for _ in range(last)] == list(range(1, last + 1))
