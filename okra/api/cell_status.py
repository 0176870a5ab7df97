"""A Cell's status: what people read, and everything that a restarted Okra needs to go on (DESIGN §3).

Maps by ARN are written as lists: a merge patch would keep the keys that are gone, and an API server sorts maps.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from okra.api.base import StatusModel
from okra.api.conditions import Condition

Time = Annotated[str, Field(max_length=40)]
ARN = Annotated[str, Field(max_length=2048)]
Line = Annotated[str, Field(max_length=4096)]


class GroupWeight(StatusModel):
    """A target group and its weight."""

    arn: ARN = Field(description="The target group.")
    weight: int = Field(description="Its weight: 0-999; a record's: 0-255.")


Weights = Annotated[tuple[GroupWeight, ...], Field(max_length=100)]


class Extra(StatusModel):
    """A former target group that stays attached at weight 0 for a rollback in one write."""

    arn: ARN = Field(description="The target group.")
    until: Time = Field(description="When it is let go.")


class RouteStatus(StatusModel):
    """What Okra asked of one route."""

    key: ARN = Field(description="How the spec names the route.")
    arn: ARN = Field(default="", description="The rule's or listener's ARN, resolved once.")
    stable: Weights = Field(default=(), description="The weights that a revert ends at.")
    canary: Annotated[tuple[ARN, ...], Field(max_length=100)] = Field(
        default=(), description="The target groups being introduced, frozen when the rollout started."
    )
    goal: Weights = Field(
        default=(), description="The weights that the rollout goes to; left out: all to the canary, equally."
    )
    asked: Weights = Field(default=(), description="The weights that Okra last asked for.")
    basis: Weights = Field(default=(), description="What the route showed when that was asked.")
    serial: int = Field(default=0, description="How many times Okra asked.")
    confirmed_at: Time | None = Field(default=None, description="When a read showed what was asked for.")
    unacknowledged: Annotated[tuple[Weights, ...], Field(max_length=8)] = Field(
        default=(), description="Earlier asks of this rollout that AWS never answered."
    )
    lands_by: Time | None = Field(
        default=None, description="Until when a write that AWS never answered may land; the route is read after that."
    )
    extras: Annotated[tuple[Extra, ...], Field(max_length=100)] = Field(
        default=(), description="Target groups kept at weight 0."
    )


class StepStatus(StatusModel):
    """One step of a rollout's plan."""

    kind: str = Field(max_length=63, description="setWeight, pause, approval or analysis.")
    share: str = Field(max_length=63, description="The canary's part of the traffic, as a fraction.")
    wait: float | None = Field(default=None, description="Seconds; left out: until a person acts.")
    checks: Annotated[tuple[str, ...], Field(max_length=32)] | None = Field(default=None, description="Check names.")


class FailureStatus(StatusModel):
    """The verdict against a rollout."""

    reason: str = Field(max_length=1024, description="Why, as one CamelCase word.")
    message: Line = Field(description="Why, for a person.")
    time: Time = Field(description="When.")
    outcome: str = Field(max_length=63, description="What the rollout ends as.")
    block: bool = Field(default=False, description="The version was blocked.")
    set_aside: bool = Field(default=False, description="The same groups don't start again by themselves.")


class RolloutStatus(StatusModel):
    """The present rollout, or the last one."""

    number: int = Field(description="Counts the Cell's rollouts.")
    version: str = Field(max_length=256, description="The version being introduced.")
    kind: str = Field(max_length=63, description="Canary, Rollback, Join or FirstPlacement.")
    plan: Annotated[tuple[StepStatus, ...], Field(max_length=1001)] = Field(description="Its steps.")
    started_at: Time = Field(description="When it began.")
    step: int = Field(default=0, description="Index of the present step.")
    attempt: int = Field(default=1, description="Which attempt at the step: what was measured before doesn't count.")
    series: int = Field(default=0, description="How many series of checks passed at this step.")
    approved: bool = Field(default=False, description="A person approved.")
    resumed: bool = Field(default=False, description="A person resumed.")
    promoted: bool = Field(default=False, description="A person promoted.")
    failing_since: Time | None = Field(default=None, description="Since when the prechecks fail.")
    failure: FailureStatus | None = Field(default=None, description="The verdict against it.")
    outcome: str = Field(default="Running", max_length=63, description="Running, or how it ended.")
    ended_at: Time | None = Field(default=None, description="When it ended.")


