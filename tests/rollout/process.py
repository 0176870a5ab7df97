"""One process that runs `decide` on a simulated world, one effect at a time, so that a test can cut between any two."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from okra.api.records import is_record
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
from okra.rollout.late import LANDS_WITHIN
from okra.rollout.machine import decide
from okra.rollout.observation import (
    ABSENT,
    Observation,
    Problem,
    RouteReading,
    SeriesResult,
    TargetHealth,
    Verdict,
    Write,
    WriteOutcome,
)
from okra.rollout.policy import Policy
from okra.rollout.rest import Rest, rest
from okra.rollout.state import State
from okra.rollout.words import describe
from tests.rollout.world import ARRIVED_LATE, FAR_TOO_LATE, World

REFUSED, LOST, DROPPED, LATE, DOWN = "refused", "lost", "dropped", "late", "down"
"""A write: refused; applied, no answer; not applied, no answer; applied some day, no answer. The store: no answer."""
UNMADE = "unmade"
"""A write that this process finds it may not make any more: the rest of its decision is void."""


def brief(effect: Effect) -> str:
    if isinstance(effect, Persist):
        return f"Persist({effect.state.phase}, {effect.state.condition.reason})"
    if isinstance(effect, SetWeights):
        return f"SetWeights({effect.route}, {describe(effect.weights)})"
    return type(effect).__name__


class Cut(Exception):
    """The process died here."""


@dataclass(frozen=True)
class InFlight:
    """A write of unknown outcome that will land some day."""

    route: str
    weights: Mapping[str, int]
    sent_at: float
    """True time."""
    recorded: bool
    """The store knows that it was asked for."""

    def in_time(self, world: World) -> bool:
        """May it still land, by AWS's write timeout?"""
        return world.now - world.skew - self.sent_at <= LANDS_WITHIN


