"""The users: so many requests a second, whatever comes back, and a count of what they saw."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

WORKERS = 16


@dataclass(slots=True)
class Seen:
    """What the users got."""

    served: int = 0
    failed: int = 0
    """Answered with an error, or not at all."""


class Load:
    def __init__(self, session: aiohttp.ClientSession, url: str, rate: float) -> None:
        self._session, self._url = session, url
        self._interval = WORKERS / rate
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self.seen = Seen()

    def start(self) -> None:
        self._stopping.clear()
        self._workers = [asyncio.create_task(self._work(number), name=f"load-{number}") for number in range(WORKERS)]

    async def stop(self) -> None:
        """No more requests; those that run are waited for, so that every count is final."""
        self._stopping.set()
        await asyncio.gather(*self._workers)
        self._workers = []

    async def kill(self) -> None:
        """End at once, and silently."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval * number / WORKERS
        while not await self._stops_before(due - loop.time()):
            await self._request()
            due = max(due + self._interval, loop.time())  # what a slow machine missed is not made up for

    async def _stops_before(self, seconds: float) -> bool:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return False
        return self._stopping.is_set()

    async def _request(self) -> None:
        try:
            async with self._session.get(self._url) as answer:
                await answer.read()
                fine = answer.status < 500
        except aiohttp.ClientError:
            fine = False
        if fine:
            self.seen.served += 1
        else:
            self.seen.failed += 1
