"""The threads that SQLite runs in: the event loop hands jobs over and never waits for a disk.

A `Worker` is one thread with one connection. Jobs that queue up while it commits share the next transaction, so a
burst of status writes costs one commit, not one each. `Inline` runs the same jobs in the loop's own thread, for a
store in memory: there is no disk to wait for, and a virtual clock can't run ahead of a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from okra.embedded.session import Commit, Job, Session
from okra.embedded.transaction import Transaction
from okra.errors import OkraError, Unavailable

T = TypeVar("T")

BATCH = 128
"""Jobs a commit, at most: the first shouldn't wait long for the last."""

Open = Callable[[], Session]
Changed = Callable[[Commit | None], None]
"""Called in the loop's thread after a commit; None: of another process, so nobody knows what changed."""


class Executor(Protocol):
    """Runs jobs in order. A cancelled caller's job either happens wholly or not at all."""

    async def start(self) -> None: ...
    async def run(self, call: Callable[[Transaction], T]) -> T: ...
    async def close(self) -> None: ...


class Inline:
    def __init__(self, open_session: Open, changed: Changed) -> None:
        self._open = open_session
        self._changed = changed
        self._session: Session | None = None

    async def start(self) -> None:
        self._session = self._open()

    async def run(self, call: Callable[[Transaction], T]) -> T:
        if self._session is None:
            raise Unavailable("the store is closed")
        job = Job(call)
        if (commit := self._session.run([job])) is not None:
            self._changed(commit)
        await asyncio.sleep(0)  # others get a turn here, as they would while a thread works
        return job.outcome()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


class Worker:
    """`poll`: seconds between two looks for commits of other processes; None: never."""

    def __init__(self, open_session: Open, changed: Changed, *, name: str, poll: float | None = None) -> None:
        self._open = open_session
        self._changed = changed
        self._poll = poll
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[OkraError | None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pending: set[asyncio.Future[Any]] = set()
        self._queue: queue.SimpleQueue[tuple[Job[Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._closing = False

    async def start(self) -> None:
        self._thread.start()
        if (error := await asyncio.shield(self._started)) is not None:
            raise error

    async def run(self, call: Callable[[Transaction], T]) -> T:
        if self._closing or self._ended.done():
            raise Unavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._pending.add(future)
        self._queue.put((Job(call), future))
        try:
            return await future
        finally:
            self._pending.discard(future)

    async def close(self) -> None:
        """Finish what was asked for, then close the connection and end the thread."""
        if self._thread.ident is None:  # never started
            return
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._ended)
        await asyncio.to_thread(self._thread.join)

    # In the worker's thread:

    def _main(self) -> None:
        try:
            session = self._open()
            with contextlib.closing(session):
                self._tell(self._started.set_result, None)
                self._serve(session)
        except OkraError as error:  # from opening: a job's errors go to its caller
            self._tell(self._started.set_result, error)
        finally:
            self._tell(self._end)

    def _serve(self, session: Session) -> None:
        looked = time.monotonic()
        open_ = True
        while open_:
            waiting, open_ = self._take()
            if waiting:
                commit = session.run([job for job, _ in waiting])
                self._tell(self._settle, waiting, commit)
            if self._poll is not None and time.monotonic() - looked >= self._poll:
                looked = time.monotonic()
                if session.changed_elsewhere():
                    self._tell(self._changed, None)

    def _take(self) -> tuple[list[tuple[Job[Any], asyncio.Future[Any]]], bool]:
        """What waits, of callers that still do; and whether more may come. Waits for one, at most until the poll."""
        waiting = []
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=self._poll)
            while item is not None:
                if not item[1].cancelled():
                    waiting.append(item)
                if len(waiting) == BATCH:
                    return waiting, True
                item = self._queue.get_nowait()
            return waiting, False
        return waiting, True

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    # In the loop's thread:

    def _settle(self, done: list[tuple[Job[Any], asyncio.Future[Any]]], commit: Commit | None) -> None:
        for job, future in done:
            if future.done():  # the caller was cancelled
                continue
            if job.error is not None:
                future.set_exception(job.error)
            else:
                future.set_result(job.outcome())
        if commit is not None:
            self._changed(commit)

    def _end(self) -> None:
        """No job is left without an answer, even if the thread ended by a fault of ours."""
        if not self._started.done():
            self._started.set_result(Unavailable("the store could not be opened"))
        for future in self._pending:
            if not future.done():
                future.set_exception(Unavailable("the store's thread has ended: see its traceback in the log"))
        self._ended.set_result(None)