@dataclass
class Process:
    world: World
    policy: Policy
    fault: Callable[[Effect], str | None] = lambda effect: None
    state: State = field(default_factory=State)
    revision: int = 0
    obs: Observation = field(default_factory=Observation)
    wake: float | None = None
    trace: list[Effect] = field(default_factory=list)
    pending: deque[Effect] = field(default_factory=deque)
    decision: Decision | None = None
    decided_on: Observation = field(default_factory=Observation)
    decided_from: State = field(default_factory=State)
    unsaved: bool = False
    released: bool = False
    stale_by: float = 0.0
    blind: bool = False
    """Reads fail."""
    opens_at: float | None = None
    """Nothing may be written before (true time): a new leader lets its predecessor's writes land first."""
    late: list[InFlight] = field(default_factory=list)
    spreading: dict[str, float] = field(default_factory=dict)
    """Record sets that this process changed → when every server has that (true time)."""
    missing: set[str] = field(default_factory=set)
    """Groups that the next discovery leaves out."""
    watchers: list[Callable[[Process, Effect], None]] = field(default_factory=list)
    """Called before each effect is executed."""
    after: list[Callable[[Process, Effect, bool], None]] = field(default_factory=list)
    """Called when it was; False: the rest of its decision is void."""
    deciding: list[Callable[[Process], None]] = field(default_factory=list)
    """Called after each decision."""
    waits_for_store: bool = False
    due: float = 0.0
    """When discovery comes again."""
    rest: Rest = Rest.MOVING
    """Where the Cell stood when a decision asked for nothing more: what `okra run` is told."""
    lost_race: bool = False
    """Somebody else persisted first."""

    def __post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        self.state, self.revision, self.unsaved = self.world.stored, self.world.revision, False

    def restart(self) -> None:
        """kill -9, and a new process."""
        self.obs = Observation(deleting=self.obs.deleting, may_write=self.obs.may_write)
        self.wake, self.decision, self.due, self.rest = None, None, 0.0, Rest.MOVING
        self.pending.clear()
        self.spreading.clear()
        self.load()

    # -- observations ----------------------------------------------------------------------------------------------

    def see(self, **changes: Any) -> None:
        self.obs = replace(self.obs, **changes)

    def discover(self) -> None:
        if not self.blind:
            found = self.world.inventory()
            self.see(groups=tuple(group for group in found if group.arn not in self.missing))
            self.missing.clear()
        self.see(commands=tuple(self.world.commands))
        self.read()

    def keys(self) -> list[str]:
        return list(dict.fromkeys([r.key for r in self.state.routes] + [r.key for r in self.policy.routes]))

    def read(self, stale: Mapping[str, Mapping[str, int]] | None = None) -> None:
        for key in self.keys():
            if self.blind:
                self.see(problems={**self.obs.problems, key: Problem("Unavailable", "No answer.", fatal=False)})
                continue
            trouble = self.world.troubles.get(key)
            if isinstance(trouble, Problem):
                self.see(problems={**self.obs.problems, key: trouble})
                continue
            spreads = self.world.now - self.world.skew < self.spreading.get(key, 0.0)
            reading = replace(self.world.reading(key, self.stale_by), pending=spreads)
            if trouble is not None:
                reading = replace(reading, action=trouble, weights={})
            if stale and key in stale:
                reading = replace(reading, weights=dict(stale[key]))
            self.saw(key, reading)

    def saw(self, key: str, reading: RouteReading) -> None:
        old = self.obs.readings.get(key)
        previous = {**self.obs.previous, **({key: old} if old else {})}
        problems = {k: problem for k, problem in self.obs.problems.items() if k != key}
        self.see(readings={**self.obs.readings, key: reading}, previous=previous, problems=problems)

    def read_health(self, arns: Iterable[str]) -> None:
        for arn in sorted(arns):
            group = self.world.groups.get(arn)
            if group is None or not group.exists or self.blind:
                continue
            healthy = group.healthy if self.world.attached(arn) else 0
            targets = frozenset(f"{arn}:{group.revision}:{i}" for i in range(group.registered))
            health = TargetHealth(healthy, group.registered, self.world.tick(), targets)
            self.see(health={**self.obs.health, arn: (*self.obs.health.get(arn, ()), health)[-3:]})

    # -- turns -----------------------------------------------------------------------------------------------------

    def decide(self) -> Decision:
        if self.opens_at is not None:
            opens_at = self.opens_at + self.world.skew
            closed = self.world.now < opens_at
            self.see(may_write=not closed, opens_at=opens_at if closed else None)
            self.opens_at = self.opens_at if closed else None
        return decide(self.policy, self.state, self.obs, self.world.tick())

    def advance(self) -> bool:
        """Execute one effect, or decide. False: nothing to do at this moment."""
        if self.released:
            return False
        if self.pending:
            effect = self.pending.popleft()
            self.trace.append(effect)
            for watcher in self.watchers:
                watcher(self, effect)
            done = self.execute(effect)
            for follower in self.after:
                follower(self, effect, done)
            if not done:
                self.pending.clear()
            return done or not self.waits_for_store
        self.waits_for_store = False
        self.decided_on, self.decided_from = self.obs, self.state
        decision = self.decide()
        self.decision, self.wake = decision, decision.wake_at
        effects = list(decision.effects)
        if self.unsaved and not any(isinstance(effect, Persist) for effect in effects):
            effects.insert(0, Persist(decision.state, urgent=True))
            if self.fault(effects[0]) == DOWN:
                effects.pop(0)
        if not any(isinstance(effect, Persist) for effect in effects):
            self.state = decision.state
        self.pending.extend(effects)
        if not effects:
            self.rest = rest(self.policy, self.state, self.obs)
        for listener in self.deciding:
            listener(self)
        return bool(effects)

    def land(self, which: int = 0) -> None:
        """A late write lands, if AWS still takes it."""
        write = self.late.pop(which)
        if not self.world.refusal(write.route, write.weights):
            author = ARRIVED_LATE if write.in_time(self.world) else FAR_TOO_LATE
            self.world.write(write.route, write.weights, author)

    def execute(self, effect: Effect) -> bool:
        match effect:
            case Persist():
                return self._persist(effect, self.fault(effect))
            case SetWeights():
                fault = self.fault(effect)
                if fault == UNMADE:
                    return False
                self._write(effect, fault)
            case CreateRule():
                fault = self.fault(effect)
                if fault == UNMADE:
                    return False
                self._make(effect, fault)
            case Claim(route=key):
                self.fault(effect)
                self.world.owners.setdefault(key, self.policy.owner)
                self.see(owners={**self.obs.owners, key: self.world.owners[key]})
            case Observe(health=arns):
                self.fault(effect)
                self.read()
                self.read_health(arns)
                self.see(swept_at=self.world.tick())
            case RunChecks(checks=checks, token=token):
                self.fault(effect)
                self.see(requested=token)
                for check in checks:
                    known = self.world.recorded.get((check, token))
                    verdict = self.world.verdicts(check, token) if known is None else known.verdict
                    if verdict is not None:
                        self.deliver(check, verdict)
            case Release():
                self.released = True
            case Emit():
                self.fault(effect)
                self.world.events.append(effect)
        return True

    def deliver(self, check: str, verdict: Verdict) -> None:
        """The verdict of the series that was asked for last."""
        token = self.obs.requested
        assert token is not None
        result = SeriesResult(check, token, verdict, f"{check} {verdict}.", self.world.tick())
        self.world.recorded[check, token] = result
        self.world.measured.setdefault((check, token), self.world.now - self.world.skew)
        self.see(results=(*self.obs.results, result)[-40:])

    def _persist(self, effect: Persist, fault: str | None) -> bool:
        if fault == DOWN:
            if effect.urgent:
                self.state, self.unsaved = effect.state, True
            else:
                self.waits_for_store, self.wake = True, self.world.now + 1.0
            return effect.urgent
        if self.revision != self.world.revision:
            self.load()
            self.see(writes={}, readings={}, previous={}, swept_at=None)
            self.lost_race = True
            return False
        self.world.stored = replace(effect.state, watch=replace(effect.state.watch, seen_at=None))
        self.world.revision += 1
        if fault == LOST:
            if effect.urgent:
                self.state, self.unsaved = effect.state, True
            return effect.urgent
        self.state, self.revision, self.unsaved = effect.state, self.world.revision, False
        return True

    def _write(self, effect: SetWeights, fault: str | None) -> None:
        refusal = self.world.refusal(effect.route, effect.weights) or ("Refused" if fault == REFUSED else "")
        outcome, problem = WriteOutcome.ACKNOWLEDGED, None
        if refusal:
            outcome, problem = WriteOutcome.REFUSED, Problem(refusal, f"AWS says {refusal}.")
        elif fault in (LOST, DROPPED, LATE):
            outcome, problem = WriteOutcome.UNKNOWN, Problem("Unavailable", "No answer.", fatal=False)
        if not refusal and fault == LATE:
            sent_at = self.world.now - self.world.skew
            self.late.append(InFlight(effect.route, effect.weights, sent_at, recorded=not self.unsaved))
        elif not refusal and fault != DROPPED:
            self.world.write(effect.route, effect.weights)
        if outcome is WriteOutcome.ACKNOWLEDGED and is_record(effect.route):
            self.spreading[effect.route] = self.world.now - self.world.skew + self.world.spreads_for
        self._answered(effect, outcome, problem)

    def _make(self, effect: CreateRule, fault: str | None) -> None:
        trouble, outcome, problem = self.world.troubles.get(effect.route), WriteOutcome.ACKNOWLEDGED, None
        if fault == REFUSED:
            outcome, problem = WriteOutcome.REFUSED, Problem("TooManyRules", "AWS says TooManyRules.")
        elif not isinstance(trouble, Problem) or trouble.reason != ABSENT:
            outcome, problem = WriteOutcome.REFUSED, Problem("Conflict", "There is one by now.", fatal=False)
        elif fault in (LOST, DROPPED, LATE):
            outcome, problem = WriteOutcome.UNKNOWN, Problem("Unavailable", "No answer.", fatal=False)
        if outcome is WriteOutcome.ACKNOWLEDGED or (outcome is WriteOutcome.UNKNOWN and fault == LOST):
            self.world.make(effect.route, self.world.defaults.get(effect.route, self.world.routes[effect.route]))
            self.world.owners[effect.route] = self.policy.owner
        self._answered(effect, outcome, problem)

    def _answered(self, effect: SetWeights | CreateRule, outcome: WriteOutcome, problem: Problem | None) -> None:
        before = self.obs.writes.get(effect.route)
        failures = 0 if problem is None else (before.failures if before else 0) + 1
        answer = Write(effect.serial, outcome, self.world.tick(), problem, failures)
        self.see(writes={**self.obs.writes, effect.route: answer})

    # -- time ------------------------------------------------------------------------------------------------------

    def settle(self, most: int = 300) -> None:
        """Decide and execute until nothing is to be done at this moment."""
        for _ in range(most):
            if not self.advance():
                return
        raise AssertionError(f"no rest after {most} effects: {self.told()}")

    def told(self) -> str:
        """For people: what the Cell is at, and how each route stands."""
        state, lines = self.state, []
        for route in state.routes:
            reading, write = self.obs.readings.get(route.key), self.obs.writes.get(route.key)
            lines += [
                f"{route.key}: stable {describe(route.stable)}; canary {describe(dict.fromkeys(route.canary, 0))};",
                f"  asked {describe(route.asked)} ({route.serial}, {route.confirmed_at});",
                f"  shown {describe(reading.weights) if reading else None} of {reading and reading.began_at}; {write}",
                f"  true {describe(self.world.routes[route.key])}",
            ]
        step = state.rollout.step if state.rollout else None
        last = [brief(effect) for effect in self.trace[-8:]]
        last += [f"{event.reason}: {event.message}" for event in self.world.events[-8:]]
        return "\n".join([f"{state.phase} {step} {state.hold} {state.condition} {self.world.now}", *lines, str(last)])

    def run(self, seconds: float, discovery: float = 30.0) -> None:
        """Let time pass: wake when asked to, discover every so often."""
        end = self.world.now + seconds
        while self.world.now < end:
            if not 0 < self.due - self.world.now <= discovery:
                self.discover()
                self.due = self.world.now + discovery
            self.settle()
            upcoming = [at for at in (self.wake, self.due) if at is not None]
            self.world.now = max(min([*upcoming, end]), self.world.now) + 0.0005

    def until(self, condition: Callable[[], bool], within: float = 3600.0) -> None:
        """Let time pass until the condition holds."""
        end = self.world.now + within
        while not condition():
            assert self.world.now < end, f"not within {within} s: {self.state.condition} {self.world.routes}"
            self.run(1.0)
