"""A Cell's turns: decide, execute, until there is nothing to do now; then the timer for when there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from okra.actors.executor import Executor, execute_all
from okra.actors.leaving import keeping
from okra.actors.messages import AskAgain, Wake
from okra.actors.person import command_of
from okra.actors.tries import Tries
from okra.errors import Retryable
from okra.rollout.effects import Claim, Decision, Observe, Persist, SetWeights
from okra.rollout.machine import decide
from okra.rollout.policy import Policy
from okra.rollout.rest import rest
from okra.rollout.state import Phase, State
from okra.rollout.turn import LEAST_WAIT

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

log = structlog.get_logger("okra")

MOST_TURNS = 100
"""Turns in a row before other messages get their turn."""
RETRY = 1.0


class Turns:
    def __init__(self, cell: CellActor) -> None:
        self._cell, self._wiring = cell, cell.wiring
        self._executor = cell.wiring.wrap(Executor(cell))
        self._tries = Tries(cell.wiring.clock)
        """Of whatever a turn began. While it waits, a turn does no more than look, and revert."""
        self._asks_again = False
        """The timer of AskAgain runs: armed anew by each poll, it would never fire."""

    async def work(self) -> None:
        """Decide and execute until there is nothing to do now, or others should have their turn."""
        for _ in range(MOST_TURNS):
            held_back = self._tries.wait > 0
            try:
                if self._cell.gone or not await self._turn():
                    return
            except Retryable as error:
                self.refused(error)
                if held_back:  # a revert, which waits for nothing
                    self._cell.timers.after("wake", RETRY, Wake())
                    return
        self._cell.timers.after("wake", 0.0, Wake())

    async def _turn(self) -> bool:
        """One decision. False: there is nothing more to do now. Raises Retryable: what it began can't be done yet."""
        cell, record, sight = self._cell, self._cell.record, self._cell.sight
        if not await self._up_to_date():
            return False
        command = command_of(record.object)
        sight.told((command,) if command else (), deleting=record.deleting, moving=record.state.moving)
        sight.selected(not record.unselected)
        if not sight.gated(self._wiring.gate):
            cell.timers.after("wake", RETRY, Wake())  # should the actors stay all the same
            return False
        now, policy, left = sight.tick(), cell.spec.present_policy, True
        if former := cell.leaving.former(now):
            left = await cell.leaving.left(former)
            now, policy = sight.tick(), policy if left else keeping(policy, record.state)
        before, decision = record.state, decide(policy, record.state, sight.obs, now)
        if self._tries.wait > 0 and not urgent(decision):
            return await self._only_look(decision)
        if attaches(decision) and not await cell.finalizer.keep():
            return True
        again = await execute_all(self._executor, decision)
        if record.state is before:
            record.state = decision.state  # nothing in it was worth a write: running clocks
        elif record.state.rollouts != before.rollouts:
            sight.ask_anew(tuple(cell.spec.refs))  # a tag may have changed since the last rollout
        if [(route.key, route.arn) for route in record.state.routes] != [(r.key, r.arn) for r in before.routes]:
            cell.spec.reroute()
        if not await self._keeps_finalizer() or again:
            return True
        if not former and sight.obs.groups is not None and record.of_another_spec and not record.unsaved:
            return await record.persist(record.state, urgent=False)  # who waits for the edit is told that it is all
        if not record.state.moving and not record.deleting and not cell.gone:
            await cell.finalizer.drop()
        self._tries.succeeded()
        self._arm(decision.wake_at)
        self._tell(policy if left else None)
        return False

    async def _up_to_date(self) -> bool:
        """Read what others wrote and made, and write what a revert could not. A store that is down holds up only the
        first turn, before which nothing is known."""
        cell, record = self._cell, self._cell.record
        if self._tries.wait <= 0:
            if record.stale:
                await record.read()
            if record.unsaved:
                await record.catch_up()
            await cell.checks.find()
        if not record.known and not cell.gone:
            self._wiring.readiness.seen(cell.seat)  # nobody has to wait for what it would see
            self._arm(None)
        return record.known and not cell.gone

    async def _only_look(self, decision: Decision) -> bool:
        """Something was refused and isn't tried again yet. What was raised is watched all the same, and whose its
        routes are is asked: for that a revert waits, though for no store."""
        wanted = Observe | Claim if attached(self._cell.record.state) else Observe
        looks = [effect for effect in decision.effects if isinstance(effect, wanted)]
        for look in looks:
            await self._executor.execute(look)
        if len(looks) == len(decision.effects):
            self._cell.record.state = decision.state
        if not looks:
            self._arm(decision.wake_at)
        return bool(looks)

    async def _keeps_finalizer(self) -> bool:
        """A rollout that has groups on a route, also where somebody else put them, must be reverted by who deletes it.
        A revert waits for nothing."""
        state = self._cell.record.state
        running = state.moving and state.phase is not Phase.REVERT and not self._cell.gone
        return not (running and attached(state)) or await self._cell.finalizer.keep()

    def _tell(self, policy: Policy | None) -> None:
        """What others wait for: the first look, and (by the policy of the decision) rest."""
        cell, obs = self._cell, self._cell.sight.obs
        if cell.spec.policy.problem is not None or obs.groups is not None or obs.problems:
            self._wiring.readiness.seen(cell.seat)
        if policy is not None:
            self._wiring.on_rest(cell.seat, rest(policy, cell.record.state, obs), cell.record.generation or 0)

    # -- what is refused -------------------------------------------------------------------------------------------

    def refused(self, error: Retryable) -> None:
        """To be tried again; said once."""
        if self._tries.failed(str(error)):
            namespace, name = self._cell.key
            log.warning("Retrying", kind=self._cell.kind.kind, namespace=namespace, name=name, error=str(error))

    def hurry(self) -> None:
        """What was refused may be taken now: the object changed, or the store took a write."""
        self._tries.hurry()

    # -- timers ----------------------------------------------------------------------------------------------------

    def _arm(self, wake_at: float | None) -> None:
        """`wake_at`: when the core wants to look again, epoch seconds."""
        cell, now = self._cell, self._wiring.clock.now()
        if not self._asks_again and (cell.sight.contested() or cell.checks.waiting):
            self._asks_again = True
            cell.timers.after("again", self._wiring.defaults.discovery_interval, AskAgain())
        wakes = [] if wake_at is None else [wake_at - now]
        wakes += [max(seconds, LEAST_WAIT) for seconds in (self._tries.wait, cell.leaving.wait) if seconds > 0]
        if wakes:
            cell.timers.after("wake", max(0.0, min(wakes)), Wake())
        else:
            cell.timers.cancel("wake")

    async def ask_again(self) -> None:
        self._asks_again = False
        await self._cell.sight.claim_again(self._cell.spec.refs)
        await self._cell.leaving.make_way()
        await self._cell.checks.ask_again()


def attached(state: State) -> bool:
    """Is a group of the canary on a route?"""
    return any(arn in route.asked for route in state.routes for arn in route.canary)


def attaches(decision: Decision) -> bool:
    """Does it write weights that a deleted Cell would have to take back? The finalizer comes first: refused after what
    is asked was recorded, each try would begin the step again."""
    return any(not effect.urgent for effect in decision.effects if isinstance(effect, SetWeights))


def urgent(decision: Decision) -> bool:
    """Does it take traffic off what failed? That waits for nothing."""
    return any(effect.urgent for effect in decision.effects if isinstance(effect, Persist | SetWeights))
