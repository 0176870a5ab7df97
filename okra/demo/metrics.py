"""What the load balancer publishes of itself: requests and errors of each target group, second by second.

As an ALB does, it reports errors only when there are any; unlike an ALB's, its seconds are metrics of high resolution,
or the demo would take an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "OkraDemo"
REQUESTS, ERRORS = "RequestCount", "HTTPCode_Target_5XX_Count"

Publish = Callable[[str, Sequence[Mapping[str, Any]]], Awaitable[None]]


class Meter:
    """`count` each answer; `publish_forever` sends the seconds that are over."""

    def __init__(self, publish: Publish, name_of: Mapping[str, str], *, now: Callable[[], float] = time.time) -> None:
        self._publish, self._name_of, self._now = publish, name_of, now
        self._seconds: dict[int, dict[str, list[int]]] = {}

    def count(self, arn: str, status: int) -> None:
        counts = self._seconds.setdefault(int(self._now()), {}).setdefault(arn, [0, 0])
        counts[0] += 1
        counts[1] += status >= 500

    async def publish_forever(self) -> None:
        while True:
            await asyncio.sleep(1.05 - self._now() % 1.0)
            await self.flush()

    async def flush(self) -> None:
        """Publish every second that is over."""
        current = int(self._now())
        data: list[Mapping[str, Any]] = []
        for second in sorted(second for second in self._seconds if second < current):
            for arn, (requests, errors) in self._seconds.pop(second).items():
                data.append(self._datum(REQUESTS, arn, second, requests))
                if errors:
                    data.append(self._datum(ERRORS, arn, second, errors))
        if data:
            await self._publish(NAMESPACE, data)

    def _datum(self, metric: str, arn: str, second: int, value: int) -> Mapping[str, Any]:
        return {
            "MetricName": metric,
            "Dimensions": [{"Name": "TargetGroup", "Value": self._name_of[arn]}],
            "Timestamp": datetime.fromtimestamp(second, UTC),
            "Value": float(value),
            "Unit": "Count",
            "StorageResolution": 1,
        }
