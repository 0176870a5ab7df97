"""Argo CD's application controller, as far as Okra sees it, on any store: in memory, or a real API server.

It syncs what Applications ask for, says how that went, and removes an Application's workloads before the Application
goes; where the cluster's secret is gone by then, it leaves them running, as the real one does. What runs on which
cluster is in memory here, with its history: what a test holds against the rules.

    Application     (none) → OutOfSync, Missing → [operation Running] Progressing → Synced, Healthy | as `broken` says
    being deleted   workloads run for `deletes_in` seconds more → gone → the finalizer is taken off

An operation begins by itself where the sync is automated, else with the object's `operation`, as a person or a
RollingSync sets it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from okra.argocd.names import APPLICATION, CLUSTER, SECRET, SECRET_TYPE
from okra.errors import NotFound, Retryable
from okra.ports import Clock, Object, ObjectStore
from okra.rollout.status import read_time

FINALIZER = "resources-finalizer.argocd.argoproj.io"
LOCAL = {"in-cluster": "https://kubernetes.default.svc"}
"""The cluster that Argo CD runs on has no secret."""

_UNFINISHED = {"message": None, "finishedAt": None}

Workload = tuple[str, str]
"""(server, Application)."""


def degraded(message: str = "CrashLoopBackOff") -> dict[str, Any]:
    """For `broken`: it was synced, and doesn't get well."""
    return {"sync": {"status": "Synced"}, "health": {"status": "Degraded", "message": message}}


@dataclass(frozen=True, slots=True)
class Change:
    """A workload began to run on a cluster, or it runs there no more."""

    at: float
    server: str
    application: str
    runs: bool


