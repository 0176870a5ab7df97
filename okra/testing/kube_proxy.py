"""A reverse proxy before an API server that breaks requests as a test asks, streams watches, and can cut them.

In a test's own event loop: `async with KubeProxy(plane) as proxy: proxy.add(KubeFault(...))`; Okra's client talks to
`proxy.url` in plain HTTP. A request's own Authorization goes through; one without is the administrator's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from okra.testing.controlplane.access import ControlPlane
from okra.testing.serving import serving
from okra.testing.wire import cut

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "accept-encoding"}


@dataclass(slots=True)
class KubeFault:
    """Hits requests of `method` (empty: any) whose path contains `path`.

    After the first `skip` of them every `every`-th, `times` in all (None: always). With `applied` the request reaches
    the server, and only its answer is replaced.
    """

    code: int
    """The HTTP status; 0: the connection is cut; -1: no answer, until the caller gives up."""
    reason: str = ""
    method: str = ""
    path: str = ""
    watch: bool | None = None
    """Watches only, or anything but watches; None: both."""
    applied: bool = False
    times: int | None = None
    skip: int = 0
    every: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    met: int = 0
    hits: int = 0
    holds: Callable[[web.Request, bytes], bool] = lambda _request, _body: True
    """What else must hold of a request, and its body."""

    def strikes(self, request: web.Request, body: bytes) -> bool:
        if (
            self.hits == self.times
            or self.method not in ("", request.method)
            or self.path not in request.path
            or self.watch not in (None, is_watch(request))
            or not self.holds(request, body)
        ):
            return False
        self.met += 1
        beyond = self.met - self.skip
        if beyond <= 0 or beyond % self.every:
            return False
        self.hits += 1
        return True


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived. `reached`: the API server got it."""

    method: str
    path: str
    query: str
    reached: bool


class KubeProxy:
    """Faults are tried in the order they were added; the first that strikes counts."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._faults: list[KubeFault] = []
        self._watches: dict[int, web.Request] = {}
        self._stack = contextlib.AsyncExitStack()
        self._closing = asyncio.Event()
        self._arrival = asyncio.Event()
        self._session: ClientSession | None = None
        self._asking: set[asyncio.Task[ClientResponse]] = set()
        self.seen: list[Seen] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        context = await asyncio.to_thread(_context, self._plane)
        self._session = await self._stack.enter_async_context(
            ClientSession(connector=TCPConnector(ssl=context, limit=0), timeout=ClientTimeout(total=600))
        )
        self._stack.push_async_callback(self._answered)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.url = await self._stack.enter_async_context(serving(app))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self.cut_watches()
        await self._stack.aclose()

    async def _answered(self) -> None:
        """What goes on though its caller is gone; a server that is frozen is not waited for."""
        if self._asking:
            _, late = await asyncio.wait(self._asking, timeout=2)
            for task in late:
                task.cancel()

    def add(self, *faults: KubeFault) -> None:
        self._faults += faults

    def clear(self) -> None:
        """No faults any more. What already hangs goes on hanging."""
        self._faults.clear()

    def cut_watches(self) -> int:
        """Reset every watch's connection; how many there were."""
        watches, self._watches = self._watches, {}
        for request in watches.values():
            cut(request)
        return len(watches)

    async def until(self, count: int, method: str = "", path: str = "") -> None:
        """Until so many such requests have arrived."""
        while sum(1 for seen in self.seen if method in ("", seen.method) and path in seen.path) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def until_watched(self, count: int = 1) -> None:
        """Until so many watches are open."""
        while len(self._watches) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = next((fault for fault in self._faults if fault.strikes(request, body)), None)
        self.seen.append(Seen(request.method, request.path, request.query_string, fault is None or fault.applied))
        self._arrival.set()
        if fault is None:
            return await self._pass(request, body)
        if fault.applied:
            async with self._upstream(request, body) as answer:
                await answer.read()
        if fault.code == -1:
            await self._closing.wait()
        if fault.code <= 0:
            return cut(request)
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "the proxy says so"}
        document = {**status, "reason": fault.reason, "code": fault.code}
        return web.json_response(document, status=fault.code, headers=fault.headers)

    @contextlib.asynccontextmanager
    async def _upstream(self, request: web.Request, body: bytes) -> AsyncIterator[ClientResponse]:
        """The API server's answer. Nothing of it is left when the caller goes before its end.

        TLS would wait for the server to close the connection too, for longer than the test's event loop may last.
        """
        asking = asyncio.create_task(self._ask(request, body))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        try:
            answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(_abandon)
            raise
        async with answer:
            try:
                yield answer
            finally:
                _abort(answer)

    async def _ask(self, request: web.Request, body: bytes) -> ClientResponse:
        if self._session is None:
            raise RuntimeError("the proxy is not open")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = self._plane.url + request.path_qs
        return await self._session.request(request.method, url, data=body or None, headers=headers)

    async def _pass(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._upstream(request, body) as answer:
            content_type = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            if not is_watch(request):
                return web.Response(status=answer.status, body=await answer.read(), headers=content_type)
            response = web.StreamResponse(status=answer.status, headers=content_type)
            with self._watching(request), contextlib.suppress(ConnectionError):
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            return response

    @contextlib.contextmanager
    def _watching(self, request: web.Request) -> Iterator[None]:
        self._watches[id(request)] = request
        self._arrival.set()
        try:
            yield
        finally:
            self._watches.pop(id(request), None)


def _abandon(asking: asyncio.Task[ClientResponse]) -> None:
    if not asking.cancelled() and asking.exception() is None:
        _abort(asking.result())


def _abort(answer: ClientResponse) -> None:
    """What has been read to its end has given its connection back."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def is_watch(request: web.Request) -> bool:
    return request.query.get("watch") in ("true", "1")


def _context(plane: ControlPlane) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plane.ca)
    context.load_cert_chain(plane.certificate, plane.key)
    return context
