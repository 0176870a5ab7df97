"""A replica on the virtual clock: it leads when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from okra.actors.unsaved import UnsavedVerdicts
from okra.actors.wiring import WriteGate
from okra.app.controller import FLUSH_TIMEOUT, STOP_TIMEOUT, term
from okra.app.leading import Leadership
from okra.app.pause import GlobalPause
from okra.app.system import System
from okra.app.writes import Writes
from okra.ports import ObjectStore
from tests.actors.world import METRICS, World


@dataclass
class Scripted:
    """A candidate who leads when the test says so."""

    led_now: asyncio.Event = field(default_factory=asyncio.Event)
    lost_now: asyncio.Event = field(default_factory=asyncio.Event)
    writes_from: float = 0.0
    problem: str = ""
    others: str = "okra-1"
    resigned_at: float | None = None
    defect: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def leading(self) -> bool:
        return self.led_now.is_set()

    @property
    def holder(self) -> str:
        return "me" if self.leading else self.others

    @property
    def writes_in(self) -> float | None:
        return max(0.0, self.writes_from - self._now()) if self.leading else None

    def may_write(self) -> bool:
        return self.leading and self._now() >= self.writes_from

    def win(self, writes_in: float = 0.0) -> None:
        self.writes_from = self._now() + writes_in
        self.lost_now.clear()
        self.led_now.set()

    def lose(self) -> None:
        self.led_now.clear()
        self.lost_now.set()

    async def led(self) -> None:
        await self.led_now.wait()

    async def lost(self) -> None:
        await self.lost_now.wait()

    async def run(self) -> None:
        await self.defect.wait()
        raise RuntimeError("a defect")

    async def resign(self) -> None:
        self.resigned_at = self._now()
        self.led_now.clear()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


@dataclass
class Replica:
    world: World
    candidate: Scripted
    leadership: Leadership
    stop: asyncio.Event
    serving: asyncio.Task[None]

    async def leads(self, leads: bool = True) -> None:
        await self.world.when(lambda: (self.leadership.system is not None) is leads, within=60)

    async def ends(self) -> float:
        """Told to stop: how many seconds it takes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.stop.set()
        await self.serving
        return loop.time() - began


@asynccontextmanager
async def replica(w: World, store: ObjectStore | None = None, **options: Any) -> AsyncIterator[Replica]:
    """`store`: its own way to the store, where it isn't the world's."""
    candidate, stop, writes = Scripted(), asyncio.Event(), Writes(w.aws, w.clock)
    reached, unsaved = store or w.store, UnsavedVerdicts()
    pause = GlobalPause(reached, "ops", "okra")

    def work(gate: WriteGate) -> AbstractAsyncContextManager[System]:
        parts = w.parts(
            store=reached,
            gate=gate,
            held=pause.said,
            router=writes,
            unsaved=unsaved,
            stop_timeout=STOP_TIMEOUT,
            flush_timeout=FLUSH_TIMEOUT,
        )
        return term(parts, pause)

    def save() -> Coroutine[Any, Any, None]:
        return unsaved.save(reached, w.clock)

    leadership = Leadership(candidate, work, save, writes, w.clock, stop, METRICS, **options)
    serving = asyncio.create_task(leadership.serve())
    try:
        yield Replica(w, candidate, leadership, stop, serving)
    finally:
        stop.set()
        await asyncio.wait((serving,))
