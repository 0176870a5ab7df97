"""What an actor is written as: three hooks, and what it may ask of the runtime while it lives.

An instance is one incarnation: it is made anew for each start, so it needs no code to reset itself, and reads the world
again in `started`. Nothing of the runtime is available before `started`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from okra.actors.runtime.messages import Ask

if TYPE_CHECKING:
    import asyncio

    from okra.actors.runtime.incarnation import Incarnation
    from okra.actors.runtime.ref import ActorRef
    from okra.actors.runtime.supervisor import Supervisor
    from okra.actors.runtime.timers import Timers

M = TypeVar("M")
R = TypeVar("R")
T = TypeVar("T")


class Actor(ABC, Generic[M]):
    """M is the union of all messages that it receives, its timers' and tasks' included."""

    _life: Incarnation

    async def started(self) -> None:
        """Before the first message. Failing here is failing."""

    @abstractmethod
    async def receive(self, message: M) -> None:
        """Handle one message; the next one waits until this returns. Raising ends this incarnation."""

    async def stopping(self) -> None:
        """After the last message, if `started` had returned: on a stop, a failure, a cancellation.

        Its children and tasks are gone by now: release what they used. Its failure is logged and changes nothing.
        """

    @property
    def ref(self) -> ActorRef[M]:
        """Itself, as others know it."""
        return self._life.ref

    @property
    def timers(self) -> Timers[M]:
        return self._life.timers

    def monotonic(self) -> float:
        """The event loop's clock, in seconds: for durations only."""
        return self._life.monotonic()

    def run(
        self,
        coro: Coroutine[Any, Any, T],
        done: Callable[[T], M],
        failed: Callable[[Exception], M] | None = None,
    ) -> asyncio.Task[T]:
        """Begin a task that this actor owns; its result arrives as the message that `done` makes of it.

        What it raises arrives through `failed`; without that it is the actor's own failure. Cancelled, it is silent.
        """
        return self._life.run_task(coro, done, failed)

    def reply(self, ask: Ask[R], value: R) -> None:
        """Answer the ask that is being received. A later answer is a message of its own."""
        self._life.reply(ask, value)

    def own(self, supervisor: Supervisor) -> Supervisor:
        """Have children: they run while this actor does, and stop before it does. At most one supervisor."""
        return self._life.own(supervisor)

    def exit(self) -> None:
        """End normally after the current message; whether that means a new start is up to the child's kind."""
        self._life.exit()
