"""The load balancer's data plane, which no double has: a proxy that forwards by the weights that the AWS API shows.

It asks the API for the listener's weights all the time, as nobody tells it of a change; so what Okra writes there is
what really happens to the requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from okra.demo.balance import Balance
from okra.demo.clusters import HOST

POLL = 0.25
"""Seconds between two looks at the weights."""

Weights = Callable[[], Awaitable[Mapping[str, int]]]
Addresses = Callable[[str], Awaitable[list[str]]]
Answered = Callable[[str, int], None]
"""Told of each answer: by which target group, and its status."""


class Proxy:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        weights: Weights,
        addresses: Addresses,
        *,
        on_answer: Answered = lambda _arn, _status: None,
        on_weights: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self._session, self._weights, self._addresses = session, weights, addresses
        self._on_answer, self._on_weights = on_answer, on_weights
        self._balance = Balance()
        self._targets: dict[str, str] = {}
        self.url = ""

    async def look(self) -> None:
        """Read the weights, and where new groups' targets are."""
        weights = await self._weights()
        for arn in weights.keys() - self._targets.keys():
            found = await self._addresses(arn)
            if found:
                self._targets[arn] = found[0]
        self._balance.set({arn: weight for arn, weight in weights.items() if arn in self._targets})
        self._on_weights(weights)

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(POLL)
            await self.look()

    async def forward(self, request: web.Request) -> web.Response:
        arn = self._balance.pick()
        if arn is None:
            return web.Response(status=503, text="no target group has weight\n")
        try:
            async with self._session.get(f"http://{self._targets[arn]}{request.rel_url}") as answer:
                body = await answer.read()
        except aiohttp.ClientError:
            self._on_answer(arn, 502)
            return web.Response(status=502, text="the target doesn't answer\n")
        self._on_answer(arn, answer.status)
        return web.Response(status=answer.status, body=body, content_type=answer.content_type)


@asynccontextmanager
async def proxying(proxy: Proxy) -> AsyncIterator[Proxy]:
    """The proxy at its `url`, following the weights."""
    await proxy.look()
    app = web.Application()
    app.router.add_get("/{path:.*}", proxy.forward)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        proxy.url = f"http://{HOST}:{runner.addresses[0][1]}"
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(proxy.watch())
            yield proxy
            watch.cancel()
    finally:
        await runner.cleanup()
