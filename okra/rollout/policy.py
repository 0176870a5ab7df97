"""What a Cell asks for, with the settings filled in: the core's own view of a spec, in seconds and Fractions.

`okra.rollout.compile` makes one from a Cell and the controller's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from okra.api.records import is_record
from okra.rollout.observation import Problem, Weights
from okra.rollout.state import Step


class OnFailure(StrEnum):
    ROLLBACK = "Rollback"
    STOP = "Stop"


class OnDrift(StrEnum):
    RESPECT = "Respect"
    REASSERT = "Reassert"


class OnNewerVersion(StrEnum):
    RESTART = "Restart"
    FINISH = "Finish"


FORWARD_ACTION_GROUPS = 5
"""Target groups that one forward action holds (Elastic Load Balancing quotas; not adjustable)."""
FORWARD_ACTION_WEIGHT = 999
"""The largest weight of a target group (TargetGroupTuple)."""

RECORDS = 100
"""Weighted records of one name and type (Route 53 quotas; not adjustable)."""
RECORD_WEIGHT = 255
"""The largest weight of a record (ResourceRecordSet)."""
ALIAS_TTL = 60.0
"""Seconds for which resolvers keep what an alias of a load balancer answers."""


def route_key(listener_arn: str, rule_arn: str, priority: int | None) -> str:
    """A route's stable name within Okra: its rule, or the listener with a priority, or the default action."""
    return rule_arn or (listener_arn if priority is None else f"{listener_arn}#{priority}")


def everything(_: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """One route of the Cell."""

    key: str
    """`RouteRef.key`."""
    place: str = "spec.ingress"
    """Where the spec names it, for messages."""
    selects: Callable[[Mapping[str, str]], bool] = everything
    """Does the target group selector match these tags?"""
    listed: Mapping[str, str] = field(default_factory=dict)
    """Target groups that the spec names one by one → their versions: instead of tags. Empty: it has a selector."""
    whole: int = 0
    """So many target groups are a version here, whatever `replicas` says; 0: as many as that says."""
    goal: Weights = field(default_factory=dict)
    """The weights that the spec wants in the end (an ALB's destinations), of the one version that is pinned; a group of
    weight 0 is attached. Empty: a version gets all of the traffic, its groups equal parts."""
    take_over: bool = False
    single: bool = False
    """Each group is one thing, healthy or not (a record): `minHealthyTargets` says nothing about it."""
    places: int = FORWARD_ACTION_GROUPS
    limit: int = FORWARD_ACTION_WEIGHT


def bare(key: str) -> RoutePolicy:
    """A route of which nothing is known but its key: what its kind allows."""
    return RoutePolicy(key, single=True, places=RECORDS, limit=RECORD_WEIGHT) if is_record(key) else RoutePolicy(key)


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds of watched time, unless said otherwise."""

    routes: tuple[RoutePolicy, ...]
    plan: tuple[Step, ...]
    owner: str = ""
    """`<install>/<namespace>/<name>`: the owner tag's value."""
    name: str = ""
    """The Cell's name, for messages that name a command; of a complex Cell's child the parent's, which moves it."""
    label: str = "okra.mumoshu.github.io/version"
    replicas: int = 1
    pin: str | None = None
    child: bool = False
    """Of a complex Cell, which says where it goes: it has no rollback of its own, and an older version that is pinned
    walks the plan too, for versions may be no more than names of clusters."""
    min_healthy: int | Fraction = Fraction(1, 2)
    """A number of targets, or a part of the stable groups' mean."""
    health_timeout: float = 300.0
    propagation_delay: float = 15.0
    bake_time: float = 0.0
    retain_for: float = 600.0
    """Wall-clock seconds: it only ever ends in detaching groups that carry nothing."""
    drain_timeout: float = 300.0
    poll_interval: float = 10.0
    reread_after_revert: tuple[float, ...] = (10.0, 60.0)
    prechecks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    postchecks: tuple[str, ...] = ()
    check_interval: float = 60.0
    """Between two series while a step waits, and between two tries of failing prechecks."""
    revert_when_inconclusive: frozenset[str] = frozenset()
    """Checks with `onInconclusive: Revert`."""
    on_failure: OnFailure = OnFailure.ROLLBACK
    failure_delay: float = 60.0
    on_newer_version: OnNewerVersion = OnNewerVersion.RESTART
    on_drift: OnDrift = OnDrift.RESPECT
    progress_deadline: float | None = None
    deadline_reverts: bool = False
    paused: bool = False
    held_by: str = ""
    """Who pauses every Cell, and how that ends, in a sentence; empty: nobody."""
    problem: Problem | None = None
    """The spec is invalid, or not implemented yet: no AWS call at all."""

    @property
    def fresh_for(self) -> float:
        """How old a reading may be, seconds, to raise weights on it."""
        return max(self.poll_interval, 5.0)
