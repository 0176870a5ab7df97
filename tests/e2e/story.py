"""The long example of whole clusters as a story: its first version is there and has traffic, then comes the second."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.e2e.fleet import Fleet
from tests.e2e.installed import Manifest

ALONE = "--no-leader-elect"
CLUSTERS = {"web": ("web-1", "web-2"), "api": ("api",), "backgroundjobs": ("backgroundjobs",)}
"""Application → its clusters, without what the Cell calls them all, and without the version."""
PRIORITY = {"web": 10, "api": 11}
FIRST, SECOND, THIRD = "v1", "v2", "v3"
PLANES = {THIRD: FIRST}
"""Version → whose API server its clusters have, where there is none of its own."""
BEFORE = "before"
"""A target group of no cluster of the Cell's."""
CHECKS = ("prechecks", "checks", "postchecks")
SHAPES: dict[str, dict[str, Any]] = {
    "Cell": {},
    "System": {
        "example": "07-hotswap-system",
        "name": "shop",
        "plural": "systems.hotswap.mumoshu.github.io",
        "prefix": "shop",
        "sets": {"web": "shop-web", "api": "shop-api", "backgroundjobs": "shop-jobs"},
    },
}
"""What a story is of: `replace(story, **SHAPES[shape])`."""


@dataclass
class Story:
    fleet: Fleet
    url: str
    """Of the metrics that the checks ask for."""
    errors: list[Callable[[], float]]
    """What they say at a moment: the last of these."""
    example: str = "06-whole-clusters"
    name: str = "mysystem"
    plural: str = "cells.okra.mumoshu.github.io"
    prefix: str = "mycluster"
    sets: dict[str, str] = field(default_factory=lambda: {each: each for each in CLUSTERS})
    """Application → its ApplicationSet, with whose name those of its Applications begin."""
    applications: tuple[str, ...] = tuple(CLUSTERS)
    """Those that the Cell has; the clusters of the others aren't there."""
    change: Callable[[dict[str, Any]], None] = lambda _spec: None
    """Made to the Cell's spec before it is applied in the second version."""
    down: dict[str, dict[str, str]] = field(default_factory=dict)
    """Cluster → what EKS says of it instead of ACTIVE."""

    def says(self, errors: Callable[[], float]) -> None:
        """What the metrics say from now on."""
        self.errors.append(errors)

    # -- building --------------------------------------------------------------------------------------------------

    def cluster(self, application: str, version: str) -> tuple[str, ...]:
        """The clusters of an application."""
        return tuple(f"{self.prefix}-{each}-{version}" for each in CLUSTERS[application])

    def build(self, version: str) -> None:
        """The clusters of a version are there."""
        for application in self.applications:
            for name in self.cluster(application, version):
                plane = PLANES.get(version, version)
                self.fleet.cluster(name, plane, role=application, **self.down.get(name, {}))

    def documents(self, version: str) -> list[Manifest]:
        """The example: these applications, all of their clusters in this version, and checks that ask our metrics."""
        found = self.fleet.example(self.example, lambda text: re.sub(r"-v\d\b(?=\n)", f"-{version}", text))
        for spec in (each["spec"] for each in found if "applications" in each["spec"]):
            spec["applications"] = [each for each in spec["applications"] if each["name"] in self.applications]
            spec["clusters"] = [each for each in spec["clusters"] if each["labels"]["role"] in self.applications]
            asks(self.url, spec)
        return found

    # -- what happens ----------------------------------------------------------------------------------------------

    def begin(self, **settings: str) -> None:
        """The first version, and Okra, which finds it in order."""
        self.build(FIRST)
        for application in self.applications:
            if application in PRIORITY:
                self.fleet.route_of(application, PRIORITY[application], self.cluster(application, FIRST))
        self.fleet.sets = self.sets
        self.fleet.apply(self.documents(FIRST))
        self.fleet.okra.start(ALONE, **settings)
        self.synced()

    def begin_moving(self) -> None:
        """The first version, and Okra; the traffic is still where it was before there was any."""
        self.build(FIRST)
        self.fleet.groups[BEFORE] = self.fleet.world.target_group(BEFORE, targets=1)
        for application in self.applications:
            self.fleet.route_of(application, PRIORITY[application], [BEFORE])
        self.fleet.sets = self.sets
        self.ask(FIRST)
        self.fleet.okra.start(ALONE)

    def move(self, version: str = SECOND) -> None:
        """Clusters of this version are there, and take the place of the former's in the spec."""
        self.build(version)
        self.ask(version)

    def ask(self, version: str = SECOND) -> None:
        documents = self.documents(version)
        for each in documents:
            if "applications" in each["spec"]:
                self.change(each["spec"])
        self.fleet.apply(documents)

    def edit(self, **spec: Any) -> None:
        """Of the spec as it is."""
        self.fleet.okra.kubectl("patch", self.plural, self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    # -- what is to be seen ----------------------------------------------------------------------------------------

    def until(self, phases: dict[str, str], **more: Any) -> dict[str, Any]:
        return self.fleet.until(phases, name=self.name, plural=self.plural, **more)

    def until_it_says(self, application: str, words: str) -> dict[str, Any]:
        """The status, once its message has these words."""

        def says(status: dict[str, Any]) -> bool:
            named = {each["name"]: each.get("message", "") for each in status.get("applications", ())}
            return words in named.get(application, "")

        return self.fleet.until_it_says(says, name=self.name, plural=self.plural)

    def synced(self) -> dict[str, Any]:
        return self.until({"": "Synced", **dict.fromkeys(self.applications, "Synced")})

    def application(self, status: dict[str, Any], name: str) -> dict[str, Any]:
        (found,) = [each for each in status["applications"] if each["name"] == name]
        return dict(found)

    def share(self, application: str) -> Fraction:
        """Of the second version's clusters in its traffic."""
        weights = self.fleet.traffic(application)
        new = sum(weights.get(each, 0) for each in self.cluster(application, SECOND))
        return Fraction(new, sum(weights.values()))

    def is_on(self, version: str, applications: Sequence[str] | None = None) -> None:
        """All traffic, and every Application, is on the clusters of this version, and nowhere else."""
        for each in applications or self.applications:
            wanted = set(self.cluster(each, version))
            if each in PRIORITY:
                assert set(self.fleet.traffic(each)) == wanted
            self.fleet.until_it_runs_on(each, wanted)
        self.fleet.assert_nobody_was_hurt("backgroundjobs")


def asks(url: str, spec: dict[str, Any]) -> None:
    """Every analysis of a Cell's applications asks this URL, within its own limits."""
    for application in spec["applications"]:
        for check in (each for kind in CHECKS for each in application.get(kind, ()) if "analysis" in each):
            limits = {key: check["analysis"][key] for key in ("min", "max") if key in check["analysis"]}
            check["analysis"] = analysis(url, **limits)


def analysis(url: str, **limits: float) -> dict[str, Any]:
    web = {"url": url, "jmesPath": "value", "timeout": "2s"}
    return {"interval": "1s", "provider": {"web": web}, **limits}
