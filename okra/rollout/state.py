"""The state of one Cell's rollout: everything that a restarted process needs, and nothing else (DESIGN §3).

`okra.rollout.status` writes it to `status` and reads it back; only `Watch.seen_at` dies with the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from okra.rollout.observation import Token, Weights


class Phase(StrEnum):
    IDLE = "Idle"
    """At rest: the stable groups hold the traffic."""
    GATE = "Gate"
    """Canary groups attached at weight 0, until they are healthy and the prechecks passed."""
    STEP = "Step"
    """Walking the plan."""
    BAKE = "Bake"
    """At 100 %: checks still run, then the postchecks."""
    REVERT = "Revert"
    """Putting the stable weights back."""
    STOPPED = "Stopped"
    """`onFailure: Stop`: the weights stay where they are until a person decides."""


FORWARD = (Phase.GATE, Phase.STEP, Phase.BAKE)
"""On its way up."""
RUNNING = (*FORWARD, Phase.STOPPED)
"""Whatever its canary holds, a revert hasn't begun."""


class RolloutKind(StrEnum):
    """What kind of movement a rollout is."""

    CANARY = "Canary"
    ROLLBACK = "Rollback"
    """A person or a pin asked for an older version: one step of 100 behind the health gate, no checks."""
    JOIN = "Join"
    """A further group of the stable version: one step to its even share; nothing is blocked when it fails."""
    FIRST = "FirstPlacement"
    """Nothing carries traffic: equal weights at once, as ELB checks no group that isn't attached."""


class Outcome(StrEnum):
    RUNNING = "Running"
    SYNCED = "Synced"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    WITHDRAWN = "Withdrawn"
    STOPPED = "Stopped"


class StepKind(StrEnum):
    SET_WEIGHT = "setWeight"
    PAUSE = "pause"
    APPROVAL = "approval"
    ANALYSIS = "analysis"


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a plan. `share` is what the canary carries while it lasts."""

    kind: StepKind
    share: Fraction
    wait: float | None = 0.0
    """Watched seconds at this share before the series of checks (setWeight), or in all; None: until `resume`."""
    checks: tuple[str, ...] | None = None
    """Names of the checks of an analysis; None: the Cell's own."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded verdict against the rollout: it outranks drift, survives restarts, and leads to a revert."""

    reason: str
    message: str
    at: float
    outcome: Outcome = Outcome.FAILED
    block: bool = True
    set_aside: bool = False
    """Don't start the same groups again by itself, though the version isn't blocked."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt to move the routes to `version`."""

    number: int
    version: str
    kind: RolloutKind
    plan: tuple[Step, ...]
    started_at: float
    step: int = 0
    attempt: int = 1
    """Grows whenever what was measured so far no longer counts (drift, retry)."""
    series: int = 0
    """How many series of checks this step has passed."""
    approved: bool = False
    resumed: bool = False
    promoted: bool = False
    failing_since: float | None = None
    """When the first of the prechecks that fail now failed (they are retried for `onFailure.delay`)."""
    failure: Failure | None = None
    outcome: Outcome = Outcome.RUNNING
    ended_at: float | None = None

    @property
    def current(self) -> Step:
        return self.plan[min(self.step, len(self.plan) - 1)]

    @property
    def token(self) -> Token:
        return Token(self.number, self.step, self.attempt, self.series)


@dataclass(frozen=True, slots=True)
class RouteState:
    """What Okra asked of one route."""

    key: str
    arn: str = ""
    """Resolved once from the priority, then pinned."""
    stable: Weights = field(default_factory=dict)
    """The exact weights of the groups that hold the traffic at rest: what a revert ends at."""
    canary: tuple[str, ...] = ()
    """Frozen at the rollout's start."""
    goal: Weights = field(default_factory=dict)
    """The weights at the end of the way, frozen as well; empty: all of the traffic to the canary, equally."""
    asked: Weights = field(default_factory=dict)
    """What was last asked for. A record, not a licence."""
    basis: Weights = field(default_factory=dict)
    """What the route showed when that was asked: a write that never arrived leaves this."""
    serial: int = 0
    """Grows with every ask; each has its own, so an answer can't be taken for another's."""
    confirmed_at: float | None = None
    unacknowledged: tuple[Weights, ...] = ()
    """Superseded asks of this rollout whose outcome is unknown: they may land late, and aren't drift then."""
    lands_by: float | None = None
    """When the last write of unknown outcome has landed, if it ever does; None: nothing is on its way."""
    retained: Mapping[str, float] = field(default_factory=dict)
    """Former groups attached at 0 for an instant rollback → when that ends."""


@dataclass(frozen=True, slots=True)
class Block:
    version: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class SetAside:
    """A version that is not blocked, but whose same groups don't start again by themselves."""

    version: str
    groups: tuple[str, ...]
    targets: tuple[str, ...]
    """Their registered targets then: other ones are a reason to try again."""
    reason: str = ""


MOST_WARNINGS = 10
DRIFTED = "WeightsDrifted"
INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True)
class Hold:
    """Only a person lifts it: WeightsDrifted, Inconclusive."""

    reason: str
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class Handled:
    """A command that was executed, or refused, once."""

    id: str
    verb: str
    by: str
    at: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Seconds in which Okra watched. What nobody watched is no evidence and counts toward no deadline."""

    step: float = 0.0
    """Since the present weights were confirmed, or the gate was attached."""
    total: float = 0.0
    """Of this rollout, toward `progressDeadline`: not while a person is awaited, not before the first weight."""
    seen_at: float | None = field(default=None, compare=False)
    """When this process last looked."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Why the Cell is where it is, for people: CamelCase reason, one sentence."""

    reason: str = "Pending"
    message: str = "Waiting for the first discovery."
    permanent: bool = False
    """Nothing changes until a person acts on AWS or the spec (RouteConflict, AccessDenied …)."""


@dataclass(frozen=True, slots=True)
class State:
    phase: Phase = Phase.IDLE
    stable_version: str | None = None
    previous_version: str | None = None
    routes: tuple[RouteState, ...] = ()
    rollout: Rollout | None = None
    """The present rollout, or the last one."""
    rollouts: int = 0
    blocked: tuple[Block, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    hold: Hold | None = None
    paused: bool = False
    """By the command `pause`."""
    commands: tuple[Handled, ...] = ()
    condition: Condition = Condition()
    warnings: tuple[str, ...] = ()
    """What is ignored and why (a stray tag, a group of another VPC)."""
    watch: Watch = Watch()
    """Running clocks are saved with other changes, never for themselves."""

    @property
    def moving(self) -> bool:
        return self.phase is not Phase.IDLE

    def is_blocked(self, version: str) -> bool:
        return any(block.version == version for block in self.blocked)
