"""How late the event loop comes to a timer: the first sign of something that blocks it, long before /healthz fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

EVERY = 0.5


@asynccontextmanager
async def watching_the_loop(tell: Callable[[float], None], every: float = EVERY) -> AsyncIterator[None]:
    """Tell the lag in seconds, again and again, for the length of the block."""
    task = asyncio.create_task(_watch(tell, every), name="loop-lag")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(tell: Callable[[float], None], every: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        tell(max(0.0, loop.time() - due))
