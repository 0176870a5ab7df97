"""A relay before a server: it counts connections, and holds back all that passes when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """`async with Relay(member.endpoint) as relay`: bytes go through as they are, TLS too."""

    def __init__(self, url: str) -> None:
        self._behind = urlsplit(url)
        self._stack = contextlib.AsyncExitStack()
        self._serving: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._changed = asyncio.Condition()
        self.url = ""
        self.accepted = 0
        """Connections, ever."""
        self.present = 0
        """Connections that neither side has closed."""

    async def __aenter__(self) -> Self:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        await self._stack.enter_async_context(server)
        self.url = f"{self._behind.scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        serving = [*self._serving]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await self._stack.aclose()

    def hold(self) -> None:
        """Take connections and bytes, and pass nothing on: a black hole."""
        self._flows.clear()

    def let_go(self) -> None:
        self._flows.set()

    async def until(self, *, accepted: int | None = None, present: int | None = None) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: accepted in (None, self.accepted) and present in (None, self.present))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        await self._count(accepted=1, present=1)
        try:
            behind, to_behind = await asyncio.open_connection(self._behind.hostname, self._behind.port)
            with contextlib.suppress(asyncio.CancelledError):  # only by the end of the relay; asyncio would log it
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, to_behind))
                    both.create_task(self._pass(behind, writer))
        finally:
            self._serving.discard(task)
            await self._count(present=-1)

    async def _count(self, *, accepted: int = 0, present: int = 0) -> None:
        async with self._changed:
            self.accepted += accepted
            self.present += present
            self._changed.notify_all()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one of the two ends it."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(2**16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
