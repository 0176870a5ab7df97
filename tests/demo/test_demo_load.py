"""The users: what they count is what the clusters counted."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import web

from okra.demo.clusters import HOST, Cluster, serving
from okra.demo.load import WORKERS, Load


class Watched(Cluster):
    """Says when it has had so many requests."""

    def __init__(self, fail_every: int = 0) -> None:
        super().__init__("a", "1.0.0", fail_every)
        self._goal, self._reached = 0, asyncio.Event()

    async def until(self, requests: int) -> None:
        self._goal = requests
        self._reached.clear()
        async with asyncio.timeout(60):
            await self._reached.wait()

    async def answer(self, request: web.Request) -> web.Response:
        answer = await super().answer(request)
        if self.requests >= self._goal:
            self._reached.set()
        return answer


async def test_after_the_stop_every_request_is_counted_on_both_sides() -> None:
    cluster = Watched(fail_every=5)
    async with serving(cluster), aiohttp.ClientSession() as session:
        load = Load(session, f"http://{cluster.address}/", rate=2000)
        for goal in (50, 100):
            load.start()
            await cluster.until(goal)
            await load.stop()
            assert load.seen.served + load.seen.failed == cluster.requests >= goal
            assert load.seen.failed == cluster.errors == cluster.requests // 5


async def test_a_user_who_gets_no_answer_counts_as_failed() -> None:
    hung_up = asyncio.Semaphore(0)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        hung_up.release()

    server = await asyncio.start_server(hang_up, HOST, 0)
    async with server, aiohttp.ClientSession() as session:
        load = Load(session, f"http://{HOST}:{server.sockets[0].getsockname()[1]}/", rate=2000)
        load.start()
        for _ in range(2 * WORKERS):  # each worker has at most one answer that it hasn't counted yet
            await hung_up.acquire()
        await load.stop()
    assert load.seen.served == 0
    assert load.seen.failed >= WORKERS


async def test_the_users_ask_no_more_often_than_they_should() -> None:
    cluster, rate = Watched(), 100
    async with serving(cluster), aiohttp.ClientSession() as session:
        load = Load(session, f"http://{cluster.address}/", rate)
        began = asyncio.get_running_loop().time()
        load.start()
        await cluster.until(30)
        seconds = asyncio.get_running_loop().time() - began
        await load.stop()
    assert seconds >= (30 - WORKERS) / rate
