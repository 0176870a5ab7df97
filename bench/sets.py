"""What ClusterSets and TargetGroupSets at rest ask of AWS, by their number. On a virtual clock: it takes no hours."""

from __future__ import annotations

import asyncio
from collections import Counter

import looptime
import structlog

from bench import Row
from tests.actors.set_costs import calls_a_minute

CLUSTERS = 200
COUNTS = (1, 10, 100)


async def run() -> list[Row]:
    """So many of each kind share the clusters among them."""
    figures = {sets: (await asyncio.to_thread(_measure, sets)).total() for sets in COUNTS}
    one = figures[1]
    name = f"AWS calls a minute, idle, {CLUSTERS} clusters, ClusterSets and TargetGroupSets of each"
    return [
        Row(f"{name}: {sets}", calls, "calls", None if sets == 1 else one + 2, None if sets == 1 else calls <= one + 2)
        for sets, calls in figures.items()
    ]


def _measure(sets: int) -> Counter[str]:
    loop = looptime.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with structlog.testing.capture_logs():
            return loop.run_until_complete(calls_a_minute(sets, CLUSTERS, settled=600.0, minutes=5))
    finally:
        loop.close()
