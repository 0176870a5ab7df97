"""Tasks that an actor owns: work beside its mailbox that can't outlive it, and whose end is a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from okra.actors.runtime.mailbox import Mailbox, Signal

Done = Callable[[Any], object]
Failed = Callable[[Exception], object]


async def outlast(tasks: Collection[asyncio.Task[Any]], interrupt: Callable[[], object]) -> bool:
    """Wait until all tasks are done, however often the caller is cancelled; each time, `interrupt` is called.

    True if it was cancelled: the caller owes a CancelledError once it has cleaned up.
    """
    interrupted = False
    while tasks:
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            interrupted = True
            interrupt()
        else:
            break
    return interrupted


def failure_of(task: asyncio.Task[Any]) -> BaseException | None:
    """What a task that is done ended with."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


class _Outcome(Signal):
    """The end of a task, turned into a message when the actor comes to it."""

    __slots__ = ("done", "failed", "task")

    def __init__(self, task: asyncio.Task[Any], done: Done, failed: Failed | None) -> None:
        self.task = task
        self.done = done
        self.failed = failed

    def message_of(self) -> object:
        error = failure_of(self.task)
        if error is None:
            return self.done(self.task.result())
        if isinstance(error, Exception) and self.failed is not None:
            return self.failed(error)
        raise error


class OwnedTasks:
    """The tasks of one incarnation."""

    __slots__ = ("_closed", "_mailbox", "_owner", "_running")

    def __init__(self, mailbox: Mailbox, owner: str) -> None:
        self._mailbox = mailbox
        self._owner = owner
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def run(self, coro: Coroutine[Any, Any, Any], done: Done, failed: Failed | None) -> asyncio.Task[Any]:
        if self._closed:
            coro.close()
            raise RuntimeError(f"{self._owner} is ending: it can't begin a task")
        task = asyncio.create_task(coro, name=f"{self._owner} (task)")
        self._running.add(task)
        task.add_done_callback(lambda task: self._ended(task, done, failed))
        return task

    def _ended(self, task: asyncio.Task[Any], done: Done, failed: Failed | None) -> None:
        self._running.discard(task)
        if task.cancelled() and task.cancelling():
            return  # on purpose; without a request it was something that it awaited, and silence would strand the actor
        self._mailbox.post(_Outcome(task, done, failed))

    async def end(self) -> bool:
        """Cancel them and wait until they are gone. True if the caller was cancelled meanwhile."""
        self._closed = True
        self._cancel()
        return await outlast(tuple(self._running), self._cancel)

    def _cancel(self) -> None:
        for task in self._running:
            task.cancel()
