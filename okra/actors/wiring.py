"""What the composition root hands to the actors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from okra.actors.journal import Journal
from okra.actors.readiness import Readiness
from okra.actors.runtime.ref import ActorRef
from okra.actors.unsaved import UnsavedVerdicts
from okra.api.defaults import Defaults
from okra.api.provider import Provider
from okra.api.selectors import Selector
from okra.errors import Conflict
from okra.ports import Account, Clock, Kind, MetricSource, Object, ObjectStore, TargetInventory, TrafficRouter
from okra.rollout.compile import NEEDS_KUBERNETES
from okra.rollout.rest import Rest

if TYPE_CHECKING:
    from okra.actors.executor import EffectExecutor


class MetricSources(Protocol):
    """Opens the source that a rendered provider names; the secret it refers to is read anew each time."""

    async def open(self, provider: Provider, query: str | None, namespace: str, account: Account) -> MetricSource:
        """Raises Invalid, NotFound (no such Secret) or CredentialsInvalid, saying what to do."""
        ...


class WriteGate(Protocol):
    """May this process write to AWS at this moment? Asked right before each write (lease, read-only)."""

    def may_write(self) -> bool: ...

    def opens_at(self) -> float | None:
        """Of a closed gate: when it may open by itself, epoch seconds: what was decided is asked for again then.

        None: it stays closed, and what would be written is said. `NEVER`: the actors behind it are about to stop.
        """
        ...


NEVER = math.inf
"""This process leads no more, or ends: whatever is decided now, somebody else has to do."""


class AlwaysOpen:
    """The gate of a process that has no rivals: `okra run`."""

    def may_write(self) -> bool:
        return True

    def opens_at(self) -> float | None:
        return None


class ReadOnly:
    """The gate of `--read-only`."""

    def may_write(self) -> bool:
        return False

    def opens_at(self) -> float | None:
        return None


def unchanged(executor: EffectExecutor) -> EffectExecutor:
    return executor


@dataclass(slots=True)
class Wiring:
    """The ports, the settings, and the actors that others talk to."""

    store: ObjectStore
    clock: Clock
    defaults: Defaults
    router: TrafficRouter
    inventory: TargetInventory
    sources: MetricSources
    journal: Journal
    gate: WriteGate = field(default_factory=AlwaysOpen)
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged
    """For tests that die between two effects."""
    jobs: bool = False
    """Does the store run Jobs? A cluster does."""
    no_clusters: str = NEEDS_KUBERNETES
    """Why the actor of a Cell of routes can't look after one of clusters and applications, and what to do."""
    selector: Selector = field(default_factory=Selector)
    """What the labels of an object that this process looks after match."""
    held: Callable[[], str] = lambda: ""
    """Who pauses every Cell at this moment, and how that ends, in a sentence; empty: nobody."""
    wait_estimate: Callable[[Account], float] = lambda _: 0.0
    """Seconds that an AWS read would wait for the rate budget: polls stretch by it."""
    on_rest: Callable[[tuple[str, str], Rest, int], None] = lambda _key, _rest, _generation: None
    """Told by each Cell (namespace, name) when a decision on a generation of it asked for nothing more."""
    readiness: Readiness = field(default_factory=Readiness)
    unsaved: UnsavedVerdicts = field(default_factory=UnsavedVerdicts)
    begun: set[tuple[Kind, tuple[str, str]]] = field(default_factory=set)
    """The Cells and Checks (namespace, name) that had an actor: what it wrote may be newer than what a watch has told
    of."""
    refs: Mapping[str, ActorRef[Any]] = field(default_factory=dict)
    """`discovery`, `checks`, and the watchers as `watch-PLURAL`, once they are started."""

    def as_given(self, kind: Kind, obj: Object) -> bool:
        """May an actor begin with the object that it was made with? Nobody in this process has written it yet, and a
        term's list is no older than the term. Whoever asks has begun: the next one reads."""
        metadata = obj["metadata"]
        name = kind, (metadata["namespace"], metadata["name"])
        first = name not in self.begun
        self.begun.add(name)
        return first and "resourceVersion" in metadata

    def must_be_open(self) -> None:
        """Asked right before a write. Conflict: this process may not write any more, and whoever may decides anew."""
        if not self.gate.may_write():
            raise Conflict("This process may not write any more.")
