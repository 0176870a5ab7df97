"""A reverse proxy before the AWS double that breaks calls as a test asks, and records them all.

In a test's own event loop: `async with FaultProxy(server.url) as proxy: proxy.add(Fault(...))`. As a process:
`python -m okra.testing.fault_proxy --upstream URL --port 0` (`FaultProxyProcess` does that), controlled over HTTP:

    POST /__faults      a fault, or a list of them, as JSON      GET /__faults    those in force
    DELETE /__faults    none any more                            GET /__calls     what has arrived; DELETE forgets it

Signatures are left as they are (moto checks none by default).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from typing import Any, Self

from aiohttp import ClientSession, ClientTimeout, web

from okra.testing.child import WITH_PARENT, end_with_parent
from okra.testing.faults import Call, Fault, FaultKind, Record, fault_from, fault_to
from okra.testing.serving import serving
from okra.testing.wire import Answer, call_from, cut, error_answer, response

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "server", "date"}
_PAGE = b"<html><body><b>Http/1.1 Service Unavailable</b><br>Something is wrong</body></html>"


@dataclass(slots=True)
class _Armed:
    """A fault in force, and how often it met and hit a call."""

    fault: Fault
    met: int = 0
    hits: int = 0

    def strikes(self, call: Call) -> bool:
        if not self.fault.concerns(call) or self.hits == self.fault.times:
            return False
        self.met += 1
        beyond = self.met - self.fault.skip
        if beyond <= 0 or beyond % self.fault.every:
            return False
        self.hits += 1
        return True


class FaultProxy:
    """The proxy, in this event loop. Faults are tried in the order they were added; the first that strikes counts."""

    def __init__(self, upstream: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._upstream = upstream
        self._host = host
        self._port = port
        self._armed: list[_Armed] = []
        self._before: dict[tuple[str, str, bytes], Answer] = {}
        self._tasks: set[asyncio.Task[Answer]] = set()
        self._stack = contextlib.AsyncExitStack()
        self._closing = asyncio.Event()
        self._arrival = asyncio.Event()
        self._session: ClientSession | None = None
        self.records: list[Record] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(
            ClientSession(auto_decompress=False, timeout=ClientTimeout(total=60))
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/__faults", self._control_faults)
        app.router.add_route("*", "/__calls", self._control_calls)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.url = await self._stack.enter_async_context(serving(app, self._host, self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def add(self, *faults: Fault) -> None:
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """No faults any more. What already hangs goes on hanging."""
        self._armed.clear()

    def calls(self, operation: str = "") -> list[Call]:
        """What has arrived, in order; of one operation if given."""
        return [record.call for record in self.records if operation in ("", record.call.operation)]

    def reached(self, operation: str = "") -> list[Call]:
        """Of these, what AWS got."""
        return [record.call for record in self.records if record.reached and operation in ("", record.call.operation)]

    async def wait_for(self, operation: str, count: int) -> None:
        """Until so many calls of `operation` have arrived."""
        while len(self.calls(operation)) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def settled(self) -> None:
        """Until everything that was sent on to AWS is answered: late requests, and those whose caller is gone."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _record(self, record: Record) -> None:
        self.records.append(record)
        self._arrival.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = call_from(request.method, request.path_qs, request.headers, body, time.monotonic())
        fault = next((armed.fault for armed in self._armed if armed.strikes(call)), None)
        if fault is None:
            self._record(Record(call, reached=True))
            return response(await self._forward(request, call, body))
        known = self._before.get((call.operation, request.path_qs, body))
        truly = fault.kind is FaultKind.DELAY or (fault.kind is FaultKind.STALE and known is None)
        reached = fault.applied or truly or fault.kind is FaultKind.LATE
        self._record(Record(call, fault.kind, reached))
        if fault.kind is FaultKind.LATE:
            self._spawn(self._later(fault.seconds, request, call, body))
            return cut(request)
        if fault.kind is FaultKind.STALE and known is not None:
            return response(known)
        answer = await self._forward(request, call, body) if reached else None
        if fault.seconds:
            await self._pause(fault.seconds)
        return await self._instead(fault, request, call, answer)

    async def _instead(
        self, fault: Fault, request: web.Request, call: Call, answer: Answer | None
    ) -> web.StreamResponse:
        match fault.kind:
            case FaultKind.THROTTLE:
                return response(Answer(*error_answer(call, 400, "Throttling", "Rate exceeded")))
            case FaultKind.ERROR:
                return response(Answer(*error_answer(call, fault.status, fault.code, fault.message)))
            case FaultKind.UNAVAILABLE:
                return response(Answer(*error_answer(call, 503, "ServiceUnavailable", "Service unavailable")))
            case FaultKind.TOO_MANY_REQUESTS:
                return response(Answer(429, "text/plain", b""))
            case FaultKind.HTML:
                return response(Answer(500, "text/html", _PAGE))
            case FaultKind.GARBAGE:
                return response(Answer(200, "text/html", _PAGE))
            case FaultKind.HANG:
                await self._closing.wait()
                return cut(request)
            case FaultKind.DELAY | FaultKind.STALE if answer is not None:
                return response(answer)
            case _:
                return cut(request)

    async def _forward(self, request: web.Request, call: Call, body: bytes) -> Answer:
        """Ask AWS, to the end even if the caller is gone meanwhile: AWS doesn't take back what it did either."""
        return await asyncio.shield(self._spawn(self._ask(request, call, body)))

    async def _ask(self, request: web.Request, call: Call, body: bytes) -> Answer:
        if self._session is None:
            raise RuntimeError("the proxy is not open")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method, self._upstream + request.path_qs, data=body, headers=headers
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            content_type = kept.pop("Content-Type", "application/octet-stream")
            found = Answer(answer.status, content_type, await answer.read(), kept)
        self._before[call.operation, request.path_qs, body] = found
        return found

    async def _later(self, seconds: float, request: web.Request, call: Call, body: bytes) -> Answer:
        await asyncio.sleep(seconds)
        return await self._ask(request, call, body)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _spawn(self, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        task = asyncio.create_task(work, name="fault-proxy-call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _control_faults(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.clear()
        elif request.method == "POST":
            sent = await request.json()
            self.add(*(fault_from(data) for data in (sent if isinstance(sent, list) else [sent])))
        return web.json_response([{**fault_to(armed.fault), "hits": armed.hits} for armed in self._armed])

    async def _control_calls(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.records.clear()
        return web.json_response([asdict(record) for record in self.records])


async def _serve(upstream: str, host: str, port: int) -> None:
    async with FaultProxy(upstream, host=host, port=port) as proxy:
        print(proxy.url, flush=True)
        await asyncio.Event().wait()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m okra.testing.fault_proxy", description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port; the URL is printed")
    parser.add_argument(WITH_PARENT, action="store_true", help="end when standard input is closed")
    options = parser.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    asyncio.run(_serve(options.upstream, options.host, options.port))


if __name__ == "__main__":
    main()
