"""The pages of a real system of actors in a world in memory, or of one that a test says everything about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from okra.actors.runtime.snapshot import Snapshot, State
from okra.errors import OkraError
from okra.ports import Object
from okra.web.metrics import Metrics
from okra.web.server import serve
from okra.web.view import SystemView


def snapshot(name: str, **fields: Any) -> Snapshot:
    """One actor; what isn't said is unremarkable."""
    plain: dict[str, Any] = {
        "path": name, "actor": name.title(), "kind": "permanent", "state": State.RUNNING, "waiting": 0,
        "capacity": 1000, "high_water": 0, "refused": 0, "received": 0, "restarts": 0, "last_error": None,
        "uptime": 1.0, "receiving": None, "receiving_for": 0.0,
    }  # fmt: skip
    return Snapshot(name=name, **{**plain, **fields})


@dataclass
class FakeSystem:
    """A SystemView whose answers are values."""

    metrics: Metrics = field(default_factory=Metrics)
    alive: bool = True
    waits_for: list[str] = field(default_factory=list)
    stands: str = ""
    root: Snapshot = field(default_factory=lambda: snapshot("okra"))
    found: Sequence[Object] | OkraError = ()
    described: Mapping[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def responsive(self) -> bool:
        return self.alive

    def missing(self) -> Sequence[str]:
        return self.waits_for

    def standing(self) -> str:
        return self.stands

    def actors(self) -> Snapshot:
        return self.root

    async def cells(self) -> Sequence[Object]:
        if isinstance(self.found, OkraError):
            raise self.found
        return self.found

    async def describe_cell(self, namespace: str, name: str) -> dict[str, Any] | None:
        if isinstance(self.found, OkraError):
            raise self.found
        return self.described.get((namespace, name))

    def event_counts(self) -> Mapping[tuple[str, str, str], int]:
        return self.events


@dataclass(frozen=True, slots=True)
class Site:
    session: aiohttp.ClientSession
    at: str

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """(status, text). `Accept="…"`, `Host="…"` become headers."""
        async with self.session.get(f"http://{self.at}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def json(self, path: str) -> Any:
        async with self.session.get(f"http://{self.at}{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@asynccontextmanager
async def site(view: SystemView, listen: str = "127.0.0.1:0") -> AsyncIterator[Site]:
    async with serve(view, listen, strict=True) as at, aiohttp.ClientSession() as session:
        yield Site(session, at)
