"""Metric APIs as local servers: real HTTP, the real API's answers, and the ways in which they go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from aiohttp import web

from okra.testing.serving import serving as on_a_free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NEVER = 3600.0


@dataclass
class Server:
    """What a test sees of a server: where it is, what it was asked, and the faults it has next."""

    url: str = ""
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    faults: list[Handler] = field(default_factory=list)
    """Each replaces the answer to one request."""


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    """A server on a free port that answers every path with `handler`."""
    server = Server()

    async def answer(request: web.Request) -> web.StreamResponse:
        server.requests.append(request)
        server.bodies.append(await request.text())
        return await (server.faults.pop(0) if server.faults else handler)(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with on_a_free_port(app) as server.url:
        yield server


def saying(
    body: str | bytes,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Handler:
    """A handler with one answer."""

    async def answer(request: web.Request) -> web.Response:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, status=status, headers={"Content-Type": content_type, **headers})

    return answer


def redirecting(location: str, status: int = 302) -> Handler:
    return saying("", status, headers={"Location": location})


HTML = "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>"


async def slow(request: web.Request) -> web.StreamResponse:
    """Takes the request and never answers."""
    await asyncio.sleep(NEVER)
    raise AssertionError("unreachable")


async def reset(request: web.Request) -> web.StreamResponse:
    """Cuts the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends, then closes."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"status": "success", "data"')
    assert request.transport is not None
    request.transport.abort()
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    """Sends without end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while request.transport is not None:
        await response.write(b" " * 65536)
    return response
