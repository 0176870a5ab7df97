"""The bounded queue in front of an actor: a deque and a future, because nothing more is needed on one event loop.

What may wait is bounded without blocking anybody: edge messages by `capacity` (more are refused), level messages by
their keys, the runtime's signals by what the actor armed itself (timers, tasks). So only edges are ever refused.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Hashable
from typing import Any

from okra.actors.runtime.errors import ActorStopped
from okra.actors.runtime.messages import Level


class Entry:
    """What queues as more than its message. A plain edge message queues as itself."""

    __slots__ = ()


class Request(Entry):
    """An ask and where its reply goes. It counts as an edge."""

    __slots__ = ("message", "reply")

    def __init__(self, message: object, reply: asyncio.Future[Any]) -> None:
        self.message = message
        self.reply = reply

    def fail(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


class Exempt(Entry):
    """What queues beside the capacity, and yields its message only when its turn has come."""

    __slots__ = ()

    @abstractmethod
    def message_of(self) -> object: ...


class _Newest(Exempt):
    """The place of a level message: it keeps its turn while its content is replaced."""

    __slots__ = ("key", "levels", "message")

    def __init__(self, levels: dict[Hashable, _Newest], key: Hashable, message: Level) -> None:
        self.levels = levels
        self.key = key
        self.message = message

    def message_of(self) -> object:
        del self.levels[self.key]
        return self.message


class Signal(Exempt):
    """Queued by the runtime: never refused, and gone with the incarnation that it belongs to.

    `message_of` is called within the actor's task: what it raises is the actor's failure, in its turn.
    """

    __slots__ = ()


class Mailbox:
    """One consumer, any number of tellers, all on one event loop. `queue` is the consumer's: it takes from the left."""

    __slots__ = (
        "_exempt", "_levels", "_limit", "_waiter", "capacity", "closed", "high_water", "queue", "received", "refused",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox needs a capacity of at least 1, not {capacity}")
        self.capacity = capacity
        self.closed = False
        self.high_water = 0
        """The most that ever waited."""
        self.received = 0
        """Messages that an actor has finished with."""
        self.refused = 0
        """Edges that found it full."""
        self.queue: deque[object] = deque()
        self._exempt = 0
        """How many entries of the queue don't count against the capacity."""
        self._limit = capacity
        """The length at which an edge is refused: one number for full and closed, since every tell looks at it."""
        self._levels: dict[Hashable, _Newest] = {}
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self.queue)

    def put(self, message: object) -> bool:
        """Queue a message or a Request. False when it was refused: closed, or an edge and full."""
        if isinstance(message, Level):
            return self._put_level(message)
        length = len(self.queue)
        if length >= self._limit:
            self.refused += not self.closed
            return False
        self.queue.append(message)
        if length >= self.high_water:
            self.high_water = length + 1
        if self._waiter is not None:
            self.wake()
        return True

    def _put_level(self, message: Level) -> bool:
        if self.closed:
            return False
        key = message.coalesce_key
        waiting = self._levels.get(key)
        if waiting is None:
            self._levels[key] = waiting = _Newest(self._levels, key, message)
            self._append(waiting)
        else:
            waiting.message = message
        return True

    def post(self, signal: Signal) -> None:
        """Queue a signal, whatever else waits."""
        self._append(signal)

    def _append(self, entry: Exempt) -> None:
        self.queue.append(entry)
        self._count(+1)
        self.high_water = max(self.high_water, len(self.queue))
        self.wake()

    def _count(self, more_exempt: int) -> None:
        self._exempt += more_exempt
        self._limit = self._exempt + (0 if self.closed else self.capacity)

    def opened(self, entry: Exempt) -> object:
        """The message of an entry that has just been taken."""
        self._count(-1)
        return entry.message_of()

    def withdraw(self, signal: Signal) -> None:
        """Take back a signal that still waits."""
        self.queue.remove(signal)
        self._count(-1)

    def arrival(self) -> asyncio.Future[None]:
        """Done at the next arrival, or at `wake`. For the consumer, when there is nothing to take."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """Refuse from now on. What waits may still be taken."""
        self.closed = True
        self._count(0)

    def reopen(self) -> None:
        self.closed = False
        self._count(0)

    def drop_signals(self) -> None:
        """An incarnation leaves its signals to nobody."""
        for signal in [entry for entry in self.queue if isinstance(entry, Signal)]:
            self.withdraw(signal)

    def discard(self, stopped: str) -> None:
        """Drop all that waits. The asks among it fail now, with `stopped` as their message, not at their deadlines."""
        entries, self.queue = self.queue, deque()
        self._levels.clear()
        self._count(-self._exempt)
        for entry in entries:
            if isinstance(entry, Request):
                entry.fail(ActorStopped(stopped))
