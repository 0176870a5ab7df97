"""A complex Cell and everything that its children need, in memory and on the virtual clock: AWS, EKS and Argo CD."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from okra.actors.argocd import OKRAS, ArgoCD, SecretChanges
from okra.actors.argocd_cluster import ArgoCDClusterActor
from okra.actors.argocd_deployment import ArgoCDDeploymentActor
from okra.actors.cell import CellActor
from okra.actors.check import CheckActor
from okra.actors.complex import ComplexCell
from okra.actors.complex_revisions import REVISION
from okra.actors.directory import Directory
from okra.actors.discovery import Discoveries
from okra.actors.journal import Journal
from okra.actors.kinds import OKRA, Family, resource
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.actors.watcher import Watcher
from okra.actors.wiring import Wiring
from okra.api.defaults import Defaults
from okra.api.meta import OKRA_GROUP, VERSION
from okra.api.selectors import Selector
from okra.errors import NotFound
from okra.ports import EventRecord, Kind, Object
from okra.rollout.rest import Rest
from okra.testing.clock import FakeClock
from okra.testing.fake_argocd import APPLICATION_SET, SECRET, FakeArgoCD, application_set
from okra.testing.fake_aws import REGION, FakeAws, FakeRoute
from okra.testing.fake_clusters import FakeClusters
from tests.actors.doubles import FakeMetrics, FragileStore
from tests.actors.secret_store import SecretStore
from tests.actors.world import Gate

LISTENER = f"{REGION}:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
CLUSTER = Kind(OKRA_GROUP, VERSION, "ArgoCDCluster", "argocdclusters")
DEPLOYMENT = Kind(OKRA_GROUP, VERSION, "ArgoCDApplicationDeployment", "argocdapplicationdeployments")
PROVIDER = {"prometheus": {"address": "http://prometheus.example:9090"}}


def check(name: str, **analysis: Any) -> dict[str, Any]:
    return {"name": name, "analysis": {"interval": "10s", "query": name, "max": 0.1, "provider": PROVIDER, **analysis}}


@dataclass
class ComplexWorld:
    store: FragileStore
    clock: FakeClock
    aws: FakeAws
    eks: FakeClusters
    argo: FakeArgoCD
    metrics: FakeMetrics
    defaults: Defaults
    gate: Gate = field(default_factory=Gate)
    events: list[EventRecord] = field(default_factory=list)
    rests: dict[str, Rest] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    """Cluster → its target group."""
    held: str = ""
    own_store: Any = None
    """What complex Cells have in place of the store, if it isn't the same."""
    family: Family = OKRA
    cells: str = ""
    """The selector of the Cells that this Okra looks after."""

    # -- building ----------------------------------------------------------------------------------------------------

    def cluster(self, name: str, role: str, *, up: bool = True, **fields: Any) -> dict[str, Any]:
        """A cluster as the Cell's spec names it; it is there, and has a target group."""
        if name not in self.groups:
            self.groups[name] = self.aws.add_group(name, {})
        if up and name not in self.eks.infos:
            self.eks.add(name, **fields)
        return {"name": name, "labels": {"role": role, "targetGroupARN": self.groups[name]}}

    def app(self, role: str, priority: int = 10, **more: Any) -> dict[str, Any]:
        """An application with a route and an ApplicationSet."""
        alb = {
            "listenerARN": LISTENER,
            "forwardConfig": {"priority": priority, "targetGroup": {"arnFromLabel": "targetGroupARN"}},
            "updateStrategy": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "10s"},
        }
        return {**self.worker(role), "alb": alb, **more}

    def worker(self, role: str, **more: Any) -> dict[str, Any]:
        """An application without a route."""
        argocd = {"clusterSecret": {"labels": {"role-of": role}}, "applicationSet": {"name": role}}
        return {"name": role, "clusterSelector": {"role": role}, "argocd": argocd, **more}

    def route(self, *clusters: str, priority: int = 10) -> FakeRoute:
        """A rule that forwards to these clusters."""
        weights = {self.groups[each]: 100 for each in clusters}
        return self.aws.add_route(f"{LISTENER}#{priority}", weights)

    async def application_set(self, role: str, **spec: Any) -> None:
        await self.store.real.apply(
            APPLICATION_SET, application_set(role, {"role-of": role}, own={"app": role}, **spec)
        )

    async def cell(
        self, clusters: Sequence[dict[str, Any]], *applications: dict[str, Any], name: str = "sys", **spec: Any
    ) -> Object:
        body = {"clusters": [*clusters], "applications": [*applications], "propagationDelay": "1s", **spec}
        kind, metadata = self.family.cell, {"namespace": "default", "name": name}
        done = await self.store.real.apply(
            kind, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": body}
        )
        self.store.changed.set()
        return done

    async def web_on(self, *clusters: str, **app: Any) -> FakeRoute:
        """The Cell: its application web is wanted on these clusters, where the traffic is. Returns its route."""
        await self.application_set("web")
        found = [self.cluster(each, "web") for each in clusters]
        route = self.route(*clusters)
        await self.cell(found, self.app("web", **app))
        return route

    async def command(self, verb: str, id_: str = "1", name: str = "sys", arg: str = "") -> None:
        text = f'{{"id": "{id_}", "verb": "{verb}", "arg": "{arg}", "by": "me"}}'
        patch = {"metadata": {"annotations": {"okra.mumoshu.github.io/command": text}}}
        await self.store.real.patch(self.family.cell, "default", name, patch)

    # -- looking -----------------------------------------------------------------------------------------------------

    async def get(self, name: str = "sys", kind: Kind | None = None) -> Object | None:
        """The Cell, where no kind is given."""
        try:
            return await self.store.real.get(kind or self.family.cell, "default", name)
        except NotFound:
            return None

    async def status(self, name: str = "sys", kind: Kind | None = None) -> dict[str, Any]:
        found = await self.get(name, kind)
        return (found or {}).get("status") or {}

    async def app_status(self, app: str = "web", name: str = "sys") -> dict[str, Any]:
        status = await self.status(name)
        return next((each for each in status.get("applications", ()) if each["name"] == app), {})

    async def names(self, kind: Kind) -> set[str]:
        return {each["metadata"]["name"] for each in (await self.store.real.list(kind)).items}

    async def revisions(self) -> list[int]:
        return sorted(each["revision"] for each in (await self.store.real.list(REVISION)).items)

    async def published(self, role: str = "web") -> set[str]:
        """Clusters whose secrets carry the application's labels."""
        listing = await self.store.real.list(SECRET, "argocd", f"role-of={role}")
        return {each["metadata"]["name"].removeprefix("sys-") for each in listing.items}

    def traffic(self, priority: int = 10) -> dict[str, int]:
        """Cluster → weight, of those that have any."""
        names = {arn: name for name, arn in self.groups.items()}
        weights = self.aws.routes[f"{LISTENER}#{priority}"].weights
        return {names[arn]: weight for arn, weight in weights.items() if weight}

    def reasons(self, name: str = "sys") -> list[str]:
        return [event.reason for event in self.events if event.name == name]

    async def until(
        self,
        holds: Callable[[dict[str, Any]], Any],
        name: str = "sys",
        kind: Kind | None = None,
        within: float = 3600.0,
    ) -> dict[str, Any]:
        """Wait until an object's status is so."""
        try:
            async with asyncio.timeout(within):
                while True:
                    self.store.changed.clear()
                    if holds(status := await self.status(name, kind)):
                        return status
                    await self.store.changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within:g} s:\n{await self.status(name, kind)}\n{self.told()}") from None

    async def gone(self, kind: Kind, within: float = 900.0) -> None:
        """Wait until there is no object of a kind any more."""
        async with asyncio.timeout(within):
            while True:
                self.store.changed.clear()
                if not await self.names(kind):
                    return
                await self.store.changed.wait()

    def told(self) -> list[tuple[str, str, str]]:
        return [(event.name, event.reason, event.message) for event in self.events]

    async def phase(self, phase: str, **where: Any) -> dict[str, Any]:
        """Wait until the Cell's status says so of its present spec."""

        async def generation() -> int:
            found = await self.get(where.get("name", "sys"))
            return int(found["metadata"]["generation"]) if found else 0

        wanted = await generation()
        return await self.until(
            lambda status: status.get("phase") == phase and status.get("observedGeneration") == wanted, **where
        )

    # -- running -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RootSupervisor]:
        journal = Journal(self.store, self.clock, lambda event, _: self.events.append(event))
        wiring = Wiring(
            store=self.store,
            clock=self.clock,
            defaults=self.defaults,
            router=self.aws,
            inventory=self.aws,
            sources=self.metrics,
            journal=journal,
            gate=self.gate,
            jobs=True,
            held=lambda: self.held,
            selector=Selector.parse(self.cells),
            on_rest=lambda key, rest, _: self.rests.__setitem__(key[1], rest),
        )
        async with RootSupervisor("okra") as root:
            self._start(root, wiring)
            argo = asyncio.create_task(self.argo.run())
            try:
                yield root
            finally:
                argo.cancel()
                await asyncio.wait({argo})
        if not argo.cancelled():
            argo.result()

    def _start(self, root: RootSupervisor, wiring: Wiring) -> None:
        argocd, family = ArgoCD(self.eks, self.eks), self.family

        def cell(obj: Object) -> Any:
            if "applications" in obj.get("spec", {}):
                own = wiring if self.own_store is None else replace(wiring, store=self.own_store)
                return ComplexCell(own, argocd, family.cell, obj)
            return CellActor(wiring, obj, kind=family.cell)

        discovery = root.start_child(ChildSpec("discovery", lambda: Discoveries(wiring, {})))
        makes: dict[Kind, Callable[[Object], Any]] = {
            family.check: lambda obj: CheckActor(wiring, obj, family.check),
            family.cell: cell,
            family.cluster: lambda obj: ArgoCDClusterActor(wiring, argocd, family.cluster, obj),
            family.deployment: lambda obj: ArgoCDDeploymentActor(wiring, argocd, family.deployment, obj),
        }
        refs = {kind: root.start_child(_directory(wiring, kind, make)) for kind, make in makes.items()}
        wiring.refs = {"discovery": discovery} | {resource(kind): ref for kind, ref in refs.items()}
        for kind, ref in refs.items():
            root.start_child(_watcher(self.store, kind, ref))
        woken = (refs[family.cluster], refs[family.deployment])
        changes = root.start_child(ChildSpec("secret-changes", lambda: SecretChanges(*woken)))
        root.start_child(_watcher(self.store, SECRET, changes, "argocd", OKRAS))


def _directory(wiring: Wiring, kind: Kind, make: Callable[[Object], Any]) -> ChildSpec[Any]:
    return ChildSpec(resource(kind), lambda: Directory(wiring, kind, make))


def _watcher(store: FragileStore, kind: Kind, ref: Any, *scope: str) -> ChildSpec[Any]:
    return ChildSpec(f"watch-{resource(kind)}", lambda: Watcher(store, kind, ref, *scope))


@asynccontextmanager
async def complex_world(family: Family = OKRA, **defaults: Any) -> AsyncIterator[ComplexWorld]:
    clock = FakeClock()
    async with await SecretStore.open(":memory:", now=clock.now) as real:
        eks = FakeClusters()
        made = ComplexWorld(
            store=FragileStore(real),
            clock=clock,
            aws=FakeAws(clock, latency=0.005),
            eks=eks,
            argo=FakeArgoCD(real, clock),
            metrics=FakeMetrics(clock.now),
            defaults=Defaults(**{"retain_for": 120.0, **defaults}),
            family=family,
        )
        with structlog.testing.capture_logs():
            yield made
