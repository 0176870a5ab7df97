"""Worlds for the benches: Cells on an AWS in memory whose calls take a fixed time, a store that counts its writes."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from okra.actors.wiring import AlwaysOpen
from okra.api.defaults import Defaults
from okra.app.clock import SystemClock
from okra.app.logs import configure_logs
from okra.app.system import Parts, System, running
from okra.embedded.store import EmbeddedStore
from okra.errors import Invalid, OkraError
from okra.ports import Account, Kind, MetricSource, Object, RouteRef
from okra.rollout.observation import RouteReading
from okra.rollout.rest import Rest
from okra.testing.fake_aws import FakeAws

LABEL = "okra.mumoshu.github.io/version"
CELL = Kind("okra.mumoshu.github.io", "v1alpha1", "Cell", "cells")
CHECK = Kind("okra.mumoshu.github.io", "v1alpha1", "Check", "checks")


PAGE = 1000
"""Routes that the double reads at once."""


def batched(refs: Collection[RouteRef], size: int) -> Iterator[tuple[RouteRef, ...]]:
    rest = iter(refs)
    while page := tuple(islice(rest, size)):
        yield page


class Busy(FakeAws):
    """Knows for how long at least one call was under way: the AWS calls' own time."""

    def __init__(self, latency: float) -> None:
        super().__init__(SystemClock(), latency=latency)
        self.own_time = 0.0
        self._open = 0
        self._since = 0.0

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        """In pages, as the real router: one answer for ten thousand would block the event loop that is measured."""
        found: dict[RouteRef, RouteReading | OkraError] = {}
        for page in batched(refs, PAGE):
            found.update(await super().read(page))
        return found

    async def _call(self, operation: str, arn: str) -> None:
        if self._open == 0:
            self._since = time.perf_counter()
        self._open += 1
        try:
            await super()._call(operation, arn)
        finally:
            self._open -= 1
            if self._open == 0:
                self.own_time += time.perf_counter() - self._since


class Counting(EmbeddedStore):
    """Counts the status writes by kind."""

    writes: Counter[str]

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Object:
        self.writes[kind.kind] += 1
        return await super().patch_status(kind, namespace, name, status, resource_version=resource_version)


class NoSources:
    """No check of these benches measures anything."""

    async def open(self, provider: object, query: str | None, namespace: str, account: Account) -> MetricSource:
        raise Invalid("no metrics here")


@dataclass
class World:
    store: Counting
    aws: Busy
    system: System
    rest: dict[tuple[str, str], Rest]
    changed: asyncio.Event

    async def until(self, rest: Rest, count: int) -> None:
        """Wait until so many Cells stand there."""
        while sum(each is rest for each in self.rest.values()) < count:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def world(
    folder: Path, aws: Busy, defaults: Defaults, mark: Callable[[str], None] = lambda _: None
) -> AsyncIterator[World]:
    """A running Okra on a state file in `folder`. `mark` hears each event's reason."""
    configure_logs("error")
    rest: dict[tuple[str, str], Rest] = {}
    changed = asyncio.Event()

    def rests(key: tuple[str, str], found: Rest, _generation: int) -> None:
        rest[key] = found
        changed.set()

    async with await Counting.open(folder / "state.db") as store:
        store.writes = Counter()
        parts = Parts(
            store,
            SystemClock(),
            defaults,
            aws,
            aws,
            NoSources(),
            AlwaysOpen(),
            on_rest=rests,
            on_event=lambda event, _: mark(event.reason),
        )
        async with running(parts) as system:
            yield World(store, aws, system, rest, changed)


def listener(number: int) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/lb{number}/{number:016x}/{number:016x}"


def group(number: int) -> str:
    """The target group of the Cell that has this number, if the double's groups were added in that order."""
    return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/g{number}/{number:016x}"


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def cell(number: int, **spec: Any) -> Object:
    """A minimal Cell on a listener of its own."""
    return {
        "apiVersion": CELL.api_version,
        "kind": CELL.kind,
        "metadata": {"name": f"cell-{number}", "namespace": "default"},
        "spec": {
            "ingress": {
                "type": "AWSApplicationLoadBalancer",
                "awsApplicationLoadBalancer": {
                    "listenerARN": listener(number),
                    "targetGroupSelector": {"matchLabels": {"cell": str(number)}},
                },
            },
            **spec,
        },
    }


def check(number: int) -> Object:
    """A Check that is there and waits for a Cell to ask."""
    analysis = {
        "query": "up",
        "max": 1,
        "interval": "1h",
        "initialDelay": "1h",
        "provider": {"prometheus": {"address": "http://127.0.0.1:1"}},
    }
    return {
        "apiVersion": CHECK.api_version,
        "kind": CHECK.kind,
        "metadata": {"name": f"check-{number}", "namespace": "default"},
        "spec": {"analysis": analysis},
    }
