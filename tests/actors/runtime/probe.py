"""An actor that does what its messages say, and a log that outlives its incarnations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from random import Random
from typing import Any

from okra.actors.runtime import Actor, ActorRef, Ask, Backoff, ChildSpec, Level, Policy, RootSupervisor, Snapshot

STEADY = Backoff(initial=1.0, factor=2.0, cap=300.0, jitter=0.0)
"""1, 2, 4, … seconds."""


class Boom(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Do:
    """Run this within `receive`."""

    act: Callable[[Probe], object]


@dataclass(frozen=True, slots=True)
class State(Level):
    """`value` is how `of` is now; it takes `seconds` to receive that."""

    of: str
    value: int
    seconds: float = 0.0

    @property
    def coalesce_key(self) -> str:
        return self.of


@dataclass(frozen=True, slots=True)
class Double(Ask[int]):
    number: int
    seconds: float = 0.0


@dataclass(slots=True)
class Log:
    received: list[object] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """What happened, in order: `NAME started`, `NAME stopping`, and what a test adds."""
    lives: list[Probe] = field(default_factory=list)
    on_start: Callable[[Probe], object] | None = None


class Probe(Actor[object]):
    def __init__(self, log: Log) -> None:
        self.log = log
        log.lives.append(self)

    async def started(self) -> None:
        await self._act(self.log.on_start)
        self.log.events.append(f"{self.ref.name} started")

    async def receive(self, message: object) -> None:
        match message:
            case Do(act):
                await self._act(act)
            case Double(number, seconds):
                await asyncio.sleep(seconds)
                self.reply(message, 2 * number)
            case State(seconds=seconds):
                await asyncio.sleep(seconds)
                self.log.received.append(message)
            case _:
                self.log.received.append(message)

    async def stopping(self) -> None:
        self.log.events.append(f"{self.ref.name} stopping")

    async def _act(self, act: Callable[[Probe], object] | None) -> None:
        result = act(self) if act is not None else None
        if isawaitable(result):
            await result


def fail(actor: Probe) -> None:
    raise Boom("as told")


def hold(actor: Probe) -> object:
    """Never returns."""
    return asyncio.get_running_loop().create_future()


def sleep(seconds: float) -> Do:
    return Do(lambda actor: asyncio.sleep(seconds))


def spec(log: Log, name: str = "a", **options: Any) -> ChildSpec[object]:
    return ChildSpec(name, lambda: Probe(log), **options)


@asynccontextmanager
async def root(policy: Policy | None = None, **options: Any) -> AsyncIterator[RootSupervisor]:
    policy = policy or Policy(backoff=STEADY)
    async with RootSupervisor("okra", policy, rng=Random(1), **options) as supervisor:
        yield supervisor


@asynccontextmanager
async def one(log: Log) -> AsyncIterator[ActorRef[object]]:
    """One running actor."""
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        await quiet()
        yield ref


async def quiet() -> None:
    """Until nothing more happens without time: the virtual clock moves only then."""
    await asyncio.sleep(0.001)


def now() -> float:
    """Seconds on the virtual clock, but for the milliseconds that `quiet` takes."""
    return round(asyncio.get_running_loop().time(), 1)


def seen(supervisor: RootSupervisor, path: str) -> Snapshot:
    return next(snapshot for snapshot in supervisor.snapshot().walk() if snapshot.path == path)
