"""Argo CD on any store: its ApplicationSet controller and its application controller, as far as Okra sees them.

Like the real one it finds clusters by their secrets' labels, removes an Application's workloads before the Application
goes, and leaves them running when the cluster's secret is gone by then.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.api.selectors import Selector
from okra.errors import Conflict, NotFound
from okra.ports import Clock, Kind, Object, ObjectStore
from okra.rollout.status import read_time, write_time

SECRET = Kind("", "v1", "Secret", "secrets")
APPLICATION = Kind("argoproj.io", "v1alpha1", "Application", "applications")
APPLICATION_SET = Kind("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets")
FINALIZER = "resources-finalizer.argocd.argoproj.io"


def application_set(
    name: str, labels: Mapping[str, str], *, own: Mapping[str, str] | None = None, **spec: Any
) -> Object:
    """One that deploys to clusters with these labels, as the real one's definition takes it; `own`: its own labels."""
    source = {"repoURL": "https://git.example/apps", "path": name}
    template = {
        "metadata": {"name": name + "-{{name}}"},
        "spec": {"project": "default", "source": source, "destination": {"server": "{{server}}"}},
    }
    generators = [{"clusters": {"selector": {"matchLabels": dict(labels)}}}]
    return {
        "apiVersion": APPLICATION_SET.api_version,
        "kind": APPLICATION_SET.kind,
        "metadata": {"name": name, "namespace": "argocd", "labels": dict(own or {})},
        "spec": {"generators": generators, "template": template, **spec},
    }


@dataclass
class FakeArgoCD:
    """`async with` or `run()` it as a task."""

    store: ObjectStore
    clock: Clock
    namespace: str = "argocd"
    looks_every: float = 1.0
    deploys_in: float = 3.0
    deletes_in: float = 4.0
    reconciles_every: float = 60.0
    workloads: set[tuple[str, str]] = field(default_factory=set)
    """(server, application) that run, whoever still knows of them."""
    orphans: set[tuple[str, str]] = field(default_factory=set)
    """Those whose Application went while they ran."""
    broken: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Application → the status that it has instead of a good one."""
    error: str = ""
    """What every ApplicationSet fails with."""
    manual: bool = False
    """Its Applications are synced by hand."""
    asleep: bool = False
    """Its controllers don't run."""
    watch: Callable[[], None] = lambda: None
    """Told after each look."""

    async def run(self) -> None:
        while True:
            if not self.asleep:
                await self.look()
            await asyncio.sleep(self.looks_every)

    async def look(self) -> None:
        servers = await self._clusters()
        applications = {each["metadata"]["name"]: each for each in (await self.store.list(APPLICATION)).items}
        for each in (await self.store.list(APPLICATION_SET)).items:
            await self._generate(each, servers, applications)
        for obj in (await self.store.list(APPLICATION)).items:
            await self._drive(obj, {server for server, _ in servers.values()})
        self.watch()

    def running(self, server: str) -> set[str]:
        """Applications whose workloads run there."""
        return {name for where, name in self.workloads if where == server}

    # -- ApplicationSets ---------------------------------------------------------------------------------------------

    async def _clusters(self) -> dict[str, tuple[str, Mapping[str, str]]]:
        """Name of each cluster secret → its server and its labels."""
        listing = await self.store.list(SECRET, self.namespace, "argocd.argoproj.io/secret-type=cluster")
        return {
            each["metadata"]["name"]: (base64.b64decode(each["data"]["server"]).decode(), each["metadata"]["labels"])
            for each in listing.items
        }

    async def _generate(
        self, obj: Object, servers: Mapping[str, tuple[str, Mapping[str, str]]], applications: Mapping[str, Object]
    ) -> None:
        name = obj["metadata"]["name"]
        if self.error:
            await self._say(obj, up_to_date=False)
            return
        selectors = [
            Selector.of((each["clusters"].get("selector") or {}).get("matchLabels") or {})
            for each in obj["spec"]["generators"]
            if "clusters" in each
        ]
        wanted = {
            f"{name}-{cluster}": server
            for cluster, (server, labels) in servers.items()
            if any(selector.matches(labels) for selector in selectors)
        }
        for application in wanted.keys() - applications.keys():
            await self.store.create(APPLICATION, self._application(application, obj, wanted[application]))
        for application in applications.keys() - wanted.keys():
            metadata = applications[application]["metadata"]
            if metadata["ownerReferences"][0]["name"] == name and "deletionTimestamp" not in metadata:
                await self.store.delete(APPLICATION, self.namespace, application)
        await self._say(obj, up_to_date=True)

    async def _say(self, obj: Object, *, up_to_date: bool) -> None:
        conditions = [
            {"type": "ResourcesUpToDate", "status": str(up_to_date), "reason": "Any", "message": self.error},
            {"type": "ErrorOccurred", "status": str(not up_to_date), "reason": "Any", "message": self.error},
        ]
        name = obj["metadata"]["name"]
        await self.store.patch_status(APPLICATION_SET, self.namespace, name, {"conditions": conditions})

    def _application(self, name: str, of: Object, server: str) -> Object:
        owner = {"apiVersion": APPLICATION_SET.api_version, "kind": APPLICATION_SET.kind, "controller": True}
        keeps = (of["spec"].get("syncPolicy") or {}).get("preserveResourcesOnDeletion")
        return {
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "finalizers": [] if keeps else [FINALIZER],
                "ownerReferences": [{**owner, "name": of["metadata"]["name"], "uid": of["metadata"]["uid"]}],
            },
            "spec": {
                "project": "default",
                "source": of["spec"]["template"]["spec"]["source"],
                "destination": {"server": server, "namespace": "default"},
                "syncPolicy": {} if self.manual else {"automated": {}},
            },
        }

    # -- Applications --------------------------------------------------------------------------------------------------

    async def _drive(self, obj: Object, servers: set[str]) -> None:
        metadata, server = obj["metadata"], obj["spec"]["destination"]["server"]
        name = metadata["name"]
        if (deleted := metadata.get("deletionTimestamp")) is not None:
            if server not in servers:
                self.orphans |= {(server, name)} & self.workloads
                await self._release(name)
            elif self.clock.now() >= read_time(deleted) + self.deletes_in:
                self.workloads.discard((server, name))
                await self._release(name)
            return
        age = self.clock.now() - read_time(metadata["creationTimestamp"])
        if age >= self.deploys_in and not self.manual:
            self.workloads.add((server, name))
        status = self._status(name, deployed=(server, name) in self.workloads)
        before = obj.get("status") or {}
        due = self.clock.now() - read_time(before.get("reconciledAt", write_time(0))) >= self.reconciles_every
        if due or any(before.get(key) != value for key, value in status.items()):
            at = write_time(int(self.clock.now()))
            await self.store.patch_status(APPLICATION, self.namespace, name, {**status, "reconciledAt": at})

    def _status(self, name: str, *, deployed: bool) -> Mapping[str, Any]:
        if not deployed:
            return {"sync": {"status": "OutOfSync"}, "health": {"status": "Missing"}}
        return self.broken.get(name) or {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}

    async def _release(self, name: str) -> None:
        try:
            await self.store.patch(APPLICATION, self.namespace, name, {"metadata": {"finalizers": []}})
        except (NotFound, Conflict):
            return
