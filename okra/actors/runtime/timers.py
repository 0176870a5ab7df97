"""Timers are messages: an actor never sleeps, it arms a key and receives a message when the time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from okra.actors.runtime.mailbox import Mailbox, Signal

M = TypeVar("M")


class _Timer(Signal):
    """One armed key. It queues itself when it fires; while it waits to be received it doesn't queue again."""

    __slots__ = ("handle", "interval", "key", "message", "queued", "timers")

    def __init__(
        self, timers: Timers[Any], key: Hashable, delay: float, message: object, interval: float | None
    ) -> None:
        self.timers = timers
        self.key = key
        self.message = message
        self.interval = interval
        self.queued = False
        self.handle = self._in(delay)

    def _in(self, delay: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        if self.interval is not None:
            self.handle = self._in(self.interval)
        if not self.queued:
            self.queued = True
            self.timers.mailbox.post(self)

    def disarm(self) -> None:
        self.handle.cancel()
        if self.queued:
            self.timers.mailbox.withdraw(self)

    def message_of(self) -> object:
        self.queued = False
        if self.interval is None:
            self.timers.spent(self.key)
        return self.message


class Timers(Generic[M]):
    """The timers of one incarnation, by key. All end with it; a next one starts with none."""

    __slots__ = ("_armed", "_closed", "mailbox")

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._closed = False
        self._armed: dict[Hashable, _Timer] = {}

    def after(self, key: Hashable, delay: float, message: M) -> None:
        """Receive `message` once, `delay` seconds from now. A timer with this key is replaced."""
        self._arm(key, delay, message, None)

    def every(self, key: Hashable, interval: float, message: M) -> None:
        """Receive `message` `interval` seconds from now, and again each time so much later.

        One that the actor hasn't come to yet stands for all that fired meanwhile. A timer with this key is replaced.
        """
        if interval <= 0:
            raise ValueError(f"a timer can't fire every {interval:g} s")
        self._arm(key, interval, message, interval)

    def _arm(self, key: Hashable, delay: float, message: M, interval: float | None) -> None:
        if self._closed:
            raise RuntimeError("the incarnation that these timers belong to has ended")
        self.cancel(key)
        self._armed[key] = _Timer(self, key, delay, message, interval)

    def cancel(self, key: Hashable) -> bool:
        """Its message is not received any more, not even if it has fired and waits. False: no such key."""
        timer = self._armed.pop(key, None)
        if timer is None:
            return False
        timer.disarm()
        return True

    def spent(self, key: Hashable) -> None:
        del self._armed[key]

    def close(self) -> None:
        self._closed = True
        for key in tuple(self._armed):
            self.cancel(key)
