"""The actor of one complex Cell: it looks after its clusters and applications through child objects.

It moves no weight and edits no cluster secret itself: the children's own actors do, with all of their rules. Like a
Deployment with its ReplicaSets it writes them and reads their status; `okra.applications` decides. All that it must not
forget is in its own status and in the children, so a restarted actor reads both and goes on.

- `complex_record`: the object and its status; `complex_children`: the children
- `complex_revisions`: the specs that are kept; `complex_rollback`: the one that it goes by
- `complex_sight`: what it sees; `complex_checks`: the checks that it asks for itself
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import structlog

from okra.actors.argocd import ArgoCD
from okra.actors.complex_checks import ComplexChecks
from okra.actors.complex_children import Children
from okra.actors.complex_commands import Commands
from okra.actors.complex_record import ComplexRecord
from okra.actors.complex_revisions import Revisions
from okra.actors.complex_rollback import Rollbacks
from okra.actors.complex_sight import ComplexSight, account_for
from okra.actors.discovery import problem_of
from okra.actors.kinds import seat
from okra.actors.messages import AskAgain, Describe, ObjectChanged, ObjectGone, SeriesDone, Wake
from okra.actors.runtime.actor import Actor
from okra.actors.tries import Tries
from okra.actors.wiring import NEVER, Wiring
from okra.api.cell import Cell, CellSpec
from okra.api.parse import parse
from okra.applications.compile import compile_policy, while_leaving, while_unknown
from okra.applications.effects import Abort, Decision, Effect, Emit, Persist, Publish, Route, RunChecks, SaveRevision
from okra.applications.kept import astray, before
from okra.applications.machine import decide
from okra.applications.observation import Observation
from okra.applications.policy import Policy
from okra.applications.state import Phase
from okra.applications.status import phase_of
from okra.applications.told import clusters_of
from okra.errors import Conflict, NotFound, OkraError, Retryable, Unavailable
from okra.ports import Kind, Object
from okra.rollout.compile import invalid
from okra.rollout.observation import Problem
from okra.rollout.rest import Rest

log = structlog.get_logger("okra")

Message = ObjectChanged | ObjectGone | SeriesDone | Wake | AskAgain | Describe

PATIENCE = 120.0
"""Seconds that one look may take. Each call in it has a deadline of its own."""
MOST_TURNS = 50
"""Decisions in a row before other messages get their turn."""
SOON = 0.1
ANSWER = 1.0
"""Seconds until a child is asked again what came of a command."""
RESTS = {Phase.SYNCED: Rest.SYNCED, Phase.FAILED: Rest.FAILED, Phase.PAUSED: Rest.WAITING}


class ComplexCell(Actor[Message]):
    def __init__(self, wiring: Wiring, argocd: ArgoCD, kind: Kind, obj: Object) -> None:
        self.wiring, self.kind = wiring, kind
        self.record = ComplexRecord(wiring, kind, obj)
        self.key = self.record.key
        self.seat = seat(kind, *self.key)
        parent = self.record.parent
        self.children = Children(wiring, parent, lambda: self.record.state)
        self.sight = ComplexSight(wiring, self.children, argocd)
        self.checks = ComplexChecks(wiring, self.children, lambda: self.ref, self.say)
        self.revisions = Revisions(wiring, parent)
        self.rollbacks = Rollbacks(self.record, self.revisions, self.sight, wiring.defaults)
        self.commands = Commands(self.record, self.children)
        self._tries = Tries(wiring.clock)
        self._policy: Policy | None = None
        self._seen = Observation()

    async def started(self) -> None:
        await self._turn()

    async def receive(self, message: Message) -> None:
        match message:
            case ObjectChanged(object=obj):
                if _asks(obj) == _asks(self.record.object):
                    return
                self._tries.hurry()
            case ObjectGone():
                self.exit()
                return
            case SeriesDone():
                self.checks.done(message)
            case Wake() | AskAgain():
                self.checks.ask_again()
            case Describe():
                self.reply(message, self.describe())
                return
        await self._turn()

    # -- turns -----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Look, decide and execute until there is nothing to do now; then the timer for when there may be."""
        delay: float | None
        try:
            async with asyncio.timeout(PATIENCE):
                delay = await self._work()
            self._tries.succeeded()
        except Conflict:
            delay = SOON
        except TimeoutError:
            delay = await self._failed(Unavailable("Not everything answered in time."))
        except OkraError as error:
            delay = await self._failed(error)
        self.wiring.readiness.seen(self.seat)
        if delay is not None:
            self.timers.after("wake", max(SOON, delay), Wake())

    async def _work(self) -> float | None:
        """Seconds until the next look; None: there will be none."""
        if not await self.record.read():
            self.exit()
            return None
        if (closed := await self._closed()) is not None:
            return None if closed == NEVER else closed
        model, findings = parse(self.record.object)
        spec = model.spec if isinstance(model, Cell) else None
        if not self.record.selected or (self.record.deleting and (spec is None or self.record.in_the_foreground)):
            await self._let_go()  # whatever moves is its child's to put back
            return None
        if spec is None:
            await self.record.say(invalid(findings).problem)
            self._rest(Rest.INVALID)
            return self.wiring.defaults.discovery_interval
        assert isinstance(model, Cell)
        return await self._look_after(model)

    async def _look_after(self, cell: Cell) -> float | None:
        self.revisions.look_anew()
        before, cell = self.record.state.rolled_back, await self.rollbacks.in_effect(cell)
        if (by := self.record.state.rolled_back) != before:
            self.say("RollbackEnded", "Its spec was edited: the Cell goes by that again.")
        tags = await self.sight.tags(cell.spec)
        await self.children.read()
        awaited = await self.commands.take(self.wiring.clock.now())
        await self._look_back(self._compiled(cell, tags))
        problem = None
        if self.record.deleting:
            await self.children.pause(cell.spec, self.record.state)
        else:
            problem = await self.children.keep(cell.spec, self.record.state)
        for _ in range(MOST_TURNS):
            policy = self._compiled(cell, tags)
            if self.record.deleting and not policy.applications:
                await self._let_go()
                return None
            await self._look_back(policy)
            decision = await self._decide(cell.spec, policy)
            if self._moving:
                await self.record.keep_finalizer(wanted=True)  # first: whoever deletes the Cell has all of it put back
            for effect in decision.effects:
                await self._execute(cell.spec, effect)
            await self.record.keep_finalizer(wanted=self._moving)
            if self.record.state.rolled_back != by:
                return SOON
            if not decision.effects:
                await self._tidy(cell.spec, problem)
                return ANSWER if awaited else self._pause(decision)
        return SOON

    def _compiled(self, cell: Cell, tags: Any) -> Policy:
        state, defaults = self.record.state, self.wiring.defaults
        policy = compile_policy(cell, defaults, tags) or while_unknown(cell, defaults, tags, state)
        if self.wiring.held():
            policy = replace(policy, paused=True)
        return while_leaving(policy, state) if self.record.deleting else policy

    async def _look_back(self, policy: Policy) -> None:
        """What is, or goes back, where a former spec brought it goes by that one."""
        state = self.record.state
        self.children.wanted = {app.name: clusters_of(app, state.of(app.name)) for app in policy.applications}
        apps = astray(policy, state)
        self.children.before = before(await self.revisions.specs(), apps) if apps else {}

    async def _decide(self, spec: CellSpec, policy: Policy) -> Decision:
        state = self.record.state
        seen = await self.sight.observe(spec, policy, state)
        saved = None if self._moving or not state.applications else await self.rollbacks.saved()
        self._policy, self._seen = (
            policy,
            replace(
                seen,
                results=self.checks.results(state),
                requested=self.checks.requested(state),
                saved=saved,
                as_kept=await self.revisions.as_kept(spec) if saved is False else frozenset(),
                commands=(own := self.commands.own()),
                kept=await self.rollbacks.kept(own, policy),
                generation=self.record.generation or 0,
            ),
        )
        decision = decide(policy, state, self._seen, self.wiring.clock.now())
        if not any(isinstance(effect, Persist) for effect in decision.effects):
            self.record.state = decision.state  # running clocks
        return decision

    @property
    def _moving(self) -> bool:
        return any(each.moving for each in self.record.state.applications)

    async def _execute(self, spec: CellSpec, effect: Effect) -> None:
        if not isinstance(effect, Emit):
            self.wiring.must_be_open()
        match effect:
            case Persist(state=state):
                await self.record.persist(state)
            case Publish():
                await self.children.publish(spec, effect, self.record.state)
            case Route():
                await self.children.send(spec, effect, self.record.state)
            case Abort(application=name):
                await self.children.abort(name)
            case RunChecks(application=name):
                application = next(each for each in spec.applications or () if each.name == name)
                account = account_for(spec, next((alb.listener_arn for _, alb in application.routes), ""))
                await self.checks.run(spec, effect, self.record.state.of(name), account)
            case SaveRevision():
                await self.revisions.save(self.record.object)
            case Emit(reason=reason, message=message, type=type_):
                self.say(reason, message, type_)

    # -- the end of a turn -----------------------------------------------------------------------------------------

    async def _tidy(self, spec: CellSpec, problem: Problem | None) -> None:
        if not self._moving and not self.record.deleting:
            await self.children.prune(spec, self.record.state)
        await self.record.say(problem)
        phase = self.record.state.phase
        invalid_ = phase_of(self.record.state) == "Invalid"
        self._rest(Rest.INVALID if invalid_ else Rest.FAILED if problem else RESTS.get(phase, Rest.MOVING))

    def _pause(self, decision: Decision) -> float:
        defaults = self.wiring.defaults
        moving = self.record.state.phase not in (Phase.SYNCED, Phase.FAILED)
        pause = defaults.poll_interval if moving else defaults.discovery_interval
        if decision.wake_at is None:
            return pause
        return min(pause, decision.wake_at - self.wiring.clock.now())

    async def _let_go(self) -> None:
        """The object is on its way out, or is this Okra's no more, and nothing moves that its children don't look
        after."""
        with suppress(NotFound):
            await self.record.keep_finalizer(wanted=False)
        self.exit()

    async def _closed(self) -> float | None:
        """May this process write? Else the seconds until it may. `--read-only` says what isn't done."""
        gate = self.wiring.gate
        if gate.may_write():
            return None
        opens = gate.opens_at()
        if opens is None:
            said = "Its clusters and applications aren't looked after, for --read-only."
            await self.record.say(Problem("ReadOnly", said, fatal=False))
            return self.wiring.defaults.discovery_interval
        return NEVER if opens == NEVER else max(SOON, opens - self.wiring.clock.now())

    async def _failed(self, error: OkraError) -> float:
        """To be tried again, ever later; said once, and in the status unless it passes at once."""
        first = self._tries.failed(str(error))
        if first:
            namespace, name = self.key
            log.warning("Retrying", kind=self.kind.kind, namespace=namespace, name=name, error=str(error))
        if not (first and isinstance(error, Retryable)):
            await self._say_problem(error)
        return self._tries.wait

    async def _say_problem(self, error: OkraError) -> None:
        try:
            await self.record.say(problem_of(error))
        except (OkraError, TimeoutError) as again:
            log.warning("StatusNotWritten", kind=self.kind.kind, name=self.key[1], error=str(again))

    # -- telling ---------------------------------------------------------------------------------------------------

    def _rest(self, rest: Rest) -> None:
        self.wiring.on_rest(self.seat, rest, self.record.generation or 0)

    def say(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal") -> None:
        """An Event, a log line and a count."""
        phase = str(self.record.state.phase)
        self.wiring.journal.record(self.kind, self.record.object, reason, message, type, phase=phase)

    def describe(self) -> dict[str, Any]:
        """For /debug/cells: what it wants, what it knows, what it saw."""
        return {"policy": self._policy, "state": self.record.state, "observation": self._seen}


def _asks(obj: Object) -> tuple[Any, ...]:
    """What of an object this actor goes by; its status it wrote itself."""
    metadata = obj["metadata"]
    text = (metadata.get("annotations") or {}, metadata.get("labels") or {})
    return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp"), text
