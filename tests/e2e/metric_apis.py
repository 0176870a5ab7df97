"""What Checks ask in these tests: the doubles of metrics APIs that need an event loop, in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from okra.testing.aws_world import AwsWorld
from tests.analysis.datadog_double import Datadog
from tests.analysis.servers import Handler, serving

AHEAD = 900
"""Seconds for which values are published ahead: they are there whenever a check looks, however slow the machine."""


@contextmanager
def served(handler: Handler) -> Iterator[str]:
    """The URL at which `handler` answers everything."""
    found: list[str] = []
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(handler) as server:
            found.append(server.url)
            ready.set()
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="metrics API")
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()


def datadog(**values: float) -> Datadog:
    """Each query by this name answers this value, over the last minutes."""
    double, now = Datadog(), time.time()
    for query, value in values.items():
        double.report(query, *((now - ago, value) for ago in range(-AHEAD, 600, double.interval)))
    return double


def openmetrics(**values: float) -> str:
    """Samples of these metrics, one a second from now on, for a real Prometheus to begin with."""
    now = int(time.time())
    lines = []
    for name, value in values.items():
        lines += [f"# TYPE {name} gauge", *(f"{name} {value} {now + second}" for second in range(-5, AHEAD))]
    return "\n".join([*lines, "# EOF", ""])


def publish(world: AwsWorld, name: str, value: float) -> None:
    """A value of the CloudWatch metric Shop/`name`, for each second from now on."""
    now = int(time.time())
    data = [{"MetricName": name, "Value": value, "Timestamp": now + second} for second in range(AHEAD)]
    world.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=data)
