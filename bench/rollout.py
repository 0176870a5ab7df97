"""What a ten-step rollout without waits costs: AWS calls, status writes, and time over the AWS calls' own."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from bench import Row
from bench.world import CELL, LABEL, Busy, cell, listener, world
from okra.api.defaults import Defaults
from okra.rollout.rest import Rest

STEPS = 10
LATENCY = 0.003
"""Seconds a call of the AWS double takes."""
ROUNDS = 5
QUICK = Defaults(step_interval=0.0, propagation_delay=0.0, poll_interval=1.0, discovery_interval=0.2, claim_settle=0.0)


async def run() -> list[Row]:
    over: list[float] = []
    for _ in range(ROUNDS):
        aws = Busy(LATENCY)
        old = aws.add_group("old", {LABEL: "1.0.0", "cell": "0"})
        aws.add_group("new", {LABEL: "1.1.0", "cell": "0"})
        route = aws.add_route(listener(0), {old: 1})
        with tempfile.TemporaryDirectory() as folder:
            marks: dict[str, tuple[float, float]] = {}

            def mark(reason: str, aws: Busy = aws, marks: dict[str, tuple[float, float]] = marks) -> None:
                marks[reason] = time.perf_counter(), aws.own_time

            async with world(Path(folder), aws, QUICK, mark) as here:
                await here.store.create(CELL, cell(0))
                await here.until(Rest.SYNCED, 1)
                calls, writes = dict(aws.calls), here.store.writes["Cell"]
        if route.weights.get(old) != 0:
            raise RuntimeError(f"the rollout did not end: {route.weights}")
        (began, own_before), (ended, own_after) = marks["RolloutStarted"], marks["RolloutCompleted"]
        over.append((ended - began - (own_after - own_before)) / STEPS * 1000)
    modify, health = calls["ModifyListener"], calls["DescribeTargetHealth"]
    reads = calls["DescribeListeners"]
    return [
        Row("AWS writes of a 10-step rollout", modify, "calls", 12, modify <= 12),
        Row("AWS reads of routes per step", reads / STEPS, "calls", None, None),
        Row("AWS reads of health per step and group", health / STEPS / 2, "calls", None, None),
        Row("AWS calls of a 10-step rollout", sum(calls.values()), "calls", None, None),
        Row("status writes of a 10-step rollout", writes, "writes", 25, writes <= 25),
        Row("time per step over the AWS calls' own", median(over), "ms", 50, median(over) < 50),
    ]
