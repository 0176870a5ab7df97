"""Watches against a server that misbehaves: what ends a connection is not the end of a watch."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from okra.errors import AccessDenied, Expired, Invalid, KindNotInstalled
from okra.kube.client import Timeouts
from okra.kube.listing import PAGE
from okra.kube.store import KubeStore
from okra.kube.watch import Patience
from okra.ports import Kind, WatchEvent
from okra.testing.wire import cut
from tests.kube.api_server import ApiServer, Handler, failure, status

KIND = Kind("g", "v1", "Widget", "widgets")
QUICK = Patience(first=0.01, longest=0.05, lasting=60.0, chance=random.Random(1))


def event(type_: str, version: int, **metadata: Any) -> dict[str, Any]:
    metadata = {"name": f"w{version}", "resourceVersion": str(version), **metadata}
    return {"type": type_, "object": {"kind": "Widget", "metadata": metadata}}


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


async def begin(request: web.Request, *chunks: bytes) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for chunk in chunks:
        await response.write(chunk)
    return response


async def some(watch: AsyncIterator[WatchEvent], count: int) -> list[WatchEvent]:
    async with asyncio.timeout(60):
        return [await anext(watch) for _ in range(count)]


def versions(events: list[WatchEvent]) -> list[str]:
    return [each.object["metadata"]["resourceVersion"] for each in events]


async def test_a_connection_that_ends_is_followed_by_one_from_the_last_event() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        return await begin(request, lines(event("ADDED", version + 1), event("BOOKMARK", version + 10)))

    async with ApiServer(handler) as server, server.client() as client:
        events = await some(KubeStore(client, patience=QUICK).watch(KIND, "5", "ns", "a=b"), 5)
        assert versions(events) == ["6", "15", "16", "25", "26"]
        assert [each.type for each in events] == ["ADDED", "BOOKMARK", "ADDED", "BOOKMARK", "ADDED"]
        query = dict(server.requests[0].query)
        assert query.pop("timeoutSeconds")
        assert query == {"watch": "true", "resourceVersion": "5", "allowWatchBookmarks": "true", "labelSelector": "a=b"}
        assert server.requests[0].path == "/apis/g/v1/namespaces/ns/widgets"


async def broken(request: web.Request) -> web.StreamResponse:
    """The connection is cut in the middle of an event."""
    version = int(request.query["resourceVersion"])
    await begin(request, lines(event("ADDED", version + 1)) + b'{"type": "ADDED", "obj')
    await asyncio.sleep(0)
    return cut(request)


async def garbage(request: web.Request) -> web.StreamResponse:
    version = int(request.query["resourceVersion"])
    return await begin(request, lines(event("ADDED", version + 1)) + b"<html>\n")


async def strange(request: web.Request) -> web.StreamResponse:
    version = int(request.query["resourceVersion"])
    return await begin(request, lines(event("ADDED", version + 1), event("RENAMED", version + 2)))


async def overloaded(request: web.Request) -> web.StreamResponse:
    version = int(request.query["resourceVersion"])
    return await begin(request, lines(event("ADDED", version + 1), {"type": "ERROR", "object": status(429)}))


def every_other(fault: int) -> Handler:
    calls = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls % 2:
            return failure(fault)
        return await begin(request, lines(event("ADDED", int(request.query["resourceVersion"]) + 1)))

    return handler


@pytest.mark.parametrize(
    "handler",
    [broken, garbage, strange, overloaded, every_other(429), every_other(500), every_other(503), every_other(504)],
)
async def test_trouble_is_waited_out_and_no_event_is_lost_or_repeated(handler: Handler) -> None:
    async with ApiServer(handler) as server, server.client() as client:
        assert versions(await some(KubeStore(client, patience=QUICK).watch(KIND, "5"), 4)) == ["6", "7", "8", "9"]


async def test_a_server_that_closes_at_once_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five quick ends: 0.5, 1, 2 and 4 seconds, up to half of each left out by chance."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async with ApiServer(begin) as server, server.client() as client:
        watch = KubeStore(client, patience=Patience(chance=random.Random(1))).watch(KIND, "5")
        monkeypatch.setattr("okra.kube.watch.asyncio.sleep", note)
        task = asyncio.ensure_future(anext(watch))
        await server.until(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    pauses = [seconds for seconds in slept if seconds][:4]
    for pause, longest in zip(pauses, (0.5, 1.0, 2.0, 4.0), strict=True):
        assert longest / 2 <= pause <= longest


def test_pauses_grow_to_a_cap() -> None:
    patience = Patience()
    assert all(15.0 <= patience.pause(failures) <= 30.0 for failures in (7, 100, 10_000))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: failure(410, "Expired"), Expired),
        (lambda: failure(400, "BadRequest", "invalid resourceVersion"), Invalid),
        (lambda: failure(403, "Forbidden", 'User "x" cannot watch resource "widgets"'), AccessDenied),
        (lambda: failure(404), KindNotInstalled),
    ],
)
async def test_what_waiting_does_not_mend_is_raised(answer: Callable[[], web.Response], error: type[Exception]) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return answer()

    async with ApiServer(handler) as server, server.client() as client:
        with pytest.raises(error):
            await some(KubeStore(client, patience=QUICK).watch(KIND, "5"), 1)
        assert len(server.requests) == 1


async def test_a_watch_that_expires_on_its_way_is_expired() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await begin(request, lines(event("ADDED", 6), {"type": "ERROR", "object": status(410, "Expired")}))

    async with ApiServer(handler) as server, server.client() as client:
        watch = KubeStore(client, patience=QUICK).watch(KIND, "5")
        assert versions(await some(watch, 1)) == ["6"]
        with pytest.raises(Expired):
            await some(watch, 1)


async def test_a_server_that_froze_is_left_after_the_slack() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        await begin(request, lines(event("ADDED", version + 1)))
        await asyncio.Event().wait()
        raise AssertionError

    quick = Patience(span=0.2, slack=0.1, first=0.01, chance=random.Random(1))
    async with ApiServer(handler) as server, server.client(timeouts=Timeouts(read=60)) as client:
        assert versions(await some(KubeStore(client, patience=quick).watch(KIND, "5"), 3)) == ["6", "7", "8"]


async def test_an_event_of_a_megabyte_and_one_in_pieces_arrive_whole() -> None:
    big = lines(event("ADDED", 6, annotations={"note": "x" * 1_500_000}))

    async def handler(request: web.Request) -> web.StreamResponse:
        pieces = lines(event("MODIFIED", 7, managedFields=[{"manager": "kubectl"}]))
        return await begin(request, big, b"\n", pieces[:10], pieces[10:30], pieces[30:])

    async with ApiServer(handler) as server, server.client() as client:
        one, two = await some(KubeStore(client, patience=QUICK).watch(KIND, "5"), 2)
        assert len(one.object["metadata"]["annotations"]["note"]) == 1_500_000
        assert two.object["metadata"] == {"name": "w7", "resourceVersion": "7"}


async def test_an_abandoned_watch_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            await begin(request, lines(event("ADDED", 6)))
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with ApiServer(handler) as server, server.client() as client:
        async for _ in KubeStore(client, patience=QUICK).watch(KIND, "5"):
            break
        async with asyncio.timeout(60):
            await gone.wait()


async def test_a_list_is_made_of_pages_and_begins_anew_when_they_expire() -> None:
    expired = False

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal expired
        token = request.query.get("continue", "")
        if token == "2" and not expired:
            expired = True
            return failure(410, "Expired")
        page = int(token or 1)
        following = {"continue": str(page + 1)} if page < 3 else {}
        items = [{"metadata": {"name": f"w{page}", "managedFields": []}}]
        return web.json_response({"metadata": {"resourceVersion": "9", **following}, "items": items})

    async with ApiServer(handler) as server, server.client() as client:
        listing = await KubeStore(client).list(KIND, selector="a=b")
    assert [item["metadata"] for item in listing.items] == [{"name": "w1"}, {"name": "w2"}, {"name": "w3"}]
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("g/v1", "Widget")}
    assert listing.resource_version == "9"
    queries = [dict(request.query) for request in server.requests]
    assert [query.get("continue", "") for query in queries] == ["", "2", "", "2", "3"]
    assert all(query["limit"] == str(PAGE) and query["labelSelector"] == "a=b" for query in queries)


async def test_a_list_that_always_expires_is_expired() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return failure(410, "Expired")

    async with ApiServer(handler) as server, server.client() as client:
        with pytest.raises(Expired):
            await KubeStore(client).list(KIND)
        assert len(server.requests) == 3


async def test_a_list_of_null_is_empty() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"resourceVersion": "3"}, "items": None})

    async with ApiServer(handler) as server, server.client() as client:
        assert (await KubeStore(client).list(KIND)).items == []
