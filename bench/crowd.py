"""Thousands of Cells at rest, as a restarted Okra finds them: what their start, presence and idling cost."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import Row
from bench.blocks import Blocks
from bench.world import CELL, CHECK, LABEL, Busy, World, cell, check, group, listener, resident, world
from okra.api.defaults import Defaults
from okra.app.heap import short_pauses
from okra.embedded.store import EmbeddedStore
from okra.rollout.rest import Rest

SETTLE = 5.0
"""Seconds until the Events of the start are written and the first discovery is over."""
IDLE = 31.0
"""Seconds of watching an idle system: one discovery."""
DEFAULTS = Defaults()


def double(cells: int) -> Busy:
    """An AWS with one route and one target group for each Cell."""
    aws = Busy(0.003)
    for number in range(cells):
        arn = aws.add_group(f"g{number}", {LABEL: "1.0.0", "cell": str(number)})
        aws.add_route(listener(number), {arn: 1})
    return aws


async def measure(count: int, *, start: float, megabytes: float, cpu: float) -> list[Row]:
    """Rows for `count` Cells and as many Checks, held against seconds, MB of the whole process, % of a core."""
    with tempfile.TemporaryDirectory() as folder:
        await fill(Path(folder), count)
        base = resident()
        async with started(Path(folder), double(count)) as (here, blocks):
            began, used = time.perf_counter(), time.process_time()
            await here.until(Rest.SYNCED, count)
            took, used = time.perf_counter() - began, time.process_time() - used
            await asyncio.sleep(SETTLE)
            at_start = blocks.longest() * 1000
            idle = time.process_time()
            await asyncio.sleep(IDLE)
            busy = (time.process_time() - idle) / IDLE * 100
            at_rest = blocks.longest() * 1000
            size = resident()
    who = f"{count:,} Cells + {count:,} Checks: "
    return [
        Row(f"{who}start, until all are Synced", took, "s"),
        Row(f"{who}CPU time of the start", used, "s", start, used < start),
        Row(f"{who}longest block at the start", at_start, "ms", 50, at_start < 50),
        Row(f"{who}longest block when idle", at_rest, "ms", 50, at_rest < 50),
        Row(f"{who}memory of the process", size / 1e6, "MB", megabytes, size / 1e6 < megabytes),
        Row(f"{who}memory of a Cell with its Check", (size - base) / count / 1e3, "KB"),
        Row(f"{who}idle CPU", busy, "% of a core", cpu, busy < cpu),
    ]


@asynccontextmanager
async def started(folder: Path, aws: Busy) -> AsyncIterator[tuple[World, Blocks]]:
    """As `okra run` would be, and how long its event loop was blocked."""
    with Blocks() as blocks:
        async with world(folder, aws, DEFAULTS) as here:
            with short_pauses(here.system.missing):
                yield here, blocks


async def fill(folder: Path, count: int, *, adopted: bool = True) -> None:
    """A state file with `count` Cells and Checks; `adopted`: as an Okra left it that had brought them to rest."""
    status = await _adopted() if adopted else ""
    async with await EmbeddedStore.open(folder / "state.db") as store:
        for number in range(count):
            await store.create(CELL, cell(number))
            await store.create(CHECK, check(number))
            if adopted:
                own = status.replace(listener(0), listener(number)).replace(group(0), group(number))
                await store.patch_status(CELL, "default", f"cell-{number}", json.loads(own))


async def _adopted() -> str:
    """The status of Cell 0 after its adoption, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), double(1), DEFAULTS) as here:
            await here.store.create(CELL, cell(0))
            await here.until(Rest.SYNCED, 1)
            found: dict[str, Any] = await here.store.get(CELL, "default", "cell-0")
            return json.dumps(found["status"])
