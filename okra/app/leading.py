"""One of several replicas works; the others stand by (DESIGN §9).

A term begins with the Lease and ends with it. At its end the gate closes before anything else, the actors stop, and
this process stands by again: a new one would be no cleaner, and an API server that is down for a while would otherwise
drive every replica into kubelet's growing restart delays. One thing outlives a term: the verdicts that the store didn't
take in it. They are written between two terms, or by the actors of the next.

The Lease is given up only when the actors have stopped and no write of theirs can land any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol

import structlog

from okra.actors.wiring import NEVER, WriteGate
from okra.app.system import System
from okra.app.writes import Writes
from okra.ports import Clock
from okra.web.metrics import Metrics

log = structlog.get_logger("okra")

SOON = 1.0
"""Seconds after which a leader that may not write, though it should, looks again."""
SAVING = 1.0
"""Seconds for the last verdicts; without them the next leader takes their reverts for a person's."""
RESIGNING = 2.0
"""Seconds for giving up the Lease; without it the next leader waits a little longer."""


class Candidate(Protocol):
    """`okra.kube.lease.Elector`, or `Unopposed`."""

    @property
    def leading(self) -> bool: ...
    @property
    def holder(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def writes_in(self) -> float | None: ...
    def may_write(self) -> bool: ...
    async def led(self) -> None: ...
    async def lost(self) -> None: ...
    async def run(self) -> None: ...
    async def resign(self) -> None: ...


class Unopposed:
    """`--no-leader-elect`: somebody else sees to it that there is one replica."""

    leading, holder, problem, writes_in = True, "this process", "", 0.0

    def may_write(self) -> bool:
        return True

    async def led(self) -> None:
        """At once."""

    async def lost(self) -> None:
        await asyncio.Event().wait()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def resign(self) -> None:
        """There is nothing to give up."""


class TermGate:
    """The gate of one term. Closed once, it never opens again."""

    def __init__(self, candidate: Candidate, clock: Clock, *, read_only: bool) -> None:
        self._candidate, self._clock, self._read_only = candidate, clock, read_only
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def may_write(self) -> bool:
        return not (self._closed or self._read_only) and self._candidate.may_write()

    def opens_at(self) -> float | None:
        if self._closed or not self._candidate.leading:
            return NEVER
        return None if self._read_only else self._clock.now() + max(self._candidate.writes_in or 0.0, SOON)


Work = Callable[[WriteGate], AbstractAsyncContextManager[System]]
"""Begins the work of a term; leaving it ends that, with nothing left running."""
Save = Callable[[], Coroutine[Any, Any, None]]
"""Writes what the actors of the last term could not, until nothing of it is left."""


class Leadership:
    """Standby, leader, standby …, until `stop` is set. `system` is there while it leads."""

    def __init__(
        self,
        candidate: Candidate,
        work: Work,
        save: Save,
        writes: Writes,
        clock: Clock,
        stop: asyncio.Event,
        metrics: Metrics,
        *,
        read_only: bool = False,
    ) -> None:
        self.candidate, self.metrics = candidate, metrics
        self.system: System | None = None
        self._work, self._save, self._writes, self._clock, self._stop = work, save, writes, clock, stop
        self._read_only = read_only

    async def serve(self) -> None:
        """Raises what a term could not survive, after everything has ended."""
        self.metrics.leads(False)
        campaign = asyncio.create_task(self.candidate.run(), name="campaign")
        try:
            while await self._stands_by(campaign):
                await self._lead(campaign)
        finally:
            campaign.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((campaign,))
            for last, seconds in ((self._save, SAVING), (self.candidate.resign, RESIGNING)):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await last()

    async def _stands_by(self, campaign: asyncio.Task[None]) -> bool:
        """Until it leads. False: told to stop."""
        saving = asyncio.create_task(self._save(), name="saving")
        try:
            return await self._comes(self.candidate.led(), campaign)
        finally:
            saving.cancel()
            await asyncio.wait((saving,))

    async def _lead(self, campaign: asyncio.Task[None]) -> None:
        gate = TermGate(self.candidate, self._clock, read_only=self._read_only)
        log.info("TermBegun", writesIn=self.candidate.writes_in)
        try:
            async with self._work(gate) as self.system:
                self.metrics.leads(True)
                try:
                    await self._comes(self.candidate.lost(), campaign)
                finally:
                    gate.close()
        finally:
            self.system = None
            self.metrics.leads(False)
            await self._writes.landed()
            log.info("TermEnded", stopping=self._stop.is_set())

    async def _comes(self, turn: Coroutine[Any, Any, None], campaign: asyncio.Task[None]) -> bool:
        """Until this turn of events. False: told to stop."""
        coming = asyncio.create_task(turn)
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((coming, stopped, campaign), return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()
            stopped.cancel()
            await asyncio.wait((coming, stopped))
        if campaign.done():
            campaign.result()
            raise RuntimeError("the campaign for the Lease ended")
        return not self._stop.is_set()
