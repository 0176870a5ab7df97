"""The actors of Argo CD's kinds in a world in memory: a store, EKS clusters, and Argo CD itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from okra.actors.argocd import OKRAS, ArgoCD, SecretChanges
from okra.actors.argocd_cluster import ArgoCDClusterActor
from okra.actors.argocd_deployment import ArgoCDDeploymentActor
from okra.actors.directory import Directory
from okra.actors.journal import Journal
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.actors.watcher import Watcher
from okra.actors.wiring import Wiring, WriteGate
from okra.api.defaults import Defaults
from okra.api.meta import OKRA_GROUP, VERSION
from okra.argocd.readiness import SETTLED
from okra.errors import NotFound
from okra.ports import Clock, EventRecord, Kind, Object, ObjectStore
from okra.testing.clock import FakeClock
from okra.testing.fake_argocd import APPLICATION_SET, SECRET, FakeArgoCD, application_set
from okra.testing.fake_aws import FakeAws
from okra.testing.fake_clusters import FakeClusters
from tests.actors.doubles import FakeMetrics, FragileStore
from tests.actors.secret_store import SecretStore
from tests.actors.world import Gate

LABELS = {"myservice-role": "web"}


def kinds(group: str = OKRA_GROUP) -> tuple[Kind, Kind]:
    """ArgoCDCluster and ArgoCDApplicationDeployment."""
    return (
        Kind(group, VERSION, "ArgoCDCluster", "argocdclusters"),
        Kind(group, VERSION, "ArgoCDApplicationDeployment", "argocdapplicationdeployments"),
    )


@dataclass
class ArgoWorld:
    store: FragileStore
    clock: Clock
    clusters: FakeClusters
    argo: FakeArgoCD
    group: str = OKRA_GROUP
    home: str = "default"
    """Namespace of Okra's objects; Argo CD's is `argo.namespace`."""
    scope: str | None = None
    """The namespace that is looked after; all of them."""
    defaults: Defaults = field(default_factory=Defaults)
    settled: float = SETTLED
    patience: float = 900.0
    gate: Gate = field(default_factory=Gate)
    more: dict[Kind, Any] = field(default_factory=dict)
    """Further kinds, and the actors of their objects."""
    held: str = ""
    """Who pauses everything."""
    events: list[EventRecord] = field(default_factory=list)

    @property
    def kinds(self) -> tuple[Kind, Kind]:
        return kinds(self.group)

    # -- building --------------------------------------------------------------------------------------------------

    async def cluster(self, name: str, *, eks: str = "", namespace: str = "", **spec: Any) -> None:
        """An ArgoCDCluster of an EKS cluster that is ready."""
        if (eks or name) not in self.clusters.infos:
            self.clusters.add(eks or name)
        await self._apply(self.kinds[0], name, {"eks": {"clusterName": eks or name}, **spec}, namespace or self.home)

    async def deployment(self, *clusters: str, name: str = "web", delete_first: bool = False, **spec: Any) -> None:
        strategy = {"type": "DeleteBeforeCreate" if delete_first else "CreateBeforeDelete"}
        body = {
            "clusterNames": list(clusters),
            "clusterSecret": {"labels": LABELS},
            "applicationSet": {"name": "web"},
            "updateStrategy": strategy,
            **spec,
        }
        await self._apply(self.kinds[1], name, body, self.home)

    async def application_set(self, name: str = "web", **spec: Any) -> None:
        made = application_set(name, LABELS, own={"app": name}, namespace=self.argo.namespace, **spec)
        await self.store.real.apply(APPLICATION_SET, made)

    async def _apply(self, kind: Kind, name: str, spec: dict[str, Any], namespace: str) -> None:
        body = {"metadata": {"namespace": namespace, "name": name}, "spec": spec}
        await self.store.real.apply(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **body})

    async def label(self, secret: str, **labels: str | None) -> None:
        """By hand."""
        await self.store.real.patch(SECRET, self.argo.namespace, secret, {"metadata": {"labels": labels}})
        self.store.changed.set()

    # -- looking ---------------------------------------------------------------------------------------------------

    async def secret(self, name: str) -> Object:
        return await self.store.real.get(SECRET, self.argo.namespace, name)

    async def names(self, kind: Kind) -> set[str]:
        namespace = self.scope if kind in self.kinds else self.argo.namespace
        return {each["metadata"]["name"] for each in (await self.store.real.list(kind, namespace)).items}

    async def published(self) -> set[str]:
        listing = await self.store.real.list(SECRET, self.argo.namespace, "myservice-role=web")
        return {each["metadata"]["name"] for each in listing.items}

    async def status(self, kind: Kind, name: str) -> dict[str, Any]:
        try:
            return (await self.store.real.get(kind, self.home, name)).get("status") or {}
        except NotFound:
            return {}

    async def cluster_until(self, holds: Callable[[dict[str, Any]], Any], name: str = "c1") -> dict[str, Any]:
        return await self.until(self.kinds[0], name, holds)

    async def deployed(self, holds: Callable[[dict[str, Any]], Any], name: str = "web") -> dict[str, Any]:
        return await self.until(self.kinds[1], name, holds)

    async def synced(self, *clusters: str) -> dict[str, Any]:
        """The deployment is done, on exactly these."""

        def holds(status: dict[str, Any]) -> bool:
            return bool(status.get("phase") == "Synced" and [c["name"] for c in status["clusters"]] == [*clusters])

        return await self.deployed(holds)

    async def until(
        self, kind: Kind, name: str, holds: Callable[[dict[str, Any]], Any], within: float | None = None
    ) -> dict[str, Any]:
        within = within or self.patience
        try:
            async with asyncio.timeout(within):
                while True:
                    self.store.changed.clear()
                    if holds(status := await self.status(kind, name)):
                        break
                    await self.store.changed.wait()
        except TimeoutError:
            status = await self.status(kind, name)
            raise AssertionError(f"not within {within:g} s: {status}\n{self.reasons()}") from None
        return status

    def reasons(self, name: str | None = None) -> list[str]:
        """Of the Events, in order."""
        return [event.reason for event in self.events if name in (None, event.name)]

    # -- running ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self, *, store: Any = None, ports: Any = None) -> AsyncIterator[RootSupervisor]:
        """`store`, `ports`: in front of the world's."""
        store = store or self.store
        journal = Journal(store, self.clock, lambda event, _: self.events.append(event))
        wiring = self._wiring(store, journal, self.gate)
        clusters, namespace = ports or self.clusters, self.argo.namespace
        argocd = ArgoCD(clusters, clusters, namespace, settled=self.settled)
        cluster, deployment = self.kinds
        async with RootSupervisor("okra") as root:
            made = {
                cluster: root.start_child(
                    ChildSpec(
                        "clusters",
                        lambda: Directory(wiring, cluster, self._of(ArgoCDClusterActor, wiring, argocd, cluster)),
                    )
                ),
                deployment: root.start_child(
                    ChildSpec(
                        "deployments",
                        lambda: Directory(
                            wiring, deployment, self._of(ArgoCDDeploymentActor, wiring, argocd, deployment)
                        ),
                    )
                ),
            }
            woken = tuple(made.values())
            for kind, actor in self.more.items():
                make = self._of(actor, wiring, argocd, kind)
                made[kind] = root.start_child(ChildSpec(kind.plural, partial(Directory, wiring, kind, make)))
            wiring.refs = {kind.plural: directory for kind, directory in made.items()}
            for kind, directory in made.items():
                root.start_child(ChildSpec(f"watch-{kind.plural}", _watcher(store, kind, directory, self.scope)))
            changes = root.start_child(ChildSpec("secret-changes", lambda: SecretChanges(*woken)))
            root.start_child(ChildSpec("watch-secrets", _watcher(store, SECRET, changes, self.argo.namespace, OKRAS)))
            argo = asyncio.create_task(self.argo.run())
            try:
                yield root
            finally:
                argo.cancel()
                await asyncio.wait({argo})
        if not argo.cancelled():
            argo.result()

    def _of(self, actor: Any, wiring: Wiring, argocd: ArgoCD, kind: Kind) -> Callable[[Object], Any]:
        return lambda obj: actor(wiring, argocd, kind, obj)

    def _wiring(self, store: ObjectStore, journal: Journal, gate: WriteGate) -> Wiring:
        aws = FakeAws(self.clock)
        return Wiring(
            store=store,
            clock=self.clock,
            defaults=self.defaults,
            router=aws,
            inventory=aws,
            sources=FakeMetrics(self.clock.now),
            journal=journal,
            gate=gate,
            held=lambda: self.held,
        )


def _watcher(store: ObjectStore, kind: Kind, directory: Any, *scope: str | None) -> Callable[[], Watcher]:
    return lambda: Watcher(store, kind, directory, *scope)


def condition(status: dict[str, Any], type_: str) -> tuple[str, str]:
    """(status, reason)."""
    found = next(each for each in status["conditions"] if each["type"] == type_)
    return found["status"], found["reason"]


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = 300.0, every: float = 0.2) -> None:
    """Wait until the world is so."""
    for _ in range(int(within / every)):
        if await holds():
            return
        await asyncio.sleep(every)
    raise AssertionError(f"not within {within:g} s")


@asynccontextmanager
async def argo_world(group: str = OKRA_GROUP) -> AsyncIterator[ArgoWorld]:
    clock = FakeClock()
    async with await SecretStore.open(":memory:", now=clock.now) as real:
        with structlog.testing.capture_logs():
            yield ArgoWorld(FragileStore(real), clock, FakeClusters(), FakeArgoCD(real, clock), group)
