"""Who starts actors again. Its decisions are plain calls on the event loop: it can't fall behind, and has no mailbox.

A supervisor runs while its owner does: the root (`okra.actors.runtime.root`), an actor that owns its children
(`Actor.own`), or, to nest one on its own, a child of another supervisor (`as_child`). The last keeps its entries, and
their refs, over its own restarts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from itertools import dropwhile
from typing import Any, Never, TypeVar, assert_never

from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import Child, ChildSpec
from okra.actors.runtime.errors import Escalated
from okra.actors.runtime.messages import ChildFailed
from okra.actors.runtime.policy import ChildKind, Exceeded, Policy, Record, Strategy
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.regroup import Regroup
from okra.actors.runtime.snapshot import Snapshot, State, describe
from okra.actors.runtime.tasks import outlast

M = TypeVar("M")

logger = logging.getLogger(__name__)


class Supervisor:
    def __init__(
        self,
        policy: Policy | None = None,
        *,
        on_failure: Callable[[ChildFailed], object] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`on_failure` hears of every child's failure, after it has been dealt with: an owner passes its `ref.tell`.

        `rng` is for the jitter of restarts; a test passes a seeded one.
        """
        self.policy = policy or Policy()
        self.path = ""
        self.is_open = False
        self._on_failure = on_failure
        self._rng = rng or random.SystemRandom()
        self._children: dict[str, Child] = {}
        """In start order."""
        self._leaving: dict[str, Child] = {}
        """Stopped for good and not ended yet. A new child of such a name waits: two are never active at once."""
        self._regroup = Regroup(self._children)
        self._escalate: Callable[[Escalated], object] | None = None

    # What its owner does with it.

    def open(self, path: str, escalate: Callable[[Escalated], object]) -> None:
        """Start what it has been given so far."""
        self.path = path
        self.is_open = True
        self._escalate = escalate
        for child in self._children.values():
            child.record = Record()
            child.begin()

    async def halt(self) -> bool:
        """Stop all children, newest first. Being cancelled cancels them; it returns when all have ended, however often.

        True if it was cancelled meanwhile.
        """
        self.is_open = False
        interrupted = await self._regroup.cancel(self.kill)
        children = [*self._leaving.values(), *reversed(self._children.values())]
        if self.policy.stop_together:
            for child in children:
                child.stop()
        for child in children:
            child.stop()
            if child.task is not None:
                interrupted |= await outlast((child.task,), self.kill)
        return interrupted

    def kill(self) -> None:
        """Cancel all children at once."""
        for child in (*self._leaving.values(), *self._children.values()):
            child.kill()

    def as_child(self, name: str, stop_timeout: float = 10.0) -> ChildSpec[Never]:
        """This supervisor as a child of another one: it escalates to that one, and is started again by it."""
        return ChildSpec(name, lambda: _Keeper(self), stop_timeout=stop_timeout)

    # What anybody does with its children.

    def start_child(self, spec: ChildSpec[M]) -> ActorRef[M]:
        """Start a child, now or when the supervisor opens. Idempotent: a name that exists keeps its spec and ref."""
        child = self._children.get(spec.name)
        if child is None:
            child = self._children[spec.name] = Child(spec, self)
            child.begin()
        return child.ref

    async def stop_child(self, name: str) -> None:
        """Stop a child for good and wait until it has ended. Idempotent. Not for a child about itself: see `exit`."""
        child = self._children.get(name)
        if child is not None:
            self.dismiss(child)
        leaving = self._leaving.get(name)
        if leaving is not None and leaving.task is not None:
            await asyncio.wait((leaving.task,))

    def dismiss(self, child: Child) -> None:
        """Stop a child for good, without waiting."""
        if self._children.get(child.spec.name) is child:
            del self._children[child.spec.name]
            if child.task is not None:
                self._leaving[child.spec.name] = child
            child.stop()

    def get(self, name: str) -> ActorRef[Any] | None:
        child = self._children.get(name)
        return child.ref if child else None

    def unpark(self, name: str) -> None:
        """Try a parked child again now: what made it fail may have changed. Nothing to any other."""
        child = self._children.get(name)
        if child is not None and child.state is State.PARKED:
            self._restart(child, 0.0)

    def snapshots(self) -> tuple[Snapshot, ...]:
        now = asyncio.get_running_loop().time()
        return tuple(child.snapshot(now) for child in (*self._leaving.values(), *self._children.values()))

    # What its children ask and report.

    def is_free(self, name: str) -> bool:
        """Whether no earlier child of this name is still active."""
        return name not in self._leaving

    def left(self, child: Child) -> None:
        """One that was stopped for good has ended."""
        name = child.spec.name
        if self._leaving.get(name) is child:
            del self._leaving[name]
            heir = self._children.get(name)
            if heir is not None and heir.state is State.STARTING:
                heir.begin()

    def exited(self, child: Child, error: BaseException | None, uptime: float) -> None:
        """One that should run has ended."""
        kind = child.spec.kind
        ends = kind is ChildKind.TEMPORARY or (kind is ChildKind.TRANSIENT and error is None)
        if self.is_open and not ends:
            self._report(child, error, self._again(child, uptime))
            return
        if ends:
            del self._children[child.spec.name]
        child.close()
        if error is not None:
            self._report(child, error, None)

    def _again(self, child: Child, uptime: float) -> float | None:
        """Decide when a child that failed starts again: seconds, or None if that is not for this supervisor to say."""
        record, policy = child.record, self.policy
        record.failed(policy, asyncio.get_running_loop().time(), uptime)
        child.state = State.PARKED if record.exceeded else State.BACKOFF
        if record.exceeded and policy.exceeded is Exceeded.ESCALATE and self._escalate is not None:
            child.state = State.BACKOFF
            self._escalate(Escalated(f"{child.path} failed {len(record.recent)} times: {child.last_error}"))
            return None
        delay = policy.backoff.delay(record.in_a_row, self._rng)
        self._restart(child, delay)
        return delay

    def _restart(self, child: Child, delay: float) -> None:
        if self.policy.strategy is Strategy.ONE_FOR_ONE:
            child.begin_in(delay)
        elif self.policy.strategy is Strategy.ONE_FOR_ALL:
            self._regroup.restart(child, self._children.values(), delay)
        else:
            younger = dropwhile(lambda other: other is not child, self._children.values())
            self._regroup.restart(child, younger, delay)

    def _report(self, child: Child, error: BaseException | None, retry_in: float | None) -> None:
        """Last, so that whatever the listener does, the child has been dealt with."""
        text = describe(error) if error is not None else "it ended, but is permanent"
        parked = child.state is State.PARKED
        logger.log(
            logging.ERROR if parked else logging.WARNING,
            "%s failed (%s); %s",
            child.path,
            text,
            "not started again by its supervisor" if retry_in is None else f"next start in {retry_in:.1f} s",
            exc_info=error,
        )
        if self._on_failure is not None:
            self._on_failure(ChildFailed(child.spec.name, child.path, text, child.restarts, parked, retry_in))


class _Keeper(Actor[Never]):
    """The owner of a nested supervisor: an actor that only has children."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def started(self) -> None:
        self.own(self._supervisor)

    async def receive(self, message: Never) -> None:
        assert_never(message)
