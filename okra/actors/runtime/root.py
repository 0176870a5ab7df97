"""The supervisor that the process itself owns, and the pulse by which /healthz knows that the event loop turns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from okra.actors.runtime.errors import Escalated
from okra.actors.runtime.messages import ChildFailed
from okra.actors.runtime.policy import Policy
from okra.actors.runtime.snapshot import Snapshot, State
from okra.actors.runtime.supervisor import Supervisor

PULSE: Final = 1.0
"""Seconds between two beats."""


class RootSupervisor(Supervisor):
    """`async with RootSupervisor("okra") as root:` Leaving the block stops everything, and nothing is left running.

    What escalates to the root is raised out of the block.
    """

    def __init__(
        self,
        name: str,
        policy: Policy | None = None,
        *,
        on_failure: Callable[[ChildFailed], object] | None = None,
        rng: random.Random | None = None,
        stop_timeout: float = 25.0,
    ) -> None:
        super().__init__(policy, on_failure=on_failure, rng=rng)
        self._name = name
        self._stop_timeout = stop_timeout
        self._host: asyncio.Task[object] | None = None
        self._escalated: Escalated | None = None
        self._beat_at = 0.0
        self._opened_at = 0.0
        self._pulse: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._host = asyncio.current_task()
        self._beat()
        self._opened_at = self._beat_at
        self.open(self._name, self._fail)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(self._stop_timeout)
        if self._escalated is not None and self._host is not None and self._host.uncancel() == 0:
            raise self._escalated

    def _fail(self, escalated: Escalated) -> None:
        """As a TaskGroup does: the block is cancelled, and ends with the error in place of the cancellation."""
        if self._escalated is None and self._host is not None:
            self._escalated = escalated
            self._host.cancel()

    async def stop(self, timeout: float) -> None:
        """Stop all children; after `timeout` seconds cancel those that are left. Idempotent."""
        deadline = asyncio.get_running_loop().call_later(timeout, self.kill)
        try:
            if await self.halt():
                raise asyncio.CancelledError
        finally:
            deadline.cancel()
            if self._pulse is not None:
                self._pulse.cancel()

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat_at = loop.time()
        self._pulse = loop.call_later(PULSE, self._beat)

    def responsive(self, max_age: float = 10.0) -> bool:
        """Whether it runs, and the event loop has served it within the last `max_age` seconds."""
        return self.is_open and asyncio.get_running_loop().time() - self._beat_at <= max_age

    def snapshot(self) -> Snapshot:
        """The whole tree."""
        return Snapshot(
            name=self._name,
            path=self._name,
            actor=type(self).__name__,
            kind="root",
            state=State.RUNNING if self.is_open else State.STOPPED,
            waiting=0,
            capacity=0,
            high_water=0,
            refused=0,
            received=0,
            restarts=0,
            last_error=str(self._escalated) if self._escalated else None,
            uptime=asyncio.get_running_loop().time() - self._opened_at,
            receiving=None,
            receiving_for=0.0,
            children=self.snapshots(),
        )
