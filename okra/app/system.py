"""The whole system of actors on a store and an AWS: one function wires everything, and ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from okra.actors.argocd import ArgoCD
from okra.actors.cell import CellActor
from okra.actors.check_objects import CELL_LABEL, CHECK_LABEL
from okra.actors.executor import EffectExecutor
from okra.actors.journal import Journal
from okra.actors.kinds import ALB, OKRA, Family, resource
from okra.actors.messages import Describe, Lookup, Objects, Wake
from okra.actors.readiness import Readiness
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.root import RootSupervisor
from okra.actors.runtime.snapshot import Snapshot
from okra.actors.unsaved import UnsavedVerdicts
from okra.actors.wiring import AlwaysOpen, MetricSources, Wiring, WriteGate, unchanged
from okra.api.defaults import Defaults
from okra.api.selectors import Selector
from okra.app.directories import start
from okra.ports import Account, Clock, EventRecord, Kind, Object, ObjectStore, TargetInventory, TrafficRouter
from okra.ports_groups import TargetGroups
from okra.rollout.compile import BEGAN_WITH_ROUTES, NEEDS_ARGOCD, NEEDS_KUBERNETES
from okra.rollout.rest import Rest
from okra.web.metrics import Metrics

ANSWER = 2.0
"""Seconds that an actor has to describe itself."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the system is made of."""

    store: ObjectStore
    clock: Clock
    defaults: Defaults
    router: TrafficRouter
    inventory: TargetInventory
    sources: MetricSources
    gate: WriteGate
    argocd: ArgoCD | None = None
    """And the clusters. None: there are none here, only routes."""
    groups: TargetGroups | None = None
    """What makes target groups. None: nobody does here."""
    families: Sequence[Family] = (OKRA,)
    """Whose kinds are looked after."""
    jobs: bool = False
    """Does the store run Jobs? A cluster does."""
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged
    held: Callable[[], str] = lambda: ""
    """Who pauses every Cell at this moment; told of a change by `System.wake`."""
    wait_estimate: Callable[[Account], float] = lambda _: 0.0
    unsaved: UnsavedVerdicts = field(default_factory=UnsavedVerdicts)
    """Of a system before this one, in the same process."""
    metrics: Metrics = field(default_factory=Metrics)
    on_event: Callable[[EventRecord, dict[str, Any]], None] | None = None
    on_rest: Callable[[tuple[str, str], Rest, int], None] = lambda _key, _rest, _generation: None
    namespace: str | None = None
    selector: str | None = None
    stop_timeout: float = 25.0
    """Seconds that the actors have to end."""
    flush_timeout: float = 5.0
    """Seconds for the Events that wait then."""
    cell_actor: Callable[[Wiring, Object, Kind], Actor[Any]] = CellActor
    """For tests with an actor that crashes."""


