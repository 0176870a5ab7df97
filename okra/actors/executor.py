"""Executes the core's effects, in order, one at a time; stops at the first that fails (DESIGN §3, the write protocol).

Between any two effects the process may be killed: what is on disk and in AWS then is all that the next one needs.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from okra.actors.messages import Forget
from okra.actors.sweep import Sweep
from okra.errors import Conflict, OkraError, Retryable, Throttled
from okra.ports import RouteRef
from okra.rollout.effects import (
    Claim,
    CreateRule,
    Decision,
    Effect,
    Emit,
    Observe,
    Persist,
    Release,
    RunChecks,
    SetWeights,
)
from okra.rollout.observation import Problem, RouteReading, TargetGroup, Write, WriteOutcome
from okra.rollout.words import short

if TYPE_CHECKING:
    from okra.actors.cell import CellActor


class EffectExecutor(Protocol):
    async def execute(self, effect: Effect) -> bool:
        """Do it. False: the rest of this decision is void; decide again. Raises Retryable: wait, then decide again."""
        ...


class Executor:
    """The real one, for one Cell."""

    def __init__(self, cell: CellActor) -> None:
        self._cell = cell
        self._wiring = cell.wiring
        self._sight = cell.sight
        self._sweep = Sweep(cell.wiring, cell.sight)

    async def execute(self, effect: Effect) -> bool:
        match effect:
            case Persist(state=state, urgent=urgent):
                return await self._cell.record.persist(state, urgent=urgent)
            case SetWeights():
                return await self._set_weights(effect)
            case CreateRule():
                return await self._create_rule(effect)
            case Observe(health=arns):
                await self._observe(arns)
            case Claim(route=key):
                await self._claim(key)
            case RunChecks():
                await self._cell.checks.run(effect)
            case Release():
                await self._cell.release()
                return False
            case Emit(reason=reason, message=message, type=type_):
                self._cell.say(reason, message, type_)
        return True

    async def _set_weights(self, effect: SetWeights) -> bool:
        cell, key = self._cell, effect.route
        ref, basis = cell.spec.refs.get(key), self._sight.obs.readings.get(key)
        if ref is None or basis is None or not self._wiring.gate.may_write():
            return False
        if not effect.urgent and not (await cell.finalizer.keep() and self._sight.may_write(key)):
            return False
        if not self._wiring.gate.may_write():
            return False  # the store took its time: the lease may be over
        write = self._wiring.router.write(ref, effect.weights, basis, urgent=effect.urgent)
        await self._write(ref, effect.serial, write)
        return True

    async def _create_rule(self, effect: CreateRule) -> bool:
        cell, key = self._cell, effect.route
        ref = cell.spec.refs.get(key)
        if ref is None or not self._wiring.gate.may_write():
            return False
        listener = replace(ref, priority=None, conditions=())
        default = (await self._wiring.router.read([listener]))[listener]
        if not self._wiring.gate.may_write():
            return False  # AWS took its time: the lease may be over
        if await self._write(ref, effect.serial, self._make(ref, default, take_over=effect.take_over)):
            cell.say("RuleCreated", f"{key} is there now, and does what its listener's default action does.")
        return True

    async def _make(self, ref: RouteRef, default: RouteReading | OkraError, *, take_over: bool) -> None:
        if isinstance(default, OkraError):
            raise default
        await self._wiring.router.create(ref, self._cell.spec.policy.owner, default, take_over=take_over)

    async def _write(self, ref: RouteRef, serial: int, write: Awaitable[None]) -> bool:
        """Make it, and keep what came of it. Did AWS say success?"""
        cell, key = self._cell, ref.key
        outcome, problem = WriteOutcome.ACKNOWLEDGED, None
        try:
            await write
        except (Throttled, Conflict) as error:
            outcome, problem = WriteOutcome.REFUSED, Problem(error.reason, str(error), fatal=False)
        except Retryable as error:
            outcome, problem = WriteOutcome.UNKNOWN, Problem(error.reason, str(error), fatal=False)
        except OkraError as error:
            outcome, problem = WriteOutcome.REFUSED, Problem(error.reason, str(error))
        before = self._sight.obs.writes.get(key)
        failures = 0 if problem is None else (before.failures if before else 0) + 1
        self._sight.wrote(key, Write(serial, outcome, self._sight.tick(), problem, failures))
        cell.tell_discovery(Forget(cell.seat))
        if problem is not None:
            cell.say("WriteFailed", f"{key}: {problem.message}", "Warning")
        if problem is not None and problem.reason == Conflict.reason:
            await self._sweep.routes([ref])  # what is there by now, before anything is decided on what was
        return problem is None

    async def _observe(self, arns: frozenset[str]) -> None:
        cell = self._cell
        refs = tuple(cell.spec.refs.values())
        await self._sweep.look(refs, arns, self._draining(), cell.spec.account)
        accounts = {cell.spec.account, *(ref.account for ref in refs)}
        self._sight.see(read_wait=max(map(self._wiring.wait_estimate, accounts)))

    def _draining(self) -> list[TargetGroup]:
        """Groups at 0 that are to be detached: are they still in use? Also those that the Cell names no more."""
        now, cell = self._wiring.clock.now(), self._cell
        groups = {group.arn: group for group in self._sight.obs.groups or ()}
        found = []
        for route in cell.record.state.routes:
            reading = self._sight.obs.readings.get(route.key)
            if reading is None:
                continue
            idle = [arn for arn, weight in reading.weights.items() if weight == 0]
            over = [arn for arn in idle if route.retained.get(arn, now + 1) <= now]
            leaving = [arn for arn in idle if arn in route.stable] if cell.record.state.moving else []
            found += [groups.get(arn) or _on(reading, arn) for arn in {*over, *leaving}]
        return found

    async def _claim(self, key: str) -> None:
        ref, reading = self._cell.spec.refs.get(key), self._sight.obs.readings.get(key)
        if ref is None or reading is None:
            return
        await self._sight.claim(ref, reading.arn)


def _on(reading: RouteReading, arn: str) -> TargetGroup:
    """What a route tells of a group on it."""
    return TargetGroup(arn, short(arn), protocol=reading.protocol, load_balancer_arns=(reading.load_balancer_arn,))


async def execute_all(executor: EffectExecutor, decision: Decision) -> bool:
    """Execute a decision's effects. True when the core should decide again at once."""
    for effect in decision.effects:
        if not await executor.execute(effect):
            return True
    return any(not isinstance(effect, RunChecks | Emit) for effect in decision.effects)
