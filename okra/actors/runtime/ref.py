"""How everybody else knows an actor: a name to talk to, which stays the same over its restarts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from okra.actors.runtime.errors import ActorStopped, AskTimeout, MailboxFull
from okra.actors.runtime.mailbox import Mailbox, Request
from okra.actors.runtime.messages import Ask

if TYPE_CHECKING:
    from okra.actors.runtime.child import Child

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


class ActorRef(Generic[M_contra]):
    """To be used on the event loop of its actor only: nothing in it is thread-safe."""

    __slots__ = ("_child", "_mailbox")

    def __init__(self, child: Child, mailbox: Mailbox) -> None:
        self._child = child
        self._mailbox = mailbox

    @property
    def name(self) -> str:
        return self._child.spec.name

    @property
    def path(self) -> str:
        """Names from the root, joined by `/`."""
        return self._child.path

    def tell(self, message: M_contra) -> bool:
        """Leave a message; never blocks. False when it was refused: the actor has stopped, or an edge found no room.

        True is no promise either: an actor that crashes or stops may never come to it (at most once).
        """
        return self._mailbox.put(message)

    async def ask(self, message: Ask[R], *, timeout: float) -> R:
        """Wait for the reply, at most `timeout` seconds. Raises a kind of AskFailed, each of them retryable."""
        loop = asyncio.get_running_loop()
        request = Request(message, loop.create_future())
        if not self._mailbox.put(request):
            if self._mailbox.closed:
                raise ActorStopped(f"{self.path} has stopped")
            raise MailboxFull(f"{self.path} has {self._mailbox.capacity} messages waiting already")
        deadline = loop.call_at(loop.time() + timeout, self._expire, request, timeout)
        try:
            reply: R = await request.reply
            return reply
        finally:
            deadline.cancel()

    def _expire(self, request: Request, timeout: float) -> None:
        question = type(request.message).__name__
        request.fail(AskTimeout(f"{self.path} did not reply to {question} within {timeout:g} s"))

    def stop(self) -> None:
        """Stop it for good, whatever its kind; returns at once. `Supervisor.stop_child` waits for the end."""
        self._child.dismiss()

    def __repr__(self) -> str:
        return f"<ActorRef {self.path} {self._child.state}>"
