"""One entry of a supervisor: what it was told to keep running, and the incarnation that does, if any does now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from okra.actors.runtime.incarnation import Incarnation
from okra.actors.runtime.mailbox import Mailbox
from okra.actors.runtime.policy import ChildKind, Record
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.snapshot import Snapshot, State, describe
from okra.actors.runtime.tasks import failure_of

if TYPE_CHECKING:
    from okra.actors.runtime.actor import Actor
    from okra.actors.runtime.supervisor import Supervisor

M = TypeVar("M")

logger = logging.getLogger(__name__)

RECANCEL: Final = 1.0
"""Seconds that an actor gets for each further step of its clean-up once it is past its `stop_timeout`."""


@dataclass(frozen=True, slots=True)
class ChildSpec(Generic[M]):
    name: str
    """Unique among the children of one supervisor."""
    factory: Callable[[], Actor[M]]
    """Makes the actor anew for every start."""
    kind: ChildKind = ChildKind.PERMANENT
    capacity: int = 1000
    """Edge messages that may wait."""
    drain: bool = False
    """On a stop, receive what waits first. Without it only the current message is finished."""
    stop_timeout: float = 5.0
    """Seconds until a stop turns into a cancellation, children and clean-up included."""


class _Goal(Enum):
    RUN = auto()
    PAUSE = auto()
    """Stop, to be started again together with others."""
    STOP = auto()


class Child:
    """Its `ref` and its mailbox outlive the incarnations: who holds the ref needn't know of a restart."""

    __slots__ = (
        "_goal", "_handle", "actor", "last_error", "life", "mailbox", "record", "ref", "spec", "starts", "state",
        "supervisor", "task",
    )  # fmt: skip

    def __init__(self, spec: ChildSpec[Any], supervisor: Supervisor) -> None:
        self.spec = spec
        self.supervisor = supervisor
        self.mailbox = Mailbox(spec.capacity)
        self.ref: ActorRef[Any] = ActorRef(self, self.mailbox)
        self.record = Record()
        self.starts = 0
        self.state = State.STOPPED
        self.actor = ""
        self.last_error: str | None = None
        self.life: Incarnation | None = None
        self.task: asyncio.Task[None] | None = None
        self._goal = _Goal.RUN
        self._handle: asyncio.TimerHandle | None = None
        """Of the next start, or of the next cancellation: there is never both."""

    @property
    def path(self) -> str:
        return f"{self.supervisor.path}/{self.spec.name}"

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    def dismiss(self) -> None:
        self.supervisor.dismiss(self)

    def begin(self) -> None:
        """Start an incarnation: if the supervisor runs, and when the name is free.

        It gets an empty context, so that nothing leaks in from who happened to start it.
        """
        self._disarm()
        if not self.supervisor.is_open:
            return
        self.state = State.STARTING
        if not self.supervisor.is_free(self.spec.name):
            return  # `Supervisor.left` comes back to it
        self._goal = _Goal.RUN
        self.starts += 1
        self.mailbox.reopen()
        self.life = Incarnation(self)
        self.task = asyncio.create_task(self.life.run(), name=self.path, context=Context())
        self.task.add_done_callback(self._ended)

    def begin_in(self, delay: float) -> None:
        self._arm(delay, self.begin)

    def stop(self) -> None:
        """For good. Past its `stop_timeout` it is cancelled."""
        self._goal = _Goal.STOP
        self.mailbox.close()
        if self.life is None:
            self.close()
        else:
            self._halt(self.life)

    def pause(self) -> None:
        """Until `begin`; what waits in its mailbox stays there."""
        self._goal = _Goal.PAUSE
        if self.life is None:
            self._disarm()
            self.state = State.BACKOFF
        else:
            self._halt(self.life)

    def _halt(self, life: Incarnation) -> None:
        self.ending()
        life.halt()

    def kill(self) -> None:
        """Stop for good by cancelling."""
        self.stop()
        self._cancel()

    def started(self) -> None:
        if self.state is State.STARTING:
            self.state = State.RUNNING

    def ending(self) -> None:
        """It is on its way out, and from the first time that this is called it has its `stop_timeout` for that."""
        if self.state is not State.STOPPING:
            self.state = State.STOPPING
            self._arm(self.spec.stop_timeout, self._cancel)

    def _cancel(self) -> None:
        """Again and again until it has ended: each time it may be stuck in another step of its clean-up."""
        if self.task is not None:
            self.task.cancel()
            self._arm(RECANCEL, self._cancel)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._disarm()
        error = failure_of(task)
        started_at = self.life.started_at if self.life else None
        uptime = 0.0 if started_at is None else asyncio.get_running_loop().time() - started_at
        self.life = self.task = None
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._goal = _Goal.STOP  # Nothing is started again in a process that goes down.
        if error is not None and (self._goal is _Goal.RUN or isinstance(error, Exception)):
            self.last_error = describe(error)
            if self._goal is not _Goal.RUN:
                logger.error("%s failed while it was being stopped (%s)", self.path, self.last_error, exc_info=error)
        if self._goal is _Goal.RUN:
            self.supervisor.exited(self, error, uptime)
        elif self._goal is _Goal.PAUSE:
            self.state = State.BACKOFF
        else:
            self.close()
            self.supervisor.left(self)

    def close(self) -> None:
        """It has ended for good, unless its supervisor opens again: what still waits is dropped, its ref refuses."""
        self._disarm()
        self.state = State.STOPPED
        self.mailbox.close()
        self.mailbox.discard(f"{self.path} has stopped")

    def _arm(self, delay: float, callback: Callable[[], None]) -> None:
        self._disarm()
        self._handle = asyncio.get_running_loop().call_later(delay, callback)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def snapshot(self, now: float) -> Snapshot:
        life = self.life
        message = life.message if life else None
        supervisor = life.supervisor if life else None
        return Snapshot(
            name=self.spec.name,
            path=self.path,
            actor=self.actor,
            kind=self.spec.kind,
            state=self.state,
            waiting=len(self.mailbox),
            capacity=self.mailbox.capacity,
            high_water=self.mailbox.high_water,
            refused=self.mailbox.refused,
            received=self.mailbox.received,
            restarts=self.restarts,
            last_error=self.last_error,
            uptime=now - life.started_at if life and life.started_at is not None else None,
            receiving=type(message).__name__ if message is not None else None,
            receiving_for=now - life.since if life and message is not None else 0.0,
            children=supervisor.snapshots() if supervisor else (),
        )