class System:
    """The running system, as the web pages and the command line see it."""

    def __init__(self, parts: Parts, root: RootSupervisor, journal: Journal, readiness: Readiness) -> None:
        self.parts, self.root, self.journal, self.readiness = parts, root, journal, readiness

    @property
    def metrics(self) -> Metrics:
        return self.parts.metrics

    def responsive(self) -> bool:
        return self.root.responsive()

    def missing(self) -> list[str]:
        """What it still waits for: a first listing of each kind, a first discovery for each Cell. Empty: ready."""
        return self.readiness.missing

    def standing(self) -> str:
        """What a person must mend, though it is ready."""
        return "; ".join(self.readiness.refusals)

    def wake(self) -> None:
        """Every Cell is to decide again: what concerns all of them has changed."""
        for directory in self._directories().values():
            directory.tell(Wake())

    def _directories(self) -> dict[Kind, ActorRef[Any]]:
        """Of Cells, Systems and ALBs."""
        kinds = (*(family.cell for family in self.parts.families), ALB)
        return {kind: ref for kind in kinds if (ref := self.root.get(resource(kind))) is not None}

    async def cells(self) -> Sequence[Object]:
        """Every Cell, System and ALB, as last seen. Raises a retryable error when a directory doesn't answer."""
        found: list[Object] = []
        for directory in self._directories().values():
            there: tuple[Object, ...] = await directory.ask(Objects(), timeout=ANSWER)
            found += there
        return found

    def actors(self) -> Snapshot:
        return self.root.snapshot()

    def event_counts(self) -> Mapping[tuple[str, str, str], int]:
        return self.journal.counts

    async def describe_cell(self, namespace: str, name: str) -> dict[str, Any] | None:
        """What the actor of a Cell, or else of a System or an ALB, knows; None: there is none. Raises as above.
        `name` may say the kind: `ALB/NAME`."""
        wanted, _, plain = name.rpartition("/")
        for kind, directory in self._directories().items():
            if wanted not in ("", kind.kind):
                continue
            if (ref := await directory.ask(Lookup((namespace, plain)), timeout=ANSWER)) is not None:
                described: dict[str, Any] = await ref.ask(Describe(), timeout=ANSWER)
                return described
        return None

    async def check_runs(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """The series that run for a Cell: `check` (its name in the Cell), `series`, `ready_at`. Raises as above."""
        directory = self.root.get("checks")
        objects: tuple[Object, ...] = await directory.ask(Objects(), timeout=ANSWER) if directory else ()
        found: list[dict[str, Any]] = []
        plain = name.rpartition("/")[2]
        for metadata in (obj["metadata"] for obj in objects):
            labels = metadata.get("labels", {})
            if directory is None or metadata["namespace"] != namespace or labels.get(CELL_LABEL, plain) != plain:
                continue
            ref = await directory.ask(Lookup((namespace, metadata["name"])), timeout=ANSWER)
            described = await ref.ask(Describe(), timeout=ANSWER) if ref is not None else {"runs": ()}
            own = [run for run in described["runs"] if run["for"] is not None and run["for"][0] == (namespace, name)]
            found += [{**run, "check": labels.get(CHECK_LABEL, metadata["name"])} for run in own]
        return found


class _JournalWriter(Actor[None]):
    """Writes Events beside everything else."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def started(self) -> None:
        self.run(self._journal.write_events(), done=lambda _: None)

    async def receive(self, _: None) -> None:
        raise RuntimeError("the writing of Events ended")


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[System]:
    """Start everything; leaving the block stops it, in reverse order, with nothing left running."""

    def happened(event: EventRecord, fields: dict[str, Any]) -> None:
        parts.metrics.event(event, fields)
        if parts.on_event is not None:
            parts.on_event(event, fields)

    journal = Journal(parts.store, parts.clock, happened)
    wiring = Wiring(
        store=parts.store,
        clock=parts.clock,
        defaults=parts.defaults,
        router=parts.router,
        inventory=parts.inventory,
        sources=parts.sources,
        journal=journal,
        gate=parts.gate,
        jobs=parts.jobs,
        no_clusters=_no_clusters(parts),
        selector=Selector.parse(parts.selector or ""),
        held=parts.held,
        wrap=parts.wrap,
        wait_estimate=parts.wait_estimate,
        unsaved=parts.unsaved,
        on_rest=parts.on_rest,
    )
    root = RootSupervisor("okra", stop_timeout=parts.stop_timeout)
    system = System(parts, root, journal, wiring.readiness)
    try:
        async with root:
            root.start_child(ChildSpec("journal", lambda: _JournalWriter(wiring.journal)))
            start(parts, wiring, root)
            yield system
    finally:
        await journal.flush(parts.flush_timeout)


def _no_clusters(parts: Parts) -> str:
    """Why a Cell of clusters and applications has the actor of one of routes."""
    if parts.argocd is not None:
        return BEGAN_WITH_ROUTES
    return NEEDS_ARGOCD if parts.jobs else NEEDS_KUBERNETES


__all__ = ["AlwaysOpen", "Parts", "System", "running"]
