"""Which writes to AWS are on their way: who gives up a Lease says by it that none can land any more.

A write is over with AWS's answer. Without one (no answer, or nobody waited for it) it may land until its total timeout
is over, counted from when it began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from okra.aws.sessions import Timeouts
from okra.errors import OkraError, Unavailable
from okra.ports import Clock, OwnerReading, RouteRef, TrafficRouter
from okra.rollout.observation import RouteReading, Weights

LANDS_WITHIN = Timeouts().write_total
"""Seconds from its beginning until a write that isn't answered can't land any more."""


class Writes:
    """A `TrafficRouter` before another one, which remembers what was written through it."""

    def __init__(self, router: TrafficRouter, clock: Clock, lands_within: float = LANDS_WITHIN) -> None:
        self._router, self._clock, self._lands_within = router, clock, lands_within
        self._under_way: dict[int, float] = {}
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()
        self._doubtful_until = 0.0

    async def landed(self) -> None:
        """Until no write that has begun can land any more. It takes the total timeout of a write at most."""
        await self._none.wait()
        await asyncio.sleep(max(0.0, self._doubtful_until - self._clock.monotonic()))

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        return await self._router.read(refs)

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        with self._writing():
            await self._router.write(ref, weights, basis, urgent=urgent)

    async def create(self, ref: RouteRef, owner: str, default: RouteReading, *, take_over: bool = False) -> None:
        with self._writing():
            await self._router.create(ref, owner, default, take_over=take_over)

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self._router.owner(ref, arn)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        with self._writing():
            return await self._router.claim(ref, arn, owner)

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        with self._writing():
            await self._router.release(ref, arn, owner)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        began, number = self._clock.monotonic(), self._count
        self._count += 1
        self._under_way[number] = began
        self._none.clear()
        try:
            yield
        except (Unavailable, asyncio.CancelledError):
            self._doubtful_until = max(self._doubtful_until, began + self._lands_within)
            raise
        finally:
            del self._under_way[number]
            if not self._under_way:
                self._none.set()
