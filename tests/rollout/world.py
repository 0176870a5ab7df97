"""A simulated AWS, store and metrics around `decide`: time, health, faults and people are ours.

`World` is what is true. `tests.rollout.process` runs `decide` on it, one effect at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from okra.api.records import is_record
from okra.rollout.effects import Emit
from okra.rollout.observation import (
    ABSENT,
    Action,
    Command,
    Problem,
    RouteReading,
    SeriesResult,
    TargetGroup,
    Token,
    Verdict,
)
from okra.rollout.policy import Policy, bare
from okra.rollout.state import State, Step, StepKind

LABEL = "okra.mumoshu.github.io/version"
PLACES, RECORDS = 5, 100
HEAVIEST, HEAVIEST_RECORD = 999, 255
RECORD_SET = "arn:aws:route53:aws-global::recordset/Z1/{}/A"
"""What the key of a route that is a set of records looks like."""
OKRA, ARRIVED_LATE, FAR_TOO_LATE, PERSON, ABORT = "okra", "late", "far too late", "person", "abort"
"""Who made a route show what it shows; an abort is a person's edit that takes traffic off a canary."""


def places(key: str) -> int:
    return RECORDS if is_record(key) else PLACES


def heaviest(key: str) -> int:
    return HEAVIEST_RECORD if is_record(key) else HEAVIEST


def tg(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/0123456789abcdef"


def canary_plan(step: int = 10, total: int = 100, interval: float = 60.0) -> tuple[Step, ...]:
    shares = [min(Fraction(step * k, total), Fraction(1)) for k in range(1, -(-total // step) + 1)]
    return tuple(Step(StepKind.SET_WEIGHT, share, interval) for share in shares)


@dataclass(frozen=True)
class On:
    """A selector of the groups made for one route."""

    route: str

    def __call__(self, tags: Mapping[str, str]) -> bool:
        return tags.get("route") == self.route


def policy(routes: tuple[str, ...] = ("r",), **changes: Any) -> Policy:
    base = Policy(
        routes=tuple(replace(bare(key), selects=On(key)) for key in routes),
        plan=canary_plan(),
        owner="okra/default/web",
        name="web",
        replicas=1,
    )
    return replace(base, **changes)


@dataclass
class Group:
    version: str | None
    healthy: int = 2
    registered: int = 2
    exists: bool = True
    route: str = "r"
    revision: int = 0
    """Changes when other targets are registered."""


@dataclass(frozen=True)
class Shown:
    """One state of a route, from `at` on."""

    at: float
    weights: Mapping[str, int]
    author: str


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
    recorded: dict[tuple[str, Token], SeriesResult] = field(default_factory=dict)
    """`Check.status`: what was measured is answered again, never measured twice."""
    measured: dict[tuple[str, Token], float] = field(default_factory=dict)
    """When that was (true time)."""
    commands: list[Command] = field(default_factory=list)
    sticky: bool = False
    action: Action = Action.FORWARD
    troubles: dict[str, Action | Problem] = field(default_factory=dict)
    """By route: what it does instead, or why it can't be read."""
    arns: dict[str, str] = field(default_factory=dict)
    """By route: the rule's ARN, where it isn't the route's key."""
    takes: dict[str, str] = field(default_factory=dict)
    """By route: how the requests that it takes differ from those that it should take."""
    commanded: int = 0
    defaults: dict[str, dict[str, int]] = field(default_factory=dict)
    """By route: where its listener forwards to by default; else to what the route showed last."""
    spreads_for: float = 20.0
    """Seconds until all of Route 53's servers have a change."""
    skew: float = 0.0
    """How far the clock was set since the beginning."""
    past: dict[str, list[Shown]] = field(default_factory=dict)
    seen: dict[tuple[str, float], Shown] = field(default_factory=dict)
    """What each read really showed, by route and the time it began."""
    events: list[Emit] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, weights in self.routes.items():
            self.past[key] = [Shown(self.now, dict(weights), PERSON)]

    def tick(self) -> float:
        self.now += 0.001
        return self.now

    # -- routes ----------------------------------------------------------------------------------------------------

    def write(self, key: str, weights: Mapping[str, int], author: str = OKRA) -> None:
        self.routes[key] = dict(weights)
        self.action = Action.FORWARD
        self.past[key].append(Shown(self.tick() - self.skew, dict(weights), author))

    def refusal(self, key: str, weights: Mapping[str, int]) -> str:
        """Why AWS refuses these weights on a route, or nothing."""
        if len(weights) > places(key):
            return "TooManyTargetGroups"
        if any(not 0 <= weight <= heaviest(key) for weight in weights.values()) or not sum(weights.values()):
            return "ValidationError"
        return "" if all(arn in self.groups and self.groups[arn].exists for arn in weights) else "NotFound"

    def shown(self, key: str, at: float) -> Shown:
        """What a read shows that is as old as `at`, seconds of true time."""
        return next((state for state in reversed(self.past[key]) if state.at <= at), self.past[key][0])

    def reading(self, key: str, stale: float = 0.0) -> RouteReading:
        began = self.tick()
        shown = self.seen[key, began] = self.shown(key, began - self.skew - stale)
        arn, differs = self.arns.get(key, key), self.takes.get(key, "")
        return RouteReading(arn, began, dict(shown.weights), self.action, sticky=self.sticky, differs=differs)

    def vanish(self, key: str) -> None:
        """The rule is deleted; one like it can be made."""
        self.troubles[key] = Problem(ABSENT, f"There is no rule {key} yet.")

    def make(self, key: str, weights: Mapping[str, int]) -> None:
        """The rule is there, and forwards as its listener does by default."""
        del self.troubles[key]
        self.arns[key] = f"{key}/{len(self.past[key])}"
        self.past[key] = [Shown(self.tick() - self.skew, dict(weights), PERSON)]
        self.routes[key] = dict(weights)

    def set_clock(self, by: float) -> None:
        self.now += by
        self.skew += by

    @property
    def history(self) -> list[tuple[float, str, dict[str, int]]]:
        """Every write of Okra's that arrived, oldest first."""
        states = [
            (s.at, key, dict(s.weights))
            for key, past in self.past.items()
            for s in past
            if s.author in (OKRA, ARRIVED_LATE, FAR_TOO_LATE)
        ]
        return sorted(states, key=lambda state: state[0])

    def share(self, version: str, key: str = "r") -> Fraction:
        weights = self.routes[key]
        part = sum(w for arn, w in weights.items() if self.groups[arn].version == version)
        return Fraction(part, sum(weights.values()) or 1)

    def attached(self, arn: str) -> bool:
        return any(arn in weights for weights in self.routes.values())

    # -- groups and people -----------------------------------------------------------------------------------------

    def inventory(self) -> tuple[TargetGroup, ...]:
        return tuple(
            TargetGroup(arn, arn.split("/")[1], {LABEL: g.version, "route": g.route} if g.version else {})
            for arn, g in self.groups.items()
            if g.exists
        )

    def add(self, version: str | None, *names: str, route: str = "r", healthy: int = 2) -> list[str]:
        for name in names:
            self.groups[tg(name)] = Group(version, healthy, max(healthy, 2), route=route)
        return [tg(name) for name in names]

    def command(self, verb: str, arg: str = "", id: str = "") -> None:
        self.commanded += 1
        self.commands.append(Command(id or f"c{self.commanded}", verb, arg, "ann"))
