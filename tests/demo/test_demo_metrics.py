"""What the load balancer publishes of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from okra.demo.metrics import ERRORS, REQUESTS, Meter


class Published:
    def __init__(self) -> None:
        self.now = 100.25
        self.data: list[tuple[str, str, int, float]] = []

    async def put(self, _: str, data: Sequence[Mapping[str, Any]]) -> None:
        self.data += [
            (each["MetricName"], each["Dimensions"][0]["Value"], int(each["Timestamp"].timestamp()), each["Value"])
            for each in data
        ]


async def test_only_seconds_that_are_over_are_published_and_each_once() -> None:
    there = Published()
    meter = Meter(there.put, {"arn": "web-a"}, now=lambda: there.now)
    meter.count("arn", 200)
    await meter.flush()
    assert not there.data
    there.now = 101.1
    meter.count("arn", 200)
    await meter.flush()
    await meter.flush()
    assert there.data == [(REQUESTS, "web-a", 100, 1.0)]


async def test_errors_are_reported_only_when_there_are_any() -> None:
    there = Published()
    meter = Meter(there.put, {"one": "web-a", "two": "web-b"}, now=lambda: there.now)
    for arn, status in (("one", 200), ("one", 500), ("one", 502), ("two", 404)):
        meter.count(arn, status)
    there.now = 105.0
    await meter.flush()
    assert sorted(there.data) == [
        (ERRORS, "web-a", 100, 2.0),
        (REQUESTS, "web-a", 100, 3.0),
        (REQUESTS, "web-b", 100, 1.0),
    ]
