"""A small HTTP server that answers as a test says: for what a real API server doesn't do on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

from aiohttp import web

from okra.kube.client import KubeClient, Timeouts
from okra.kube.credentials import Credentials, Identity, fixed
from okra.kube.target import Target
from okra.testing.serving import serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, reason: str = "", message: str = "said so", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        **({"details": details} if details else {}),
    }


def failure(code: int, reason: str = "", message: str = "said so", **details: Any) -> web.Response:
    return web.json_response(status(code, reason, message, **details), status=code)


class ApiServer:
    """Give it a `handler`; it keeps the requests with their bodies."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""
        self._stack = contextlib.AsyncExitStack()
        self._arrival = asyncio.Event()
        self.closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.url = await self._stack.enter_async_context(serving(app))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closing.set()
        await self._stack.aclose()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.requests.append(request)
        self._arrival.set()
        assert self.handler is not None
        return await self.handler(request)

    async def until(self, count: int) -> None:
        """Until so many requests have arrived."""
        while len(self.requests) < count:
            self._arrival.clear()
            await self._arrival.wait()

    def body(self, index: int = -1) -> Any:
        return json.loads(self.bodies[index])

    def target(self, credentials: Credentials | None = None) -> Target:
        return Target(self.url, credentials or fixed(Identity("Bearer t0ken")))

    @contextlib.asynccontextmanager
    async def client(
        self, credentials: Credentials | None = None, timeouts: Timeouts | None = None
    ) -> AsyncIterator[KubeClient]:
        async with await KubeClient.open(self.target(credentials), timeouts or Timeouts()) as client:
            yield client


def answers(*responses: Callable[[], web.Response]) -> Handler:
    """Each in turn, the last one for ever."""
    left = list(responses)

    async def handler(_: web.Request) -> web.StreamResponse:
        return (left.pop(0) if len(left) > 1 else left[0])()

    return handler
