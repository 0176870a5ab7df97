"""The actor of one Cell: it gathers what the core needs to know, lets it decide, and executes what it asks for.

Nobody else in Okra writes this Cell's routes. All that it must not forget is in `status`; a restarted actor reads the
object and the world again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any, Literal

import structlog

from okra.actors.cell_checks import CellChecks
from okra.actors.cell_routes import account_of, labels_of, ref_of_key, refs_of
from okra.actors.executor import PERSIST_URGENT, Executor, execute_all
from okra.actors.leaving import Leaving, keeping
from okra.actors.messages import (
    AskAgain,
    Describe,
    Discovered,
    Forget,
    Key,
    ObjectChanged,
    ObjectGone,
    SeriesDone,
    Subscribe,
    Unsubscribe,
    Wake,
    key_of,
    one_copy,
)
from okra.actors.person import command_of
from okra.actors.runtime.actor import Actor
from okra.actors.sight import Sight
from okra.actors.wiring import Wiring
from okra.api.cell import Cell
from okra.api.parse import parse
from okra.errors import Conflict, NotFound, OkraError, Retryable, Unavailable
from okra.ports import Account, Kind, Object, RouteRef
from okra.rollout.compile import compile_policy, invalid, without_spec
from okra.rollout.machine import decide
from okra.rollout.policy import Policy
from okra.rollout.rest import rest
from okra.rollout.state import Phase, State
from okra.rollout.status import from_status, to_status
from okra.rollout.turn import LEAST_WAIT

log = structlog.get_logger("okra")

Message = ObjectChanged | ObjectGone | Discovered | SeriesDone | AskAgain | Wake | Describe

CELL = Kind("okra.mumoshu.github.io", "v1alpha1", "Cell", "cells")
MOST_TURNS = 100
"""Turns in a row before other messages get their turn."""
RETRY = 1.0
PATIENCE = 10.0
ECHOES = 16
"""Writes of its own that an actor recognises when the watch tells of them."""


class CellActor(Actor[Message]):
    kind = CELL

    def __init__(self, wiring: Wiring, obj: Object) -> None:
        self.wiring, self.object = wiring, obj
        self.key: Key = key_of(obj)
        self.sight = Sight(wiring)
        self.cell: Cell | None = None
        self.policy: Policy = invalid(())
        self.state = State()
        self.refs: dict[str, RouteRef] = {}
        self._written: deque[str] = deque(maxlen=ECHOES)
        """The resourceVersions of its own writes, each guarded by the one before: what a watch tells of them is old."""
        self.unsaved = False
        """A revert went to AWS before the store took its state."""
        self.checks = CellChecks(self)
        self.leaving = Leaving(self)
        self._hands = Executor(self)
        self._executor = wiring.wrap(self._hands)
        self._subscribed: Subscribe | None = None
        self._asks_again = False
        """The timer of AskAgain runs: armed anew by each poll, it would never fire."""
        self._gone = False

    # -- life ------------------------------------------------------------------------------------------------------

    async def started(self) -> None:
        try:
            obj = await self.wiring.store.get(self.kind, *self.key)
        except NotFound:
            self.vanished()
            return
        self._take(one_copy(self.object, obj), with_state=True)
        await self._work()

    async def receive(self, message: Message) -> None:
        match message:
            case ObjectChanged(object=obj):
                seen = obj["metadata"].get("resourceVersion")
                if seen == self.resource_version:
                    self.object = obj  # the same, and one copy of it is enough: the directory has this one
                if seen in (self.resource_version, *self._written):
                    return
                if told_by_others(self.object, obj):
                    await self.reload()
                else:
                    self._take(obj, with_state=False)
            case ObjectGone():
                await self.leaving.last()
                self.vanished()
                return
            case Discovered():
                self.sight.discovered(message, {ref.account for ref in self.refs.values()})
            case SeriesDone():
                self.checks.done(message)
            case AskAgain():
                self._asks_again = False
                await self.sight.claim_again(self.refs)
                await self.leaving.make_way()
                await self.checks.ask_again()
            case Wake():
                pass
            case Describe():
                self.reply(message, self.describe())
                return
        await self._work()

    async def stopping(self) -> None:
        self.tell_discovery(Unsubscribe(self.key))

    def vanished(self) -> None:
        """There is nothing left to look after."""
        self._gone = True
        self.exit()

    # -- the object ------------------------------------------------------------------------------------------------

    @property
    def resource_version(self) -> str:
        version: str = self.object["metadata"]["resourceVersion"]
        return version

    def wrote(self, obj: Object) -> None:
        """The store took a write of ours, which was guarded: `obj` is newer than all we knew."""
        self._written.append(self.resource_version)
        self.object = obj

    @property
    def generation(self) -> int | None:
        generation: int | None = self.object["metadata"].get("generation")
        return generation

    @property
    def deleting(self) -> bool:
        return bool(self.object["metadata"].get("deletionTimestamp"))

    @property
    def account(self) -> Account:
        return next((ref.account for ref in self.refs.values()), Account())

    @property
    def present_policy(self) -> Policy:
        """What the Cell asks for, unless every Cell is paused."""
        held = self.wiring.held()
        return replace(self.policy, paused=True, held_by=held) if held else self.policy

    def _take(self, obj: Object, *, with_state: bool) -> None:
        """Take over an object's spec and metadata; its state only from a read of our own.

        A watch may show what is older than what we wrote: then the next guarded write says Conflict, and we reload.
        """
        self.object = obj
        if with_state:
            self.state, self.unsaved = from_status(obj.get("status") or {}), False
        model, findings = parse(obj)
        self.cell = model if isinstance(model, Cell) else None
        policy = invalid(findings) if self.cell is None else compile_policy(self.cell, self.wiring.defaults)
        self.policy = policy if policy.problem is None else without_spec(policy, self.wiring.defaults, *self.key)
        self.sight.claims.own = self.policy.owner
        self.sight.claims.wrote_before([route.key for route in self.state.routes if route.serial])
        self._reroute()

    def _reroute(self) -> None:
        """The spec's routes, and those of `status` that it doesn't name (any more)."""
        account = account_of(self.object)
        named = refs_of(self.cell, account) if self.cell is not None and self.policy.problem is None else {}
        self.refs = {**{route.key: ref_of_key(account, route.key) for route in self.state.routes}, **named}
        self.sight.keep_routes(self.refs)
        self._subscribe()

    def _subscribe(self) -> None:
        refs = tuple(self.refs.values()) if self.policy.problem is None else ()
        created = self.object["metadata"].get("creationTimestamp", "")
        wanted = Subscribe(self.ref, self.key, created, self.policy.owner, refs, labels_of(self.cell))
        if wanted != self._subscribed:
            self._subscribed = wanted
            self.tell_discovery(wanted)

    def tell_discovery(self, message: Subscribe | Unsubscribe | Forget) -> None:
        self.wiring.refs["discovery"].tell(message)

    async def reload(self) -> None:
        """Somebody else wrote the object. If it was the status, what we knew is void; a label costs us nothing."""
        try:
            async with asyncio.timeout(PATIENCE):
                obj = await self.wiring.store.get(self.kind, *self.key)
            self._take(obj, with_state=told_by_others(self.object, obj))
        except NotFound:
            self.vanished()
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error

    # -- deciding --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Decide and execute until there is nothing to do now, or others should have their turn."""
        try:
            for _ in range(MOST_TURNS):
                if self._gone or not await self._turn():
                    return
            self.timers.after("wake", 0.0, Wake())
        except Retryable as error:
            log.warning("Retrying", kind="Cell", namespace=self.key[0], name=self.key[1], error=str(error))
            self.timers.after("wake", RETRY, Wake())

    async def _turn(self) -> bool:
        command = command_of(self.object)
        told = (command,) if command else ()
        self.sight.told(told, deleting=self.deleting, moving=self.state.moving)
        if not self.sight.gated(self.wiring.gate):
            self.timers.after("wake", RETRY, Wake())  # should the actors stay all the same
            return False
        if self.unsaved:
            await self._catch_up()
        now, policy, left = self.sight.tick(), self.present_policy, True
        if former := self.leaving.former(now):
            left = await self.leaving.left(former)
            now, policy = self.sight.tick(), policy if left else keeping(policy, self.state)
        decision = decide(policy, self.state, self.sight.obs, now)
        before = self.state
        again = await execute_all(self._executor, decision)
        if self.state is before:
            self.state = decision.state  # nothing in it was worth a write: running clocks
        elif self.state.rollouts != before.rollouts:
            self.sight.ask_anew(tuple(self.refs))  # a tag may have changed since the last rollout
        if [route.key for route in self.state.routes] != [route.key for route in before.routes]:
            self._reroute()
        if not await self._keeps_finalizer():
            return True
        if again:
            return True
        if not self.state.moving and not self.deleting and not self._gone:
            await self._hands.drop_finalizer()
        self._arm(decision.wake_at)
        if self.policy.problem is not None or self.sight.obs.groups is not None or self.sight.obs.problems:
            self.wiring.readiness.seen(self.key)
        if left:
            self.wiring.on_rest(self.key, rest(policy, self.state, self.sight.obs), self.generation or 0)
        return False

    async def _keeps_finalizer(self) -> bool:
        """A rollout that has groups on a route, also where somebody else put them, must be reverted by who deletes it.
        A revert waits for nothing."""
        running = self.state.moving and self.state.phase is not Phase.REVERT and not self._gone
        attached = any(arn in route.asked for route in self.state.routes for arn in route.canary)
        return not (running and attached) or await self._hands.keep_finalizer()

    def _arm(self, wake_at: float | None) -> None:
        if not self._asks_again and (self.sight.contested() or self.checks.waiting):
            self._asks_again = True
            self.timers.after("again", self.wiring.defaults.discovery_interval, AskAgain())
        if self.unsaved:
            wake_at = min(wake_at or float("inf"), self.wiring.clock.now() + RETRY)
        if (seconds := self.leaving.again_in()) > 0:
            wake_at = min(wake_at or float("inf"), self.wiring.clock.now() + max(seconds, LEAST_WAIT))
        if wake_at is None:
            self.timers.cancel("wake")
        else:
            self.timers.after("wake", max(0.0, wake_at - self.wiring.clock.now()), Wake())

    async def _catch_up(self) -> None:
        """Persist what a revert could not. A store that is down still holds nothing up."""
        try:
            await self._save()
        except OkraError as error:
            log.warning("StatusNotWritten", kind="Cell", namespace=self.key[0], name=self.key[1], error=str(error))

    async def _save(self) -> None:
        body = to_status(self.state, self.object.get("status") or {}, self.generation, self.sight.tick())
        try:
            async with asyncio.timeout(PERSIST_URGENT):
                obj = await self.wiring.store.patch_status(
                    self.kind, *self.key, body, resource_version=self.resource_version
                )
                self.wrote(obj)
        except Conflict:
            await self.reload()
            return
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        self.unsaved = False

    async def release(self) -> None:
        """The Cell is being deleted and nothing moves: let go, and let it go."""
        await self.leaving.all()
        await self._hands.drop_finalizer()
        self.vanished()

    # -- telling ---------------------------------------------------------------------------------------------------

    def say(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal", **more: Any) -> None:
        rollout = self.state.rollout
        fields: dict[str, Any] = {"phase": str(self.state.phase), **more}
        if rollout is not None:
            fields |= {"rollout": rollout.number, "version": rollout.version, "step": rollout.step + 1}
            fields["outcome"] = str(rollout.outcome)
        fields["weights"] = [dict(route.asked) for route in self.state.routes]
        self.wiring.journal.record(self.kind, self.object, reason, message, type, **fields)

    def describe(self) -> dict[str, Any]:
        """For /debug/cells: what it wants, what it knows, what it saw."""
        obs = self.sight.obs
        return {
            "policy": self.present_policy,
            "state": self.state,
            "observation": obs,
            "routes": list(self.refs),
            "unsaved": self.unsaved,
        }


def told_by_others(known: Object, obj: Object) -> bool:
    """Does this object's status say something that we neither wrote nor read? Its conditions may: they only tell."""
    ours, theirs = ({**(each.get("status") or {}), "conditions": None} for each in (known, obj))
    return ours != theirs
