"""What Okra read from AWS, metrics and people at one moment: the core's only input from outside.

Times are seconds since the epoch as the injected clock gives them. A reading's `began_at` is when the call was *sent*:
what it shows is at least that old, so only a reading begun after an acknowledgement can confirm it (DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Weights = Mapping[str, int]
"""Target group ARN → weight, in the order of the load balancer's action."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """NOTHING as a default: before Python 3.12 dataclasses take an (unhashable) mappingproxy for a mutable one."""
    return NOTHING


class Action(StrEnum):
    """What a route does with a request."""

    FORWARD = "forward"
    REDIRECT = "redirect"
    FIXED_RESPONSE = "fixed-response"
    UNSUPPORTED = "unsupported"
    """An action type that the SDK doesn't know: it can't be resent unharmed, so it is never written."""


ABSENT = "RuleAbsent"
"""`Problem.reason` of a route that isn't there, and that the spec says enough of to make it."""
OVERLAPS = "RulesOverlap"
"""`Problem.reason` of one that is not to be made: another rule may have its requests now."""


class LoadBalancerType(StrEnum):
    APPLICATION = "application"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class RouteReading:
    """One route as one read showed it."""

    arn: str
    """The rule's ARN, or the listener's for a default action."""
    began_at: float
    weights: Weights = field(default_factory=nothing)
    """Empty unless `action` is FORWARD."""
    action: Action = Action.FORWARD
    sticky: bool = False
    """Group stickiness is on (`TargetGroupStickinessConfig`): it outranks weights for clients that hold the cookie."""
    load_balancer_arn: str = ""
    load_balancer_type: LoadBalancerType = LoadBalancerType.APPLICATION
    vpc_id: str = ""
    protocol: str = ""
    """The listener's: HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP …"""
    differs: str = ""
    """How the requests that the rule takes differ from those that it should take, in words; empty: they don't."""
    pending: bool = False
    """The last write of this process isn't on every DNS server yet (Route 53's PENDING), though this reads it; or
    nobody says so, for the reason that `problem` has."""
    problem: Problem | None = None
    raw: Any = field(default=None, compare=False, repr=False)
    """The whole action list as the API gave it. Opaque here; `TrafficRouter.write` resends it with new weights."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A discovered target group. `tags` are its labels."""

    arn: str
    name: str
    tags: Mapping[str, str] = field(default_factory=nothing)
    vpc_id: str = ""
    protocol: str = ""
    """HTTP, HTTPS (application); TCP, TLS, UDP, TCP_UDP (network); GENEVE (gateway)."""
    load_balancer_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One successful DescribeTargetHealth of one group. A failed read makes none: it is not evidence."""

    healthy: int
    registered: int
    began_at: float
    targets: frozenset[str] = frozenset()
    """`id:port` of each registered target: a group that failed its gate starts again when these change."""


class WriteOutcome(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    """AWS said success."""
    REFUSED = "refused"
    """AWS said no, certainly not applied; the reason is in `problem`."""
    UNKNOWN = "unknown"
    """No answer: it may have been applied, or be applied late."""


@dataclass(frozen=True, slots=True)
class Write:
    """The last SetWeights of *this process* on a route. A new process has none, however much it finds in status."""

    serial: int
    """`RouteState.serial` of the ask that this write carried out."""
    outcome: WriteOutcome
    at: float
    """When the answer came."""
    problem: Problem | None = None
    failures: int = 0
    """How many writes on this route in a row were not acknowledged: the base of the backoff."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A condition: CamelCase reason and one sentence that says what to do. From an `okra.errors.OkraError`."""

    reason: str
    message: str
    fatal: bool = True
    """False: it may pass by itself (a timeout, a throttle)."""


class Verdict(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    """More consecutive errors than the check allows: says nothing about the app."""


@dataclass(frozen=True, slots=True)
class Token:
    """Which attempt an effect or a verdict belongs to. One of another attempt is ignored."""

    rollout: int
    step: int
    attempt: int
    series: int = 0


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """The verdict of one check on one series of measurements."""

    check: str
    token: Token
    verdict: Verdict
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class Command:
    """A person's command (DESIGN §4b). Each id is executed once."""

    id: str
    verb: str
    arg: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything known at one moment. Maps by route are keyed by `RouteRef.key`, by group by ARN."""

    groups: tuple[TargetGroup, ...] | None = None
    """Every target group that the selector matches, or None before the first discovery."""
    readings: Mapping[str, RouteReading] = field(default_factory=nothing)
    previous: Mapping[str, RouteReading] = field(default_factory=nothing)
    """An earlier reading, for what needs two that agree: where there is one, old enough that not both can be stale."""
    writes: Mapping[str, Write] = field(default_factory=nothing)
    health: Mapping[str, tuple[TargetHealth, ...]] = field(default_factory=nothing)
    """The newest three successful readings of each group, oldest first."""
    owners: Mapping[str, str] = field(default_factory=nothing)
    """The owner tag's value on each claimed route, as this process last read it."""
    settling: Mapping[str, float] = field(default_factory=nothing)
    """Routes that are tagged as ours, but so recently that another's claim may still land → until when."""
    problems: Mapping[str, Problem] = field(default_factory=nothing)
    """Why a route can't be read or written, by key; `""` for what concerns them all (discovery, credentials)."""
    swept_at: float | None = None
    """When this process last finished reading every route and the health that was asked for, whatever it brought."""
    read_wait: float = 0.0
    """Seconds that a read would have waited for AWS's rate budget after that: polls stretch by it."""
    results: tuple[SeriesResult, ...] = ()
    requested: Token | None = None
    """The series that this process asked for last: it is running, or its results are here."""
    missing_check: Problem | None = None
    """Why one of the Checks that the spec only names can't be asked; looked at while a rollout is at the gate."""
    commands: tuple[Command, ...] = ()
    active_flows: Mapping[str, float] = field(default_factory=nothing)
    """Requests or flows that a group at weight 0 still has; absent when unknown."""
    deleting: bool = False
    """The Cell is to be let go: it has a deletionTimestamp, or (`unselected`) isn't this Okra's any more."""
    unselected: bool = False
    """This Okra's selector doesn't match the Cell any more."""
    may_write: bool = True
    """False under `--read-only`, or without a valid lease: decide and report, never write."""
    opens_at: float | None = None
    """Where nothing may be written: when that may change by itself (a new leader lets its predecessor's writes land
    first), epoch seconds. None: this Okra only looks."""
