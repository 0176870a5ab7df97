"""Whole clusters around Okra: EKS as its double reports it, Argo CD, routes, and what a person applies.

Every EKS cluster is one of two real API servers, reached by an address of its own: those of version 1 and those of
version 2. Two observers look on all the time: no cluster that has traffic may lose an Application of the application
that the traffic is for, and workers of DeleteBeforeCreate may never run on two clusters at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from okra.testing.application_controller import Workload
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.controlplane.members import Member
from okra.testing.eks_world import EksWorld
from tests.e2e.addresses import Address
from tests.e2e.installed import Installed, Manifest
from tests.scenarios.eventually import eventually
from tests.scenarios.observer import Observer
from tests.support.argocd import ArgoCD

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 300.0
"""Seconds. Far more than it takes on a free machine: only a failing test waits so long."""
LABEL = "targetGroupARN"


@dataclass
class Fleet:
    okra: Installed
    world: AwsWorld
    eks: EksWorld
    argocd: ArgoCD
    planes: Mapping[str, Member]
    """`v1`, `v2`: who is behind the clusters whose names end so."""
    stack: ExitStack
    addresses: dict[str, str] = field(default_factory=dict)
    """EKS cluster → its endpoint."""
    groups: dict[str, str] = field(default_factory=dict)
    """EKS cluster → its target group."""
    routes: dict[str, Route] = field(default_factory=dict)
    """Application → its rule."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Application → its ApplicationSet."""
    lost: list[Workload] = field(default_factory=list)
    """Workloads that were removed from a cluster while it had traffic."""

    def __post_init__(self) -> None:
        self.argocd.applications.losing = self._leaves

    # -- building --------------------------------------------------------------------------------------------------

    def cluster(self, name: str, version: str, *, role: str = "", **more: Any) -> None:
        """An EKS cluster of this name, ACTIVE unless `more` says other, with a target group of its own."""
        self.bare_cluster(name, version, {"role": role} if role else {}, **more)
        self.groups[name] = self.world.target_group(name[-32:].lstrip("-"), targets=1)

    def bare_cluster(self, name: str, version: str, tags: Mapping[str, str], **more: Any) -> str:
        """One with these tags, and without a target group; its ARN."""
        plane = self.planes[version]
        plane.names.append(name)
        address = self.stack.enter_context(Address(plane.endpoint))
        self.addresses[name] = address.url
        return self.eks.create(name, tags=tags, endpoint=address.url, ca_data=plane.ca_data, **more)

    def route_of(self, application: str, priority: int | None, clusters: Sequence[str]) -> None:
        """A rule that forwards to these clusters, or without a priority a listener. All rules are of one listener."""
        weights = {self.groups[each]: 1 for each in clusters}
        if priority is None:
            listener = self.world.listener(balancer := self.world.load_balancer(application), weights)
            self.routes[application] = Route(listener, listener, balancer)
            return
        first = next(iter(self.routes.values()), None)
        balancer = first.load_balancer_arn if first else self.world.load_balancer("store")
        listener = first.listener_arn if first else self.world.listener(balancer)
        rule = self.world.rule(listener, priority, weights)
        self.routes[application] = Route(listener, rule, balancer, priority=priority)

    def observe(self, application: str) -> Observer:
        return Observer(self.world.url, self.routes[application])

    # -- what people do --------------------------------------------------------------------------------------------

    def example(self, name: str, rename: Callable[[str], str]) -> list[Manifest]:
        """The documents of an example with this world's ARNs, and other names in its text."""
        text = "\n---\n".join(each.read_text() for each in sorted((EXAMPLES / name).glob("*.yaml")))
        documents = [each for each in yaml.safe_load_all(rename(text)) if each]
        for each in documents:
            if each["kind"] == "ApplicationSet":
                each["metadata"]["namespace"] = self.argocd.namespace
            elif "applications" in each.get("spec", {}):
                self._fill_in(each["spec"])
        return documents

    def _fill_in(self, spec: dict[str, Any]) -> None:
        for cluster in spec["clusters"]:
            if LABEL in cluster.get("labels", {}) and cluster["name"] in self.groups:
                cluster["labels"][LABEL] = self.groups[cluster["name"]]
        for application in spec["applications"]:
            albs = application.get("alb", [])
            for alb in albs if isinstance(albs, list) else [albs]:
                if application["name"] in self.routes:
                    alb["listenerARN"] = self.routes[application["name"]].listener_arn

    def apply(self, documents: Sequence[Manifest]) -> None:
        self.okra.apply(*documents)

    # -- what is to be seen ----------------------------------------------------------------------------------------

    def status(self, name: str = "mysystem", plural: str = "cells.okra.mumoshu.github.io") -> dict[str, Any]:
        kind, _, group = plural.partition(".")
        found = self.okra.controllers.find(name, kind, f"{group}/v1alpha1")
        status: dict[str, Any] = found.get("status") or {}
        fresh = status.get("observedGeneration") == found["metadata"]["generation"]
        return status if fresh else {}

    def until(self, phases: Mapping[str, str], **where: Any) -> dict[str, Any]:
        """The status, once the phases are these: the Cell's as `""`, and each application's."""
        return self.until_it_says(lambda status: phases.items() <= phases_of(status).items(), **where)

    def until_it_says(self, holds: Callable[[dict[str, Any]], object], **where: Any) -> dict[str, Any]:
        """The status of the present spec, as it was when this held for it."""
        try:
            return eventually(lambda: self.status(**where), holds, within=PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told(**where)}") from None

    def told(self, **where: Any) -> str:
        status = json.dumps(self.status(**where), indent=1)
        events = [f"{e['regarding']['name']} {e['reason']}: {e['note']}" for e in self.okra.controllers.events("")]
        logs = "\n".join(each.text[-3000:] for each in self.okra.controllers.started)
        return "\n".join([status, *events, logs])

    def traffic(self, application: str) -> dict[str, int]:
        """EKS cluster → weight, of those that have any."""
        names = {arn: name for name, arn in self.groups.items()}
        weights = self.world.weights(self.routes[application].arn)
        return {names[arn]: weight for arn, weight in weights.items() if weight}

    def runs(self, application: str) -> set[str]:
        """The EKS clusters on which it runs."""
        names = {url: name for name, url in self.addresses.items()}
        found = self.argocd.applications.workloads
        return {names[server] for server, workload in found if self._belongs(workload, application)}

    def until_it_runs_on(self, application: str, clusters: set[str]) -> None:
        eventually(lambda: self.runs(application), lambda seen: seen == clusters, within=PATIENCE)

    def _belongs(self, workload: str, application: str) -> bool:
        return workload.startswith(f"{self.sets[application]}-")

    # -- what must never happen ------------------------------------------------------------------------------------

    def _leaves(self, workload: Workload) -> None:
        """Argo CD is about to remove a workload."""
        server, name = workload
        cluster = next((each for each, url in self.addresses.items() if url == server), "")
        for application in self.routes:
            if self._belongs(name, application) and cluster in self.traffic(application):
                self.lost.append(workload)

    def assert_nobody_was_hurt(self, *workers: str) -> None:
        """All the time. `workers`: applications that may run on one cluster only."""
        assert self.lost == []
        assert self.argocd.applications.orphans == set()
        for application in workers:
            assert self.argocd.applications.most_clusters_at_once(f"{self.sets[application]}-") <= 1


def phases_of(status: Mapping[str, Any]) -> dict[str, str]:
    applications = {each["name"]: each.get("phase", "") for each in status.get("applications", ())}
    return {"": status.get("phase", ""), **applications}