class BlockedVersion(StatusModel):
    """A version that isn't tried again until a person retries or unblocks it."""

    version: str = Field(max_length=256, description="The version.")
    reason: Line = Field(description="Why.")
    time: Time = Field(description="When.")


class SetAsideVersion(StatusModel):
    """Groups that don't start again by themselves, though their version isn't blocked."""

    version: str = Field(max_length=256, description="The version.")
    groups: Annotated[tuple[ARN, ...], Field(max_length=100)] = Field(description="Its target groups.")
    targets: Annotated[tuple[str, ...], Field(max_length=5000)] = Field(default=(), description="Their targets then.")
    reason: Line = Field(default="", description="Why.")


class Held(StatusModel):
    """What only a person lifts."""

    reason: str = Field(max_length=1024, description="Why, as one CamelCase word.")
    message: Line = Field(description="Why, and what to do.")
    time: Time = Field(description="Since when.")


class HandledCommand(StatusModel):
    """A command that was executed, or refused, once."""

    id: str = Field(max_length=256, description="Its id.")
    verb: str = Field(max_length=63, description="What it asked for.")
    by: str = Field(default="", max_length=256, description="Who.")
    time: Time = Field(description="When.")
    outcome: Line = Field(description="What came of it.")


class Watched(StatusModel):
    """Seconds in which Okra watched."""

    step: float = Field(default=0.0, description="At the present weights.")
    total: float = Field(default=0.0, description="Of this rollout, toward its deadline.")
    clusters: float = Field(default=0.0, description="That clusters weren't ready (complex shape).")


ClusterName = Annotated[str, Field(max_length=63)]


class ClusterTargetGroup(StatusModel):
    """The target group of a cluster."""

    cluster: ClusterName = Field(description="The cluster's name in the spec.")
    arn: ARN = Field(description="The target group.")
    eks_cluster: str = Field(default="", max_length=100, description="The cluster's name in EKS, if that is another.")
    route: str = Field(default="", max_length=1024, description="The route it is for, where there are several.")


class Placement(StatusModel):
    """A version of an application, and where it runs."""

    version: str = Field(max_length=256, description="What tells its clusters from others.")
    clusters: Annotated[tuple[ClusterName, ...], Field(max_length=64)] = Field(description="The clusters.")
    target_groups: Annotated[tuple[ClusterTargetGroup, ...], Field(max_length=64)] = Field(
        default=(), description="Their target groups."
    )
    route: str = Field(
        default="",
        max_length=8300,
        description="The listener, and the rule's priority, it is on; of several routes one after the other.",
    )
    deployed: bool = Field(default=True, description="By Argo CD, as the spec said that brought it there.")


class ApplicationFailure(StatusModel):
    """The verdict against a move, while it is undone."""

    phase: str = Field(max_length=63, description="PrecheckFailed, CheckFailed, PostcheckFailed, Failed or Reverting.")
    reason: str = Field(max_length=1024, description="Why, as one CamelCase word.")
    message: Line = Field(description="Why, for a person.")
    time: Time = Field(description="When.")
    block: bool = Field(default=False, description="The version is blocked when all is undone.")


