"""A simulated AWS, store and shell around `decide`, for tests of the core: time, health, faults and people are ours.

`World` is what is true. `Controller` is one process: it has a state read from the store, what it observed, and executes
effects one at a time, so that a test can fail, lose, delay or cut between any two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from okra.rollout.effects import Claim, Effect, Emit, Observe, Persist, Release, RunChecks, SetWeights
from okra.rollout.machine import decide
from okra.rollout.observation import (
    Command,
    Observation,
    Problem,
    RouteReading,
    SeriesResult,
    TargetGroup,
    TargetHealth,
    Token,
    Verdict,
    Write,
    WriteOutcome,
)
from okra.rollout.policy import Policy, RoutePolicy
from okra.rollout.state import State, Step, StepKind

LABEL = "okra.mumoshu.github.io/version"
LB = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/lb/1"


def tg(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/0123456789abcdef"


def canary_plan(step: int = 10, total: int = 100, interval: float = 60.0) -> tuple[Step, ...]:
    shares = [min(Fraction(step * k, total), Fraction(1)) for k in range(1, -(-total // step) + 1)]
    return tuple(Step(StepKind.SET_WEIGHT, share, interval) for share in shares)


def policy(routes: tuple[str, ...] = ("r",), **changes: object) -> Policy:
    base = Policy(
        routes=tuple(RoutePolicy(key) for key in routes),
        plan=canary_plan(),
        owner="okra/default/web",
        name="web",
        replicas=1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Group:
    version: str | None
    healthy: int = 2
    registered: int = 2
    exists: bool = True
    route: str = "r"


class Cut(Exception):
    """The process died here."""


@dataclass
class World:
    """What AWS, the store and the metrics really hold."""

    routes: dict[str, dict[str, int]]
    groups: dict[str, Group]
    now: float = 1_000_000.0
    stored: State = field(default_factory=State)
    revision: int = 0
    owners: dict[str, str] = field(default_factory=dict)
    verdicts: Callable[[str, Token], Verdict | None] = lambda check, token: Verdict.PASSED
    commands: list[Command] = field(default_factory=list)
    sticky: bool = False
    history: list[tuple[float, str, dict[str, int]]] = field(default_factory=list)
    events: list[Emit] = field(default_factory=list)

    def tick(self) -> float:
        self.now += 0.001
        return self.now

    def write(self, key: str, weights: Mapping[str, int]) -> None:
        self.routes[key] = dict(weights)
        self.history.append((self.now, key, dict(weights)))

    def share(self, version: str, key: str = "r") -> Fraction:
        weights = self.routes[key]
        part = sum(w for arn, w in weights.items() if self.groups[arn].version == version)
        return Fraction(part, sum(weights.values()) or 1)

    def inventory(self) -> tuple[TargetGroup, ...]:
        return tuple(
            TargetGroup(arn, arn.split("/")[1], {LABEL: g.version, "route": g.route} if g.version else {})
            for arn, g in self.groups.items()
            if g.exists
        )

    def attached(self, arn: str) -> bool:
        return any(arn in weights for weights in self.routes.values())


@dataclass
class Controller:
    """One process running `decide` on the world. `faults(effect)` may return "lost", "refused", "late" or raise Cut."""

    world: World
    policy: Policy
    fault: Callable[[Effect], str | None] = lambda effect: None
    state: State = field(default_factory=State)
    revision: int = 0
    obs: Observation = field(default_factory=Observation)
    wake: float | None = None
    trace: list[Effect] = field(default_factory=list)
    released: bool = False

    def __post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        self.state, self.revision = self.world.stored, self.world.revision

    def restart(self) -> None:
        """kill -9, and a new process."""
        self.obs = Observation()
        self.wake = None
        self.load()

    # -- observations ----------------------------------------------------------------------------------------------

    def see(self, **changes: object) -> None:
        self.obs = replace(self.obs, **changes)  # type: ignore[arg-type]

    def discover(self) -> None:
        self.see(groups=self.world.inventory(), commands=tuple(self.world.commands))
        self.read()

    def keys(self) -> list[str]:
        return list({route.key: None for route in (*self.state.routes, *self.policy.routes)})

    def read(self, stale: Mapping[str, Mapping[str, int]] | None = None) -> None:
        for key in self.keys():
            if key not in self.world.routes:
                continue
            weights = dict((stale or {}).get(key, self.world.routes[key]))
            reading = RouteReading(key, self.world.tick(), weights, sticky=self.world.sticky)
            old = self.obs.readings.get(key)
            previous = {**self.obs.previous, **({key: old} if old else {})}
            self.see(readings={**self.obs.readings, key: reading}, previous=previous)

    def read_health(self, arns: frozenset[str]) -> None:
        for arn in sorted(arns):
            group = self.world.groups.get(arn)
            if group is None or not group.exists:
                continue
            healthy = group.healthy if self.world.attached(arn) else 0
            targets = frozenset(f"{arn}:{i}" for i in range(group.registered))
            health = TargetHealth(healthy, group.registered, self.world.tick(), targets)
            self.see(health={**self.obs.health, arn: (*self.obs.health.get(arn, ()), health)[-3:]})

    # -- turns -----------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Decide once and execute. True when it should decide again at once."""
        decision = decide(self.policy, self.state, self.obs, self.world.tick())
        self.wake = decision.wake_at
        persisted = False
        for effect in decision.effects:
            self.trace.append(effect)
            if not self.execute(effect):
                return True
            persisted = persisted or isinstance(effect, Persist)
        self.state = decision.state if persisted or not decision.effects else self._unpersisted(decision.state)
        return any(not isinstance(effect, RunChecks | Emit) for effect in decision.effects)

    def _unpersisted(self, state: State) -> State:
        return state

    def execute(self, effect: Effect) -> bool:
        fault = self.fault(effect)
        match effect:
            case Persist(state=state, urgent=urgent):
                if fault == "down":
                    return urgent
                if self.revision != self.world.revision:
                    self.load()
                    return False
                self.world.stored = replace(state, watch=replace(state.watch, seen_at=None))
                self.world.revision += 1
                self.revision = self.world.revision
                self.state = state
                if fault == "lost":
                    self.load()
                    return False
            case SetWeights(route=key, weights=weights, serial=serial):
                failures = self.obs.writes[key].failures + 1 if key in self.obs.writes else 1
                if fault == "refused":
                    problem = Problem("Refused", "AWS says no.", fatal=True)
                    write = Write(serial, WriteOutcome.REFUSED, self.world.tick(), problem, failures)
                elif fault in ("lost", "late"):
                    if fault == "lost":
                        self.world.write(key, weights)
                    problem = Problem("Unavailable", "No answer.", fatal=False)
                    write = Write(serial, WriteOutcome.UNKNOWN, self.world.tick(), problem, failures)
                else:
                    self.world.write(key, weights)
                    write = Write(serial, WriteOutcome.ACKNOWLEDGED, self.world.tick())
                self.see(writes={**self.obs.writes, key: write})
            case Claim(route=key):
                self.world.owners.setdefault(key, self.policy.owner)
                self.see(owners={**self.obs.owners, key: self.world.owners[key]})
            case Observe(health=arns):
                self.read()
                self.read_health(arns)
                self.see(swept_at=self.world.tick())
            case RunChecks(checks=checks, token=token):
                self.see(requested=token)
                for check in checks:
                    verdict = self.world.verdicts(check, token)
                    if verdict is not None:
                        result = SeriesResult(check, token, verdict, str(verdict), self.world.tick())
                        self.see(results=(*self.obs.results, result)[-40:])
            case Release():
                self.released = True
            case Emit():
                self.world.events.append(effect)
        return True

    def settle(self, most: int = 500) -> None:
        """Decide until nothing is to be done at this moment."""
        for _ in range(most):
            pending = isinstance(self.state, State) and self.turn()
            if not pending and not self._has_news():
                return
        raise AssertionError(f"no rest after {most} turns: {self.state.condition} {self.trace[-6:]}")

    def _has_news(self) -> bool:
        """Results that came in while executing the last effects."""
        last = self.trace[-1] if self.trace else None
        if isinstance(last, RunChecks | Emit) and self.obs.requested is not None:
            news = any(result.token == self.obs.requested for result in self.obs.results)
            seen, self._seen = getattr(self, "_seen", None), (self.obs.requested, len(self.obs.results))
            return news and seen != self._seen
        return False

    def run(self, seconds: float, discovery: float = 30.0) -> None:
        """Let time pass: wake when asked to, discover every so often."""
        end = self.world.now + seconds
        due = self.world.now
        while self.world.now < end:
            if self.world.now >= due:
                self.discover()
                due = self.world.now + discovery
            self.settle()
            upcoming = [t for t in (self.wake, due) if t is not None]
            self.world.now = max(min([*upcoming, end]), self.world.now) + 0.0005
