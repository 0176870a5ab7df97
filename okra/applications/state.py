"""Everything about a complex Cell that a restarted process needs, and nothing else. `status` holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from okra.rollout.observation import Token
from okra.rollout.state import Handled


class Phase(StrEnum):
    """Of an application, and (all but PRECHECK_FAILED and its like) of the Cell: the seeds' words."""

    PENDING = "Pending"
    SYNCING = "Syncing"
    SYNCED = "Synced"
    PAUSED = "Paused"
    PRECHECK_FAILED = "PrecheckFailed"
    CHECK_FAILED = "CheckFailed"
    POSTCHECK_FAILED = "PostcheckFailed"
    REVERTING = "Reverting"
    FAILED_REVERTING = "FailedReverting"
    FAILED = "Failed"


class Stage(StrEnum):
    INIT = "Init"
    """Prechecks."""
    MIGRATING = "Migrating"
    """New clusters are published, then the traffic moves."""
    COMPLETING = "Completing"
    """Postchecks."""
    ERROR = "Error"
    """It failed: what was done is undone, or was."""
    COMPLETED = "Completed"


ROLLED_BACK = "RolledBack"
"""The reason of a Cell that is at rest where a person wants it, and not where its spec says."""


@dataclass(frozen=True, slots=True)
class Group:
    """A cluster's target group."""

    cluster: str
    arn: str
    eks: str = ""
    """The cluster's name in EKS, if that is another."""
    route: str = ""
    """The listener and rule that it is for, where the application has several."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A version of an application, where it ran or runs."""

    version: str
    clusters: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    route: str = ""
    """Listener and rule that its traffic is on (`route_key`), of several routes a word each; empty: it has none, or
    nobody knows."""
    deployed: bool = True
    """Argo CD deploys it there. What runs there by other means is published to nobody."""

    @property
    def routed(self) -> bool:
        """Did it have traffic to move when this began? An edit may have changed that since."""
        return bool(self.groups)


@dataclass(frozen=True, slots=True)
class Failure:
    """A verdict: it is recorded before anything is undone."""

    phase: Phase
    """CheckFailed and its like while that is undone, and why."""
    reason: str
    message: str
    at: float
    block: bool = True


@dataclass(frozen=True, slots=True)
class AppState:
    """One application."""

    name: str
    phase: Phase = Phase.PENDING
    stage: Stage | None = None
    message: str = ""
    target: Placement | None = None
    """What is being introduced; None: nothing moves."""
    synced: Placement | None = None
    """What it was last brought to: where a failure goes back to."""
    former: tuple[str, ...] = ()
    """Clusters that it ran on before, still published while the traffic could go back to them."""
    routes_before: tuple[str, ...] = ()
    """Rules that it was told to be on before, beside the one that it is on: they may forward to where it is."""
    attempt: int = 0
    """Grows with each start: what was measured for another one doesn't count."""
    series: int = 0
    """How many series of this attempt's checks are over."""
    passed: str | None = None
    """What the prechecks passed for: the forward configuration (its hash) and the version."""
    failing_since: float | None = None
    waited: float = 0.0
    """Watched seconds for Argo CD, in this stage."""
    failure: Failure | None = None
    moved_by: str = ""
    """The application whose child Cell moves its traffic, in lockstep; empty: its own."""
    blocked: tuple[str, ...] = ()
    """Versions that failed: they start again only by a person's command."""

    @property
    def moving(self) -> bool:
        return self.target is not None

    @property
    def token(self) -> Token:
        return Token(self.attempt, list(Stage).index(self.stage or Stage.INIT), 1, self.series)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A person's way back: the Cell goes by a spec that was kept, in place of its own of one generation."""

    name: str
    """The kept spec's."""
    revision: int
    generation: int
    by: str
    at: float

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"Rolled back to revision {self.revision}{by}; an edit of the spec ends that."


@dataclass(frozen=True, slots=True)
class State:
    applications: tuple[AppState, ...] = ()
    waited: float = 0.0
    """Watched seconds for clusters that aren't ready, while nothing moves."""
    seen_at: float | None = field(default=None, compare=False)
    commands: tuple[Handled, ...] = ()
    rolled_back: RolledBack | None = None
    phase: Phase = Phase.PENDING
    reason: str = "Pending"
    message: str = "Waiting for the clusters."

    def of(self, name: str) -> AppState:
        return next((each for each in self.applications if each.name == name), AppState(name))
