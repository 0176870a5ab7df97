"""Concurrent reads of one thing as one call, without ever handing out a read that began before it was asked for.

Ten thousand Cells look at the same listeners. What they ask for while a read is under way waits for the next one,
which answers them all: at most one read of a key is in the air and one is queued, however many ask. To join the read
that is already in the air would be cheaper, and wrong: only a read begun after its acknowledgement confirms a write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from okra.errors import Invalid, NotFound, OkraError, Unavailable
from okra.ports import Account

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")


@dataclass(slots=True)
class _Flight(Generic[Item, Value]):
    """One read: queued, in the air, done. `items` grow until it takes off."""

    task: asyncio.Task[Mapping[Item, Value | OkraError]]
    items: dict[Item, None] = field(default_factory=dict)
    passengers: int = 0


class Batches(Generic[Key, Item, Value]):
    """`read(key, items)` answers each item with a value or with its error; `get` joins what is asked for meanwhile."""

    def __init__(self, read: Callable[[Key, Sequence[Item]], Awaitable[Mapping[Item, Value | OkraError]]]) -> None:
        self._read = read
        self._queued: dict[Key, _Flight[Item, Value]] = {}
        self._flying: dict[Key, _Flight[Item, Value]] = {}

    async def get(self, key: Key, items: Collection[Item]) -> dict[Item, Value | OkraError]:
        """The value or error of each item, from one read that begins after this call."""
        flight = self._queued.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(self._fly(key), name="okra-aws-read"))
            self._queued[key] = flight
        flight.items.update(dict.fromkeys(items))
        flight.passengers += 1
        try:
            answers = await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return dict.fromkeys(items, Unavailable("Okra is closing its AWS connections"))
        finally:
            flight.passengers -= 1
            if not flight.passengers and not flight.task.done():
                self._abandon(key, flight)
        return {item: answers[item] for item in items}

    async def close(self) -> None:
        """Cancel what is under way; who waits for it gets Unavailable."""
        tasks = [flight.task for flight in (*self._queued.values(), *self._flying.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fly(self, key: Key) -> Mapping[Item, Value | OkraError]:
        before = self._flying.get(key)
        if before is not None:
            await asyncio.wait([before.task])
        flight = self._queued.pop(key)
        self._flying[key] = flight
        try:
            return await self._read(key, list(flight.items))
        finally:
            del self._flying[key]

    def _abandon(self, key: Key, flight: _Flight[Item, Value]) -> None:
        flight.task.cancel()
        if self._queued.get(key) is flight:
            del self._queued[key]


class ByArn(Generic[Value]):
    """Reads things by ARN, at most `size` a call.

    One ARN that AWS doesn't know fails the whole call. Such an ARN is read by itself from then on, so that one Cell's
    mistake costs the others nothing.
    """

    def __init__(self, size: int, call: Callable[[Account, list[str]], Awaitable[Mapping[str, Value]]]) -> None:
        self._size = size
        self._call = call
        self._apart: set[str] = set()

    async def read(self, account: Account, arns: Sequence[str]) -> dict[str, Value | OkraError]:
        """The value of each ARN, or its own error."""
        results: dict[str, Value | OkraError] = {}
        alone = [arn for arn in arns if arn in self._apart]
        together = [arn for arn in arns if arn not in self._apart]
        for start in range(0, len(together), self._size):
            chunk = together[start : start + self._size]
            answers = await self._try(account, chunk)
            if len(chunk) > 1 and any(isinstance(answer, NotFound | Invalid) for answer in answers.values()):
                alone += chunk
            else:
                results |= answers
        for arn in alone:
            results |= await self._try(account, [arn])
        for arn, result in results.items():
            (self._apart.add if isinstance(result, NotFound | Invalid) else self._apart.discard)(arn)
        return results

    async def _try(self, account: Account, arns: list[str]) -> dict[str, Value | OkraError]:
        try:
            found = await self._call(account, arns)
        except OkraError as error:
            return dict.fromkeys(arns, error)
        missing = NotFound("AWS did not answer for it: it was deleted just now, or the ARN is wrong", reason="NotFound")
        return {arn: found.get(arn, missing) for arn in arns}
