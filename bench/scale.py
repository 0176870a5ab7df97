"""A thousand Cells and Checks on the embedded store: start, idle cost, and idle AWS calls with 1 and 100 Cells."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path

from bench import Row
from bench.world import CELL, CHECK, LABEL, Busy, cell, check, listener, world
from okra.api.defaults import Defaults
from okra.rollout.rest import Rest

MANY = 1000
SETTLE = 5.0
"""Seconds until the Events of the start are written."""
IDLE = 35.0
"""Seconds of watching an idle system: more than one discovery."""


async def run() -> list[Row]:
    rows = await _thousand()
    one, hundred = await _idle_calls(1), await _idle_calls(100)
    per_minute = "calls/min"
    rows += [
        Row("idle AWS calls with 1 Cell", one, per_minute, None, None),
        Row("idle AWS calls with 100 Cells", hundred, per_minute, None, None),
        Row("idle AWS calls, 100 Cells : 1 Cell", hundred / one if one else 0, "x", 1.0, hundred <= one),
    ]
    return rows


def _aws(cells: int) -> Busy:
    aws = Busy(0.003)
    for number in range(cells):
        group = aws.add_group(f"g{number}", {LABEL: "1.0.0", "cell": str(number)})
        aws.add_route(listener(number), {group: 1})
    return aws


async def _thousand() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        before = _memory()
        async with world(Path(folder), _aws(MANY), Defaults()) as here:
            for number in range(MANY):
                await here.store.create(CELL, cell(number))
                await here.store.create(CHECK, check(number))
            began = time.perf_counter()
            await here.until(Rest.SYNCED, MANY)
            start = time.perf_counter() - began
            await asyncio.sleep(SETTLE)
            cpu = time.process_time()
            gap = await _longest_gap(IDLE)
            busy = (time.process_time() - cpu) / IDLE * 100
            memory = _memory() - before
    return [
        Row("1,000 Cells + 1,000 Checks: from the last object to all Synced", start, "s", None, None),
        Row("1,000 Cells + 1,000 Checks: memory", memory / 1024, "MB", 60, memory / 1024 < 60),
        Row("1,000 Cells + 1,000 Checks: idle CPU", busy, "% of a core", 0.5, busy < 0.5),
        Row("longest gap of the event loop while idle", gap * 1000, "ms", 50, gap < 0.05),
    ]


async def _idle_calls(cells: int) -> float:
    """AWS calls a minute, once everything rests; discovery every second, scaled to its default of 30 s."""
    aws = _aws(cells)
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), aws, Defaults(discovery_interval=1.0)) as here:
            for number in range(cells):
                await here.store.create(CELL, cell(number))
            await here.until(Rest.SYNCED, cells)
            await asyncio.sleep(1.0)
            before = sum(aws.calls.values())
            await asyncio.sleep(5.0)
            return (sum(aws.calls.values()) - before) / 5.0 * 60 / 30


async def _longest_gap(seconds: float) -> float:
    longest, last = 0.0, time.perf_counter()
    end = last + seconds
    while last < end:
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, last = max(longest, now - last - 0.005), now
    return longest


def _memory() -> float:
    """Peak resident memory in KB."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
