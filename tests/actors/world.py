"""The real system of actors in a world in memory, on the virtual clock: hours pass in a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.actors.kinds import kind_of
from okra.api.defaults import Defaults
from okra.app.system import Parts, System, running
from okra.embedded.store import EmbeddedStore
from okra.errors import NotFound
from okra.ports import EventRecord, Kind, Object
from okra.rollout.rest import Rest
from okra.testing.clock import FakeClock
from okra.testing.fake_aws import REGION, FakeAws, FakeRoute
from okra.web.metrics import Metrics
from tests.actors.doubles import FakeMetrics, FragileStore

LISTENER = f"{REGION}:listener/app/web/1/{{}}"
LABEL = "okra.mumoshu.github.io/version"
LATENCY = 0.005
"""Seconds that AWS takes for a call."""


def listener(name: str = "web") -> str:
    return LISTENER.format(name)


class Gate:
    def __init__(self) -> None:
        self.open = True
        self.opens: float | None = None
        """When it opens by itself, as it says."""

    def may_write(self) -> bool:
        return self.open

    def opens_at(self) -> float | None:
        return None if self.open else self.opens


def cell(name: str = "web", *, role: str = "web", route: str | None = None, **spec: Any) -> Object:
    """The seeds' minimal Cell."""
    ingress = {
        "type": "AWSApplicationLoadBalancer",
        "awsApplicationLoadBalancer": {
            "listenerARN": route or listener(role),
            "targetGroupSelector": {"matchLabels": {"role": role}},
        },
    }
    body = {"ingress": ingress, "replicas": 1, "versionedBy": {"label": LABEL}, **spec}
    return {
        "apiVersion": CELL.api_version,
        "kind": "Cell",
        "metadata": {"namespace": "default", "name": name},
        "spec": body,
    }


def check(name: str, *, interval: str = "10s", **analysis: Any) -> dict[str, Any]:
    """One entry of a Cell's `checks`: at most 0.1 of whatever is measured."""
    found = {"interval": interval, "query": "errors", "max": 0.1, "provider": PROMETHEUS, **analysis}
    return {"name": name, "analysis": found}


def lone_check(name: str, **spec: Any) -> Object:
    """A Check that a person applied."""
    if "job" not in spec:
        spec.setdefault("analysis", check(name)["analysis"])
    return {
        "apiVersion": CHECK.api_version,
        "kind": "Check",
        "metadata": {"namespace": "default", "name": name},
        "spec": spec,
    }


PROMETHEUS = {"prometheus": {"address": "http://prometheus.example:9090"}}
METRICS = Metrics()
"""Made here: it reads files."""
QUICK: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "10s"}},
    "propagationDelay": "1s",
}
"""Two steps, of ten seconds."""


