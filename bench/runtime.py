"""What the actor runtime costs over the bare asyncio primitives that one would use in its place."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
import tracemalloc
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import Row
from okra.actors.runtime import Actor, Ask, ChildSpec, RootSupervisor, Supervisor

ROUNDS = 9
MESSAGES = 200_000
BURST = 500
"""Messages that are put before the receiver gets a turn."""
ROUND_TRIPS = 20_000
ACTORS = 20_000


@dataclass(frozen=True, slots=True)
class Edge:
    number: int


@dataclass(frozen=True, slots=True)
class Question(Ask[int]):
    number: int


class Tally:
    """Counts what arrives, and gives the sender its turn after each burst. The same for all that are compared."""

    def __init__(self) -> None:
        self.count = 0
        self.turn = asyncio.Event()

    def arrived(self) -> None:
        self.count += 1
        if self.count % BURST == 0:
            self.turn.set()

    async def rate(self, send: Callable[[], object]) -> float:
        """Messages a second."""
        began = time.process_time()
        for _ in range(MESSAGES // BURST):
            self.turn.clear()
            for _ in range(BURST):
                send()
            await self.turn.wait()
        return MESSAGES / (time.process_time() - began)


class Counter(Actor[Edge]):
    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    async def receive(self, message: Edge) -> None:
        self.tally.arrived()


class Respondent(Actor[Question]):
    async def receive(self, message: Question) -> None:
        self.reply(message, message.number)


class Idle(Actor[Edge]):
    async def receive(self, message: Edge) -> None:
        pass


async def queue() -> float:
    """Messages a second through a bare asyncio.Queue."""
    box: asyncio.Queue[Edge] = asyncio.Queue(BURST)
    tally, message = Tally(), Edge(1)

    async def consume() -> None:
        while True:
            await box.get()
            tally.arrived()

    consumer = asyncio.create_task(consume())
    rate = await tally.rate(partial(box.put_nowait, message))
    consumer.cancel()
    return rate


async def tell() -> float:
    """Messages a second through a supervised actor."""
    tally, message = Tally(), Edge(1)
    async with RootSupervisor("bench") as root:
        ref = root.start_child(ChildSpec("counter", lambda: Counter(tally), capacity=BURST))
        return await tally.rate(partial(ref.tell, message))


async def round_trip() -> float:
    """Futures a second that one task awaits and another one resolves."""
    loop = asyncio.get_running_loop()
    asked: deque[asyncio.Future[int]] = deque()
    arrival: asyncio.Future[None] = loop.create_future()

    async def answer() -> None:
        nonlocal arrival
        while True:
            await arrival
            arrival = loop.create_future()
            asked.popleft().set_result(1)

    answerer = asyncio.create_task(answer())
    began = time.process_time()
    for _ in range(ROUND_TRIPS):
        future: asyncio.Future[int] = loop.create_future()
        asked.append(future)
        arrival.set_result(None)
        await future
    rate = ROUND_TRIPS / (time.process_time() - began)
    answerer.cancel()
    return rate


async def ask() -> float:
    """Asks a second, one after the other."""
    question = Question(1)
    async with RootSupervisor("bench") as root:
        ref = root.start_child(ChildSpec("respondent", Respondent))
        began = time.process_time()
        for _ in range(ROUND_TRIPS):
            await ref.ask(question, timeout=5)
        return ROUND_TRIPS / (time.process_time() - began)


async def idle() -> list[Row]:
    """A crowd of supervised actors: bytes each, as allocated and as the process grew, and the time to start one."""
    actors = Supervisor()
    async with RootSupervisor("bench") as root:
        root.start_child(actors.as_child("actors"))
        began = time.process_time()
        resident = await _start(actors, "resident", _resident)
        seconds = time.process_time() - began
        tracemalloc.start()
        allocated = await _start(actors, "allocated", lambda: tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    return [
        Row("idle supervised actor, allocated", allocated, "bytes", 4096, allocated <= 4096),
        Row("idle supervised actor, resident", resident, "bytes", 4096, resident <= 4096),
        Row("start of a supervised actor", seconds / ACTORS * 1e6, "µs"),
    ]


async def _start(actors: Supervisor, prefix: str, memory: Callable[[], int]) -> float:
    """Start a crowd, and say how many bytes each took."""
    gc.collect()
    before = memory()
    for number in range(ACTORS):
        actors.start_child(ChildSpec(f"{prefix}-{number}", Idle))
    await asyncio.sleep(0.1)
    gc.collect()
    return (memory() - before) / ACTORS


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def run() -> list[Row]:
    rows = await idle()
    rates: dict[Callable[[], Awaitable[float]], list[float]] = {queue: [], tell: [], round_trip: [], ask: []}
    for _ in range(ROUNDS):
        for measure, found in rates.items():
            gc.collect()
            gc.disable()
            found.append(await measure())
            gc.enable()
    tells = [ours / bare for ours, bare in zip(rates[tell], rates[queue], strict=True)]
    asks = [ours / bare for ours, bare in zip(rates[ask], rates[round_trip], strict=True)]
    return [
        Row("tell : asyncio.Queue, median round", median(tells), "x", 1.0, median(tells) >= 1.0),
        Row("tell : asyncio.Queue, worst round", min(tells), "x"),
        Row("ask : future round trip, median round", median(asks), "x", 0.5, median(asks) >= 0.5),
        Row("ask : future round trip, worst round", min(asks), "x"),
        Row("tell", median(rates[tell]), "messages/s"),
        Row("ask", median(rates[ask]), "asks/s"),
        *rows,
    ]