@dataclass
class ApplicationController:
    """Run `run()` as a task."""

    store: ObjectStore
    clock: Clock
    namespace: str = "argocd"
    looks_every: float = 1.0
    deploys_in: float = 3.0
    deletes_in: float = 4.0
    reconciles_every: float = 60.0
    broken: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Application → the status that it has instead of a good one."""
    slow: dict[str, float] = field(default_factory=dict)
    """Application → how many seconds its sync takes."""
    ignored: set[str] = field(default_factory=set)
    """Applications that are never reconciled."""
    asleep: bool = False
    """No controller runs."""
    watch: Callable[[], None] = lambda: None
    """Told after each look."""
    losing: Callable[[Workload], None] = lambda _: None
    """Told, at each look until it is removed, of a workload whose Application is being deleted."""
    history: list[Change] = field(default_factory=list)
    orphans: set[Workload] = field(default_factory=set)
    """Workloads whose Application went while they ran."""
    _deployed: dict[Workload, Any] = field(default_factory=dict)
    """What runs, and of which source it was made."""

    async def run(self) -> None:
        while True:
            try:
                if not self.asleep:
                    await self.look()
            except Retryable:
                pass  # the API server is away
            await asyncio.sleep(self.looks_every)

    async def look(self) -> None:
        servers = await self.servers()
        applications = (await self.store.list(APPLICATION, self.namespace)).items
        for obj in applications:
            if obj["metadata"]["name"] not in self.ignored:
                await self._drive(obj, servers)
        names = {obj["metadata"]["name"] for obj in applications}
        self.orphans |= {each for each in self._deployed if each[1] not in names}
        self.watch()

    # -- what runs ---------------------------------------------------------------------------------------------------

    @property
    def deployed(self) -> Mapping[Workload, Any]:
        """What runs, and of which source it was made."""
        return dict(self._deployed)

    @property
    def workloads(self) -> set[Workload]:
        return set(self._deployed)

    def running(self, server: str) -> set[str]:
        """Applications whose workloads run there."""
        return {name for where, name in self._deployed if where == server}

    def most_clusters_at_once(self, prefix: str) -> int:
        """On how many clusters Applications whose names begin so have run at the same time."""
        most, running = 0, set[Workload]()
        for each in self.history:
            if each.application.startswith(prefix):
                change = running.add if each.runs else running.discard
                change((each.server, each.application))
                most = max(most, len({server for server, _ in running}))
        return most

    def _start(self, workload: Workload, source: Any) -> None:
        if workload not in self._deployed:
            self.history.append(Change(self.clock.now(), *workload, runs=True))
        self._deployed[workload] = source

    def _stop(self, workload: Workload) -> None:
        if workload in self._deployed:
            self.history.append(Change(self.clock.now(), *workload, runs=False))
            del self._deployed[workload]

    # -- Applications ------------------------------------------------------------------------------------------------

    async def servers(self) -> dict[str, str]:
        """Argo CD's name of each cluster → its server."""
        secrets = await self.store.list(SECRET, self.namespace, f"{SECRET_TYPE}={CLUSTER}")
        data = (each.get("data") or {} for each in secrets.items)
        known = ({key: base64.b64decode(each.get(key, "")).decode() for key in ("name", "server")} for each in data)
        return LOCAL | {each["name"]: each["server"].rstrip("/") for each in known}

    async def _drive(self, obj: Object, servers: Mapping[str, str]) -> None:
        metadata, destination = obj["metadata"], obj["spec"].get("destination") or {}
        name, server = metadata["name"], destination.get("server") or servers.get(str(destination.get("name")), "")
        workload, known = (server, name), server in servers.values()
        if (deleted := metadata.get("deletionTimestamp")) is not None:
            if workload in self._deployed:
                self.losing(workload)
            if not known:
                await self._release(obj)
            elif self.clock.now() >= read_time(deleted) + self.deletes_in:
                self._stop(workload)
                await self._release(obj)
        elif not known:
            said = {"type": "InvalidSpecError", "message": f"no cluster {server or destination} is known"}
            unknown = {"sync": {"status": "Unknown"}, "health": {"status": "Unknown"}}
            await self._say(obj, {**unknown, "conditions": [said]})
        else:
            await self._sync(obj, workload)

    async def _sync(self, obj: Object, workload: Workload) -> None:
        name, source, now = workload[1], obj["spec"].get("source"), self.clock.now()
        operation = (obj.get("status") or {}).get("operationState") or {}
        running = operation.get("phase") == "Running"
        if running and now >= read_time(operation["startedAt"]) + self.slow.get(name, self.deploys_in):
            self._start(workload, source)
            done = {"phase": "Succeeded", "message": "successfully synced (all tasks run)", "finishedAt": _write(now)}
            operation = {**operation, **done}
        elif not running and (asked := _asked(obj, synced=self._deployed.get(workload) == source)) is not None:
            operation = {"operation": asked, "phase": "Running", "startedAt": _write(now), **_UNFINISHED}
        synced = self._deployed.get(workload) == source
        health = "Healthy" if synced else "Progressing" if operation.get("phase") == "Running" else "Missing"
        good = {
            "sync": {"status": "Synced" if synced else "OutOfSync"},
            "health": {"status": health, "message": None},
            "conditions": None,
        }
        said = {**good, **(self.broken.get(name, {}) if synced else {})}
        await self._say(obj, {**said, **({"operationState": operation} if operation else {})})
        if running and operation["phase"] != "Running" and obj.get("operation"):
            await self._patch(name, {"operation": None})

    async def _say(self, obj: Object, status: Mapping[str, Any]) -> None:
        """If it is something new, or the Application is due."""
        before, now = obj.get("status") or {}, self.clock.now()
        at = before.get("reconciledAt")
        if at is None or now >= read_time(at) + self.reconciles_every or not _holds(before, status):
            name = obj["metadata"]["name"]
            try:
                await self.store.patch_status(
                    APPLICATION, self.namespace, name, {**status, "reconciledAt": _write(now)}
                )
            except NotFound:
                return

    async def _release(self, obj: Object) -> None:
        """Its finalizer; others are somebody else's."""
        metadata = obj["metadata"]
        kept = [each for each in metadata.get("finalizers") or () if not each.startswith(FINALIZER)]
        await self._patch(metadata["name"], {"metadata": {"finalizers": kept}})

    async def _patch(self, name: str, patch: Mapping[str, Any]) -> None:
        try:
            await self.store.patch(APPLICATION, self.namespace, name, patch)
        except NotFound:
            return


def _asked(obj: Object, *, synced: bool) -> Mapping[str, Any] | None:
    """The operation that somebody asks for, or that is to begin by itself."""
    automated = (obj["spec"].get("syncPolicy") or {}).get("automated")
    if obj.get("operation"):
        return dict(obj["operation"])
    if not synced and isinstance(automated, Mapping) and automated.get("enabled") is not False:
        return {"initiatedBy": {"automated": True}, "sync": {}}
    return None


def _holds(before: Any, status: Any) -> bool:
    """Would writing this change nothing?"""
    if isinstance(status, Mapping):
        return isinstance(before, Mapping) and all(_holds(before.get(key), value) for key, value in status.items())
    return bool(before == status)


def _write(seconds: float) -> str:
    """As Argo CD does, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