@dataclass
class World:
    store: FragileStore
    aws: FakeAws
    clock: FakeClock
    metrics: FakeMetrics
    defaults: Defaults
    gate: Gate = field(default_factory=Gate)
    events: list[EventRecord] = field(default_factory=list)
    rests: dict[str, Rest] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Of Parts."""
    logs: Sequence[Mapping[str, Any]] = ()

    # -- building --------------------------------------------------------------------------------------------------

    def group(self, version: str, *, role: str = "web", healthy: int = 2, name: str = "", **tags: str) -> str:
        tags = {"role": role, LABEL: version, **{key.replace("_", "-"): value for key, value in tags.items()}}
        return self.aws.add_group(name or f"{role}-{version.replace('.', '-')}", tags, healthy=healthy)

    def route(self, weights: dict[str, int], role: str = "web", **options: Any) -> FakeRoute:
        return self.aws.add_route(listener(role), weights, **options)

    def two_versions(self, role: str = "web", healthy: int = 2) -> tuple[FakeRoute, str, str]:
        """A route on 1.0.0, and 1.1.0 beside it."""
        old, new = self.group("1.0.0", role=role), self.group("1.1.0", role=role, healthy=healthy)
        return self.route({old: 100}, role), old, new

    async def apply(self, obj: Object) -> Object:
        return await self.store.real.apply(kind_of(obj), obj)

    async def patch(self, name: str, patch: dict[str, Any], kind: Kind = CELL) -> Object:
        return await self.store.real.patch(kind, "default", name, patch)

    async def command(self, name: str, text: str) -> None:
        await self.patch(name, {"metadata": {"annotations": {"okra.mumoshu.github.io/command": text}}})

    async def delete(self, name: str, kind: Kind = CELL) -> None:
        await self.store.real.delete(kind, "default", name)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def get(self, name: str = "web", kind: Kind = CELL) -> Object:
        return await self.store.real.get(kind, "default", name)

    async def status(self, name: str = "web", kind: Kind = CELL) -> dict[str, Any]:
        """Empty while there is no such object."""
        try:
            return (await self.get(name, kind)).get("status") or {}
        except NotFound:
            return {}

    async def exists(self, name: str, kind: Kind = CELL) -> bool:
        return name in await self.names(kind)

    async def names(self, kind: Kind) -> set[str]:
        return {obj["metadata"]["name"] for obj in (await self.store.real.list(kind)).items}

    async def gone(self, name: str, within: float = 60.0) -> None:
        """Wait until there is no such Cell any more."""
        async with asyncio.timeout(within):
            while True:
                self.store.changed.clear()
                if not await self.exists(name):
                    return
                await self.store.changed.wait()

    def condition(self, status: dict[str, Any], type_: str) -> tuple[str, str]:
        """(status, reason)."""
        found = next(each for each in status["conditions"] if each["type"] == type_)
        return found["status"], found["reason"]

    def reasons(self, name: str | None = None) -> list[str]:
        """Of the Events, in order."""
        return [event.reason for event in self.events if name in (None, event.name)]

    # -- time ------------------------------------------------------------------------------------------------------

    async def phase(self, phase: str, name: str = "web", within: float = 7200.0) -> dict[str, Any]:
        """Wait until the Cell is in a phase."""
        return await self.until(lambda status: status.get("phase") == phase, name, within)

    async def until(
        self, holds: Callable[[dict[str, Any]], Any], name: str = "web", within: float = 7200.0, kind: Kind = CELL
    ) -> dict[str, Any]:
        """Wait until an object's status is so."""
        try:
            async with asyncio.timeout(within):
                while True:
                    self.store.changed.clear()
                    if holds(status := await self.status(name, kind)):
                        break
                    await self.store.changed.wait()
        except TimeoutError:
            status = await self.status(name, kind)
            weights = {listener: route.weights for listener, route in self.aws.routes.items()}
            raise AssertionError(f"not within {within:g} s:\n{status}\n{weights}\n{self.reasons()}") from None
        return status

    async def when(self, holds: Callable[[], Any], within: float = 7200.0) -> None:
        """Wait until the world is so; seen within a hundredth of a second."""
        try:
            async with asyncio.timeout(within):
                await self._sees(holds)
        except TimeoutError:
            weights = {listener: route.weights for listener, route in self.aws.routes.items()}
            raise AssertionError(f"not within {within:g} s:\n{weights}\n{self.reasons()}") from None

    @staticmethod
    async def _sees(holds: Callable[[], Any]) -> None:
        seen, loop = asyncio.Event(), asyncio.get_running_loop()
        handle: asyncio.Handle

        def look() -> None:
            nonlocal handle
            if holds():
                seen.set()
            else:
                handle = loop.call_later(0.01, look)

        handle = loop.call_soon(look)
        try:
            await seen.wait()
        finally:
            handle.cancel()

    def forget_calls(self) -> None:
        self.aws.calls.clear()
        self.store.calls.clear()
        self.store.writes.clear()

    # -- running ---------------------------------------------------------------------------------------------------

    def parts(self, **options: Any) -> Parts:
        """`options`: what differs."""
        parts = Parts(
            store=self.store,
            clock=self.clock,
            defaults=self.defaults,
            router=self.aws,
            inventory=self.aws,
            sources=self.metrics,
            gate=self.gate,
            metrics=METRICS,
            on_event=lambda event, _: self.events.append(event),
            on_rest=lambda key, rest, _generation: self.rests.__setitem__(key[1], rest),
        )
        return replace(parts, **{**self.options, **options})

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[System]:
        """`options`: of Parts."""
        async with running(self.parts(**options)) as system:
            yield system


@asynccontextmanager
async def world(**defaults: Any) -> AsyncIterator[World]:
    """`defaults`: settings that differ from a controller's without any."""
    clock = FakeClock()
    async with await EmbeddedStore.open(":memory:", now=clock.now) as real:
        aws = FakeAws(clock, latency=LATENCY)
        made = World(FragileStore(real), aws, clock, FakeMetrics(clock.now), Defaults(**defaults))
        with structlog.testing.capture_logs() as made.logs:
            yield made
