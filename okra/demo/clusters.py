"""The clusters: small HTTP servers on this machine. Each counts what it really served, and the bad ones really fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

HOST = "127.0.0.1"


@dataclass(slots=True, eq=False)
class Cluster:
    name: str
    """Also its target group's."""
    version: str
    fail_every: int = 0
    """One request in so many fails; 0: none."""
    requests: int = 0
    errors: int = 0
    port: int = 0

    @property
    def address(self) -> str:
        """`ip:port`, as a target is registered."""
        return f"{HOST}:{self.port}"

    async def answer(self, _: web.Request) -> web.Response:
        """One in twenty fails by count rather than by chance, so that each run of the demo tells the same story."""
        self.requests += 1
        if self.fail_every and self.requests % self.fail_every == 0:
            self.errors += 1
            return web.Response(status=500, text=f"{self.version} is broken\n")
        return web.Response(text=f"{self.version} says hello\n")


@asynccontextmanager
async def serving(cluster: Cluster) -> AsyncIterator[Cluster]:
    """The cluster, on a free port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", cluster.answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        cluster.port = runner.addresses[0][1]
        yield cluster
    finally:
        await runner.cleanup()


def clusters_of(version: str, count: int, fail_every: int = 0) -> list[Cluster]:
    prefix = f"web-{version.replace('.', '-')}"
    return [Cluster(f"{prefix}-{'abcdefgh'[number]}", version, fail_every) for number in range(count)]
