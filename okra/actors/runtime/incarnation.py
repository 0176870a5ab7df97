"""One life of an actor, from its factory to its last clean-up, as one task. What belongs to it dies with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from okra.actors.runtime.errors import NotAnswered
from okra.actors.runtime.mailbox import Entry, Exempt, Request
from okra.actors.runtime.messages import Ask
from okra.actors.runtime.tasks import OwnedTasks
from okra.actors.runtime.timers import Timers

if TYPE_CHECKING:
    from okra.actors.runtime.actor import Actor
    from okra.actors.runtime.child import Child
    from okra.actors.runtime.ref import ActorRef
    from okra.actors.runtime.supervisor import Supervisor

FAIR_SHARE: Final = 64
"""Messages that an actor may receive before everybody else on the event loop gets a turn."""

EXPIRED: Final = object()
"""In place of an ask whose asker has given up."""

logger = logging.getLogger(__name__)


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """`loop.time`, or where that is asyncio's own the clock behind it: it is read for every message."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


class Incarnation:
    """Made by `Child.begin`, which runs `run` as a task; the actor's methods lead here."""

    __slots__ = (
        "_actor", "_child", "_exiting", "_fault", "_interrupted", "_loop", "_request", "_tasks", "_timers",
        "message", "since", "started_at", "supervisor",
    )  # fmt: skip

    def __init__(self, child: Child) -> None:
        self._child = child
        self._loop = asyncio.get_running_loop()
        self._actor: Actor[Any] | None = None
        self._interrupted = False
        """Look at the next two, and at the mailbox, before the next message."""
        self._exiting = False
        self._fault: Exception | None = None
        self._request: Request | None = None
        """The ask that is being received, until it has been answered."""
        self._tasks: OwnedTasks | None = None
        self._timers: Timers[Any] | None = None
        self.message: object = None
        """What is being received."""
        self.since = 0.0
        self.started_at: float | None = None
        self.supervisor: Supervisor | None = None

    async def run(self) -> None:
        """Ends as the actor did: normally, with its exception, or cancelled; by then nothing of it is left."""
        try:
            await self._live()
        except (KeyboardInterrupt, SystemExit):
            raise  # The process is going down: the event loop's owner cancels all tasks, and waits for them.
        except BaseException:
            await self._end()
            raise
        else:
            await self._end()

    async def _live(self) -> None:
        actor = self._actor = self._child.spec.factory()
        actor._life = self
        self._child.actor = type(actor).__name__
        await actor.started()
        self.started_at = self._loop.time()
        self._child.started()
        await self._receive(actor)

    async def _receive(self, actor: Actor[Any]) -> None:
        mailbox = self._child.mailbox
        queue = mailbox.queue
        now = clock_of(self._loop)
        while True:
            for _ in range(FAIR_SHARE):
                if self._interrupted and self._leaves():
                    return
                if not queue:
                    break
                message = queue.popleft()
                self.since = now()
                if isinstance(message, Entry):
                    message = self._open(message)
                    if message is EXPIRED:
                        continue
                self.message = message
                await actor.receive(message)
                if self._request is not None:
                    self._leave_unanswered()
                mailbox.received += 1
            self.message = message = None  # an idle actor keeps nothing alive
            await (asyncio.sleep(0) if queue else mailbox.arrival())

    def _open(self, entry: Entry) -> object:
        if isinstance(entry, Exempt):
            return self._child.mailbox.opened(entry)
        if isinstance(entry, Request) and not entry.reply.done():
            self._request = entry
            return entry.message
        return EXPIRED

    def _leave_unanswered(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.fail(NotAnswered(f"{self._child.path} gave no reply to {type(request.message).__name__}"))

    def _leaves(self) -> bool:
        if self._fault is not None:
            raise self._fault
        mailbox = self._child.mailbox
        draining = self._child.spec.drain and mailbox.closed and len(mailbox) > 0
        return self._exiting or not draining

    async def _end(self) -> None:
        """Never raises: being cancelled only hurries it, and how the actor ended is known already."""
        self._child.ending()
        self._leave_unanswered()
        if self.supervisor is not None:
            await self.supervisor.halt()
        await self._owned_tasks().end()
        if self._actor is not None and self.started_at is not None:
            try:
                await self._actor.stopping()
            except (Exception, asyncio.CancelledError):
                logger.exception("%s failed in stopping()", self._child.path)
        self.timers.close()
        self._child.mailbox.drop_signals()

    def halt(self) -> None:
        """Leave after the current message; if it drains and its mailbox is closed, after the last."""
        self._interrupted = True
        self._child.mailbox.wake()

    # What the actor asks for.

    def exit(self) -> None:
        self._exiting = True
        self.halt()

    def fail(self, fault: Exception) -> None:
        """Fail after the current message, as if it had raised this."""
        self._fault = fault
        self.halt()

    @property
    def ref(self) -> ActorRef[Any]:
        return self._child.ref

    @property
    def timers(self) -> Timers[Any]:
        if self._timers is None:
            self._timers = Timers(self._child.mailbox)
        return self._timers

    def monotonic(self) -> float:
        return self._loop.time()

    def _owned_tasks(self) -> OwnedTasks:
        if self._tasks is None:
            self._tasks = OwnedTasks(self._child.mailbox, self._child.path)
        return self._tasks

    def run_task(
        self,
        coro: Coroutine[Any, Any, Any],
        done: Callable[[Any], object],
        failed: Callable[[Exception], object] | None,
    ) -> asyncio.Task[Any]:
        return self._owned_tasks().run(coro, done, failed)

    def reply(self, ask: Ask[Any], value: object) -> None:
        request, self._request = self._request, None
        if request is None or request.message is not ask:
            raise RuntimeError("reply() answers, once, the ask that is being received")
        if not request.reply.done():
            request.reply.set_result(value)

    def own(self, supervisor: Supervisor) -> Supervisor:
        if self.supervisor is not None:
            raise RuntimeError(f"{self._child.path} has a supervisor already")
        self.supervisor = supervisor
        supervisor.open(self._child.path, self.fail)
        return supervisor
