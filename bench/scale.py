"""A thousand Cells and Checks, found and new; idle AWS calls with 1 and 100 Cells."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bench import Row
from bench.crowd import double, fill, measure, started
from bench.world import CELL, cell, world
from okra.api.defaults import Defaults
from okra.rollout.rest import Rest

MANY = 1_000


async def run() -> list[Row]:
    rows = await measure(MANY, start=3, megabytes=110, cpu=0.5)
    rows += await _new()
    one, hundred = await _idle_calls(1), await _idle_calls(100)
    per_minute = "calls/min"
    rows += [
        Row("idle AWS calls with 1 Cell", one, per_minute, None, None),
        Row("idle AWS calls with 100 Cells", hundred, per_minute, None, None),
        Row("idle AWS calls, 100 Cells : 1 Cell", hundred / one if one else 0, "x", 1.0, hundred <= one),
    ]
    return rows


async def _new() -> list[Row]:
    """Adoption: each Cell is read twice, claims its route, and writes its first status."""
    with tempfile.TemporaryDirectory() as folder:
        await fill(Path(folder), MANY, adopted=False)
        async with started(Path(folder), double(MANY)) as (here, blocks):
            began = time.perf_counter()
            await here.until(Rest.SYNCED, MANY)
            took, block = time.perf_counter() - began, blocks.longest() * 1000
    who = f"{MANY:,} new Cells + {MANY:,} Checks: "
    return [
        Row(f"{who}start, until all are Synced", took, "s"),
        Row(f"{who}longest block at the start", block, "ms", 50, block < 50),
    ]


async def _idle_calls(cells: int) -> float:
    """AWS calls a minute, once everything rests; discovery every second, scaled to its default of 30 s."""
    aws = double(cells)
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), aws, Defaults(discovery_interval=1.0)) as here:
            for number in range(cells):
                await here.store.create(CELL, cell(number))
            await here.until(Rest.SYNCED, cells)
            await asyncio.sleep(1.0)
            before = sum(aws.calls.values())
            await asyncio.sleep(5.0)
            return (sum(aws.calls.values()) - before) / 5.0 * 60 / 30
