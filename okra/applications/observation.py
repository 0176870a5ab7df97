"""What is known of a complex Cell's clusters and children at one moment: the only input from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from okra.applications.policy import Application
from okra.applications.state import Group, Phase
from okra.rollout.observation import Command, Problem, SeriesResult, Token

NOT_LOOKED_AT = "not looked at yet"


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    ready: bool
    message: str = ""
    """Why it isn't."""
    in_use: str = ""
    """Which of its labels wait until nobody publishes it, and why."""


@dataclass(frozen=True, slots=True)
class DeploymentSeen:
    """The ArgoCDApplicationDeployment of an application."""

    clusters: tuple[str, ...]
    """What its spec names, as the Cell calls them."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """By a status of this very spec: cluster → what it lacks there; empty: it runs there, Synced and Healthy."""
    reason: str = ""
    problem: Problem | None = None
    """What only a person ends, or what Okra itself lacks."""
    leaves: bool = False
    """Its Applications aren't gone yet from clusters that its spec names no more."""
    retained: tuple[str, ...] = ()
    """Of the clusters those that stay as they are: it may be ready whatever they are."""
    behind: tuple[str, ...] = ()
    """Clusters that one of its name was published to before, and that nobody knows of any more: they may serve."""
    refused: Mapping[str, Problem] = field(default_factory=dict)
    """Clusters that have such a problem of their own; `problem` is one of these then, or concerns them all."""

    def awaits(self, clusters: Sequence[str]) -> str:
        """Why it doesn't run on each of these, whatever the others are like. Empty: it does."""
        lacks = dict.fromkeys(self.lacks.get(each, NOT_LOOKED_AT) for each in clusters)
        said, problem = " ".join(each for each in lacks if each), self.problem_of(clusters)
        return (problem.message if said and problem else "") or said

    def problem_of(self, clusters: Sequence[str]) -> Problem | None:
        """Unless it is one of other clusters alone."""
        own = next((self.refused[each] for each in clusters if each in self.refused), None)
        of_one = self.problem is not None and self.problem.reason in {each.reason for each in self.refused.values()}
        return own or (None if of_one else self.problem)


@dataclass(frozen=True, slots=True)
class RouteSeen:
    """The child Cell of an application."""

    version: str
    """What its spec pins."""
    settled: bool
    """At rest, by a status of this very spec."""
    idle: bool = False
    """So, whichever routes it is told of: nothing of its traffic moves, has stopped, or is on its way back."""
    stable: str | None = None
    """The version that holds the traffic, as its status says."""
    completing: bool = False
    """All traffic is there, and it bakes or asks for its postchecks."""
    failed: Problem | None = None
    """Why the pinned version failed."""
    failed_at: Phase = Phase.CHECK_FAILED
    retains: bool = False
    """Former target groups are still attached: traffic can go back to them in one write."""
    message: str = ""
    phase: str = ""
    """By a status of this very spec; empty: that isn't known yet."""
    reason: str = ""
    aborted: bool = False
    """It was told to bring the traffic of its present rollout back, in this attempt."""
    on: str = ""
    """The routes that its spec names, a word each; empty: that isn't known."""
    stopped: bool = False
    """Its weights stay where they are since its rollout failed (`onFailure: Stop`): it goes nowhere before an abort."""

    @property
    def held(self) -> bool:
        """Only a person, or a change outside, lets it go on. That a former version failed is no such thing."""
        return self.phase in ("Paused", "Invalid", "FailedReverting") or (
            self.phase == "Failed" and self.reason != "RolledBack"
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A spec that reached Synced, as it would be to go back to."""

    name: str
    revision: int
    applications: tuple[Application, ...] = ()
    in_effect: bool = False
    problem: str = ""
    """Why nobody can go back to it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Maps are by cluster or application name; what has no entry isn't known yet."""

    clusters: Mapping[str, ClusterSeen] = field(default_factory=dict)
    deployments: Mapping[str, DeploymentSeen | None] = field(default_factory=dict)
    """None: there is none."""
    routes: Mapping[str, RouteSeen | None] = field(default_factory=dict)
    groups: Mapping[str, tuple[Group, ...] | Problem] = field(default_factory=dict)
    """Application → its clusters' target groups, or why these can't be told."""
    elsewhere: frozenset[str] = frozenset()
    """Applications that have a route which another child than theirs hasn't let go yet."""
    forwards: Mapping[str, str] = field(default_factory=dict)
    """Hash of the route's forward configuration, as it is now."""
    forwarded: Mapping[str, Mapping[str, Set[str]]] = field(default_factory=dict)
    """Application at rest → each rule that it was on before → the target groups that it sends traffic to."""
    results: tuple[SeriesResult, ...] = ()
    requested: Token | None = None
    """The series that this process asked for last."""
    saved: bool | None = None
    """The last revision that was kept is of this spec; None: not known yet."""
    as_kept: frozenset[str] = frozenset()
    """Where it isn't: the applications that it says the same of. What they lack now holds up no other's way back."""
    commands: tuple[Command, ...] = ()
    kept: tuple[Kept, ...] | Problem = ()
    """For a `rollback`: the newest first, or why they can't be read."""
    generation: int = 0
    """Of the Cell's spec."""
