"""The examples of whole clusters on the world of complex Cells: a family of kinds, and Jobs that end as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import okra
from okra.actors.argocd import OKRAS, ArgoCD, SecretChanges
from okra.actors.argocd_cluster import ArgoCDClusterActor
from okra.actors.argocd_deployment import ArgoCDDeploymentActor
from okra.actors.cell import CellActor
from okra.actors.check import CheckActor
from okra.actors.complex import ComplexCell
from okra.actors.directory import Directory
from okra.actors.discovery import Discoveries
from okra.actors.kinds import OKRA, Family, resource
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.actors.watcher import Watcher
from okra.actors.wiring import Wiring
from okra.ports import Kind, Object
from okra.rollout.status import write_time
from okra.testing.fake_argocd import APPLICATION_SET, SECRET
from okra.testing.fake_aws import FakeRoute
from tests.actors.complex_world import ComplexWorld, complex_world

EXAMPLES = Path(okra.__file__).parents[1] / "examples"
JOB = Kind("batch", "v1", "Job", "jobs")
LOOKS_EVERY = 5.0
"""Seconds between two looks of Argo CD, and of the Job controller: hours pass here."""


@dataclass
class SeedsWorld(ComplexWorld):
    family: Family = OKRA
    text: Callable[[str], str] = lambda text: text
    """What is put into an example in place of its own words, before it is read."""
    jobs: Callable[[str], str] = lambda _name: "Complete"
    """Name of a Job → the condition that it ends with."""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """Each status of the Cell, once."""

    async def example(self, folder: str, **spec: Any) -> str:
        """Apply all of an example; returns the Cell's name. Its clusters, target groups and Secrets are there."""
        name = ""
        for file in sorted((EXAMPLES / folder).glob("*.yaml")):
            for obj in yaml.safe_load_all(self.text(file.read_text())):
                if obj["kind"] == "ApplicationSet":
                    await self.store.real.apply(APPLICATION_SET, obj)
                else:
                    name = obj["metadata"]["name"]
                    await self._cell_of(obj, spec)
        self.store.changed.set()
        return name

    async def _cell_of(self, obj: Object, spec: dict[str, Any]) -> None:
        for cluster in obj["spec"]["clusters"]:
            labels = cluster.get("labels") or {}
            known = self.cluster(cluster["name"], labels.get("role", ""), tags={"role": labels.get("role", "")})
            if "targetGroupARN" in labels:
                labels["targetGroupARN"] = known["labels"]["targetGroupARN"]
        body = {**obj, "metadata": {**obj["metadata"], "namespace": "default"}, "spec": {**obj["spec"], **spec}}
        await self.store.real.apply(self.family.cell, body)

    def forwards(self, listener: str, *clusters: str) -> FakeRoute:
        """A listener, or one of its rules (`arn#priority`), that has its traffic on these clusters."""
        for name in clusters:
            self.cluster(name, "", up=False)
        return self.aws.add_route(listener, {self.groups[each]: 100 for each in clusters})

    def shares(self, route: FakeRoute) -> list[dict[str, int]]:
        """What each write gave each cluster, in percent of all."""
        names = {arn: name for name, arn in self.groups.items()}
        found = []
        for weights in route.history:
            whole = sum(weights.values())
            found.append({names[arn]: round(100 * weight / whole) for arn, weight in weights.items() if weight})
        return found

    async def settled(self, name: str, version: int, *applications: str) -> dict[str, Any]:
        """Wait until the Cell is Synced on this generation of its spec."""
        status = await self.until(
            lambda status: (status.get("phase"), status.get("observedGeneration")) == ("Synced", version),
            name,
            self.family.cell,
        )
        assert [each["name"] for each in status["applications"]] == [*applications]
        return status

    # -- running -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RootSupervisor]:
        async with super().running() as root:
            ends = asyncio.create_task(self._end_jobs())
            watches = asyncio.create_task(self._watch_statuses())
            try:
                yield root
            finally:
                for task in (ends, watches):
                    task.cancel()
                await asyncio.wait({ends, watches})

    async def _end_jobs(self) -> None:
        while True:
            for job in (await self.store.real.list(JOB)).items:
                if not (job.get("status") or {}).get("conditions"):
                    name, now = job["metadata"]["name"], write_time(self.clock.now())
                    over = {"type": self.jobs(name), "status": "True", "lastTransitionTime": now}
                    await self.store.real.patch_status(JOB, "default", name, {"conditions": [over]})
            await asyncio.sleep(LOOKS_EVERY)

    async def _watch_statuses(self) -> None:
        version = (await self.store.real.list(self.family.cell)).resource_version
        async for event in self.store.real.watch(self.family.cell, version):
            if "applications" in event.object["spec"] and event.object.get("status"):
                self.seen.append(event.object["status"])

    def _start(self, root: RootSupervisor, wiring: Wiring) -> None:
        argocd, family = ArgoCD(self.eks, self.eks), self.family
        wiring.jobs = True

        def cell(obj: Object) -> Any:
            if "applications" in obj["spec"]:
                return ComplexCell(wiring, argocd, family.cell, obj)
            return CellActor(wiring, obj, kind=family.cell)

        makes: dict[Kind, Callable[[Object], Any]] = {
            family.check: lambda obj: CheckActor(wiring, obj, family.check),
            family.cell: cell,
            family.cluster: lambda obj: ArgoCDClusterActor(wiring, argocd, family.cluster, obj),
            family.deployment: lambda obj: ArgoCDDeploymentActor(wiring, argocd, family.deployment, obj),
        }
        discovery = root.start_child(ChildSpec("discovery", lambda: Discoveries(wiring, {})))
        refs = {resource(kind): _directory(root, wiring, kind, make) for kind, make in makes.items()}
        wiring.refs = {"discovery": discovery, **refs}
        for kind in makes:
            self._watch(root, kind, refs[resource(kind)])
        woken = (refs[resource(family.cluster)], refs[resource(family.deployment)])
        changes = root.start_child(ChildSpec("secret-changes", lambda: SecretChanges(*woken)))
        self._watch(root, SECRET, changes, "argocd", OKRAS)

    def _watch(self, root: RootSupervisor, kind: Kind, ref: Any, *scope: str) -> None:
        root.start_child(ChildSpec(f"watch-{resource(kind)}", lambda: Watcher(self.store, kind, ref, *scope)))


def _directory(root: RootSupervisor, wiring: Wiring, kind: Kind, make: Callable[[Object], Any]) -> Any:
    return root.start_child(ChildSpec(resource(kind), lambda: Directory(wiring, kind, make)))


@asynccontextmanager
async def seeds_world(family: Family = OKRA, **defaults: Any) -> AsyncIterator[SeedsWorld]:
    async with complex_world(**defaults) as plain:
        fields = {
            name: getattr(plain, name) for name in ("store", "clock", "aws", "eks", "argo", "metrics", "defaults")
        }
        plain.argo.looks_every = LOOKS_EVERY
        yield SeedsWorld(**fields, family=family)
