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
from okra.actors.kinds import OKRA, Family
from okra.actors.runtime.root import RootSupervisor
from okra.ports import Kind, Object
from okra.rollout.status import write_time
from okra.testing.fake_argocd import APPLICATION_SET
from okra.testing.fake_aws import REGION, FakeRoute
from tests.actors.complex_world import ComplexWorld, complex_world

EXAMPLES = Path(okra.__file__).parents[1] / "examples"
APPLICATIONS = ("web", "api", "backgroundjobs")
"""Of the long examples."""
JOB = Kind("batch", "v1", "Job", "jobs")
LOOKS_EVERY = 5.0
"""Seconds between two looks of Argo CD, and of the Job controller: hours pass here."""


@dataclass
class SeedsWorld(ComplexWorld):
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


@asynccontextmanager
async def seeds_world(family: Family = OKRA, **defaults: Any) -> AsyncIterator[SeedsWorld]:
    async with complex_world(**defaults) as plain:
        fields = {
            name: getattr(plain, name) for name in ("store", "clock", "aws", "eks", "argo", "metrics", "defaults")
        }
        plain.argo.looks_every = LOOKS_EVERY
        yield SeedsWorld(**fields, family=family)


@dataclass(frozen=True)
class Long:
    """A long example, and how its Cell and clusters are called."""

    family: Family
    folder: str
    name: str
    prefix: str
    balancer: str

    def clusters(self, *names: str) -> set[str]:
        return {f"{self.prefix}-{name}" for name in names}


@dataclass
class Story:
    """It on its older clusters, as a Cell that is Synced; `new` applies the example as it is written."""

    of: Long
    w: SeedsWorld
    web: FakeRoute
    api: FakeRoute

    async def new(self) -> None:
        await self.w.example(self.of.folder)

    async def ends(self, phase: str) -> dict[str, Any]:
        name, kind = self.of.name, self.of.family.cell
        return await self.w.until(lambda status: status["phase"] == phase, name, kind, within=7200)

    async def settled(self, generation: int = 2) -> None:
        await self.w.settled(self.of.name, generation, *APPLICATIONS)

    def running(self, applications: str = "") -> set[str]:
        """Clusters on which Applications whose name has this in it run."""
        there = (server for server, name in self.w.argo.workloads if applications in name)
        return {server.split("//")[1].partition(".")[0] for server in there}


@asynccontextmanager
async def told(example: Long) -> AsyncIterator[Story]:
    """Its routes have the traffic on the older clusters; nothing is applied or runs yet."""
    async with seeds_world(example.family) as w:
        listener = f"{REGION}:listener/app/{example.balancer}/0123456789abcdef/0123456789abcdef"
        web = w.forwards(f"{listener}#10", *sorted(example.clusters("web-1-v1", "web-2-v1")))
        yield Story(example, w, web, w.forwards(f"{listener}#11", *example.clusters("api-v0")))


@asynccontextmanager
async def on_the_older(example: Long) -> AsyncIterator[Story]:
    """It is Synced on them, and goes on."""
    async with told(example) as story:
        w = story.w
        async with w.running():
            w.text = lambda text: text.replace("-v1", "-v0").replace("-v2", "-v1")
            await story.new()
            await story.settled(1)
            w.seen.clear()
            for route in w.aws.routes.values():
                route.history.clear()
            w.text = str
            yield story