class ApplicationStatus(StatusModel):
    """Where an application is (complex shape)."""

    name: str = Field(max_length=63, description="The application's name in the spec.")
    phase: str = Field(max_length=63, description="Pending, Syncing, Synced, PrecheckFailed, Reverting, Failed …")
    stage: str | None = Field(
        default=None, max_length=63, description="Init, Migrating, Completing, Error or Completed."
    )
    message: Line = Field(default="", description="Why, for a person.")
    target: Placement | None = Field(default=None, description="Where it is going; left out: nothing moves.")
    synced: Placement | None = Field(default=None, description="Where it last arrived: what a failure goes back to.")
    former: Annotated[tuple[ClusterName, ...], Field(max_length=256)] = Field(
        default=(), description="Clusters from before that it is still published to."
    )
    routes_before: Annotated[tuple[Annotated[str, Field(max_length=1024)], ...], Field(max_length=64)] = Field(
        default=(), description="Rules that it was on before: they may forward to its clusters still."
    )
    moved_by: str = Field(
        default="",
        max_length=63,
        description="The application whose Cell moves its traffic, in lockstep; empty: its own.",
    )
    attempt: int = Field(default=0, description="Counts its moves.")
    series: int = Field(default=0, description="How many series of checks of this stage are over.")
    passed: str | None = Field(
        default=None,
        max_length=512,
        description="What the prechecks passed for: the forward configuration's hash, and the version.",
    )
    failing_since: Time | None = Field(default=None, description="Since when the prechecks fail.")
    waited: float = Field(default=0.0, description="Watched seconds for Argo CD.")
    failure: ApplicationFailure | None = Field(default=None, description="The verdict against the present move.")
    blocked_versions: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=100)] = Field(
        default=(), description="Versions that failed, and aren't tried again until a person retries."
    )


class RolledBackTo(StatusModel):
    """A kept spec that the Cell goes by in place of its own, as a person asked."""

    revision: int = Field(description="The ControllerRevision's number.")
    name: str = Field(max_length=253, description="The ControllerRevision's name.")
    generation: int = Field(description="The metadata.generation that it is in place of: an edit ends it.")
    by: str = Field(default="", max_length=256, description="Who asked for it.")
    time: Time = Field(description="When.")


class CellStatus(StatusModel):
    """A Cell's status."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    phase: str = Field(default="Pending", max_length=63, description="Where the Cell is.")
    machine: str = Field(default="Idle", max_length=63, description="Idle, Gate, Step, Bake, Revert or Stopped.")
    reason: str = Field(default="Pending", max_length=1024, description="Why, as one CamelCase word.")
    message: str = Field(default="", max_length=32768, description="Why, for a person, and what to do.")
    permanent: bool = Field(default=False, description="Nothing changes until a person acts.")
    stable_version: str | None = Field(default=None, max_length=256, description="The version that holds the traffic.")
    desired_version: str | None = Field(default=None, max_length=256, description="The version being introduced.")
    previous_version: str | None = Field(default=None, max_length=256, description="What a rollback goes to.")
    weight: str | None = Field(default=None, max_length=63, description="The canary's part of the traffic.")
    step: str | None = Field(default=None, max_length=63, description="The present step of how many.")
    routes: Annotated[tuple[RouteStatus, ...], Field(max_length=8)] = Field(default=(), description="The routes.")
    applications: Annotated[tuple[ApplicationStatus, ...], Field(max_length=64)] = Field(
        default=(), description="The applications (complex shape)."
    )
    rolled_back_to: RolledBackTo | None = Field(
        default=None, description="The spec that it goes by since a rollback (complex shape)."
    )
    rollout: RolloutStatus | None = Field(default=None, description="The present rollout, or the last one.")
    rollouts: int = Field(default=0, description="How many rollouts there were.")
    blocked_versions: Annotated[tuple[BlockedVersion, ...], Field(max_length=1000)] = Field(
        default=(), description="Versions that failed."
    )
    set_aside: Annotated[tuple[SetAsideVersion, ...], Field(max_length=100)] = Field(
        default=(), description="Groups that don't start by themselves."
    )
    held: Held | None = Field(default=None, description="What only a person lifts.")
    paused: bool = Field(default=False, description="A person paused by command.")
    commands: Annotated[tuple[HandledCommand, ...], Field(max_length=20)] = Field(
        default=(), description="The last commands."
    )
    warnings: Annotated[tuple[Line, ...], Field(max_length=10)] = Field(default=(), description="What is ignored.")
    watched: Watched = Field(default=Watched(), description="Seconds in which Okra watched.")
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="Ready, Reconciling, Stalled."
    )
