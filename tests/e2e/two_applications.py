"""Whole clusters, all that Okra does with them on an API server: applications and clusters come, move and go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from okra.api.meta import PARENT_LABEL
from tests.e2e.fleet import LABEL, Fleet
from tests.e2e.installed import Manifest
from tests.e2e.lacking import Step
from tests.scenarios.manifests import error_rate

GROUP = "okra.mumoshu.github.io"
NAME = "web"
OLD = 9
"""Revisions that somebody made: with Okra's own two they are more than it keeps."""


@dataclass
class TwoApplications:
    """One with a route, whose ApplicationSet is named; one without, whose ApplicationSet is selected."""

    fleet: Fleet
    tag: str
    """Part of every name that nobody else may have: of applications, clusters, target groups."""
    metrics: str
    kind: str = "Cell"
    group: str = GROUP
    spec: dict[str, Any] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """What is done, and how it is known to be over."""
        yield self.begin, self.settled
        yield self.label, self.labelled
        yield self.unlabel, self.settled
        yield self.move, partial(self.moved, "v2")
        yield self.spread, partial(self.moved, "v1", "v3")
        yield self.leave, self.left
        yield self.delete, lambda: not self._find(self._cells, NAME)

    # -- what people do --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._build("v1")
        self.fleet.route_of(self._front, None, [f"{self._front}-v1"])
        self.fleet.sets = {**self.fleet.sets, **{each: each for each in (self._front, self._jobs)}}
        self.spec = {
            "deletionPolicy": "Delete",
            "clusters": self._clusters("v1"),
            "applications": [self._with_route(), self._without_route()],
        }
        self._apply(*(self._set(each) for each in (self._front, self._jobs)))

    def label(self) -> None:
        self.spec["clusters"][0]["labels"]["tier"] = "gold"
        self._apply()

    def unlabel(self) -> None:
        """The spec is a former one again."""
        del self.spec["clusters"][0]["labels"]["tier"]
        self._apply()

    def move(self) -> None:
        """Each application to a cluster of its own that is new; and the Cell is an old one, with many revisions."""
        for number in range(OLD):
            self._revision(number)
        self._build("v2")
        self.spec["clusters"] = self._clusters("v2")
        self._apply()

    def spread(self) -> None:
        """The application with a route: back to where it was, and to one more. Each check is now one for each."""
        self.fleet.cluster(f"{self._front}-v3", "v1")
        self.spec["clusters"] = [self._cluster(self._front, each) for each in ("v1", "v3")] + self._clusters("v2")[1:]
        self._apply()

    def leave(self) -> None:
        """The application with a route leaves the spec, together with its clusters."""
        self.spec["clusters"], self.spec["applications"] = self._clusters("v2")[1:], [self._without_route()]
        self._apply()

    def delete(self) -> None:
        self.fleet.okra.kubectl("delete", f"{self._cells}.{self.group}", NAME, "--wait=false")

    # -- how it ends -----------------------------------------------------------------------------------------------

    def settled(self) -> bool:
        """Synced, and this spec is the one to go back to."""
        obj = self._find(self._cells, NAME)
        status, revisions = obj.get("status") or {}, sorted(self._revisions(), key=lambda each: int(each["revision"]))
        fresh = status.get("observedGeneration") == obj["metadata"]["generation"]
        kept = bool(revisions) and revisions[-1]["data"] == {"spec": obj["spec"]}
        return bool(fresh and kept and status["phase"] == "Synced")

    def labelled(self) -> bool:
        labels = [each["metadata"]["labels"] for each in self._secrets()]
        return self.settled() and any(each.get("tier") == "gold" for each in labels)

    def moved(self, *versions: str) -> bool:
        """To clusters of these versions; the former ones are forgotten."""
        names = {each["metadata"]["name"] for each in self._secrets()}
        wanted = {f"{NAME}-{self._front}-{each}" for each in versions} | {f"{NAME}-{self._jobs}-v2"}
        return self.settled() and names == wanted and len(self._revisions()) <= OLD + 1

    def left(self) -> bool:
        child = f"{NAME}-{self._front}"
        there = [self._find(plural, child) for plural in (self._cells, "argocdapplicationdeployments")]
        return self.settled() and not any(there)

    # -- the world -------------------------------------------------------------------------------------------------

    @property
    def _front(self) -> str:
        return f"front-{self.tag}"

    @property
    def _jobs(self) -> str:
        return f"jobs-{self.tag}"

    @property
    def _cells(self) -> str:
        return f"{self.kind.lower()}s"

    def _build(self, version: str) -> None:
        for each in (self._front, self._jobs):
            self.fleet.cluster(f"{each}-{version}", version)

    def _clusters(self, version: str) -> list[dict[str, Any]]:
        return [self._cluster(each, version) for each in (self._front, self._jobs)]

    def _cluster(self, role: str, version: str) -> dict[str, Any]:
        name = f"{role}-{version}"
        return {"name": name, "labels": {"role": role, LABEL: self.fleet.groups[name]}}

    def _application(self, name: str, named: dict[str, str], strategy: str) -> dict[str, Any]:
        argocd = {
            "clusterSecret": {"labels": {"runs": name}},
            "applicationSet": named,
            "updateStrategy": {"type": strategy},
        }
        return {"name": name, "clusterSelector": {"role": name}, "argocd": argocd}

    def _with_route(self) -> dict[str, Any]:
        """Checks: one that a new version changes, and one for each cluster, of which a new version has others."""
        by_version = error_rate(f"{self.metrics}?v={{{{.Vars.version}}}}", interval="1s")
        by_cluster = error_rate(f"{self.metrics}?c={{{{.Vars.targetGroupName}}}}", interval="1s")
        alb = {
            "listenerARN": self.fleet.routes[self._front].listener_arn,
            "forwardConfig": {"targetGroup": {"arnFromLabel": LABEL}},
            "updateStrategy": {"stepWeight": 100, "totalWeight": 100},
        }
        application = self._application(self._front, {"name": self._front}, "CreateBeforeDelete")
        return {**application, "alb": alb, "checks": [by_version, {**by_cluster, "name": "each"}]}

    def _without_route(self) -> dict[str, Any]:
        return self._application(self._jobs, {"selector": f"app={self._jobs}"}, "DeleteBeforeCreate")

    def _set(self, name: str) -> Manifest:
        source = {"repoURL": "https://github.com/example/apps", "path": "app", "targetRevision": "main"}
        spec = {
            "project": "default",
            "source": source,
            "destination": {"server": "{{server}}", "namespace": "default"},
            "syncPolicy": {"automated": {}},
        }
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": {"name": name, "namespace": self.fleet.argocd.namespace, "labels": {"app": name}},
            "spec": {
                "generators": [{"clusters": {"selector": {"matchLabels": {"runs": name}}}}],
                "template": {"metadata": {"name": f"{name}-{{{{name}}}}"}, "spec": spec},
            },
        }

    def _apply(self, *more: Manifest) -> None:
        cell = {"apiVersion": f"{self.group}/v1alpha1", "kind": self.kind, "metadata": {"name": NAME}}
        self.fleet.okra.apply(*more, {**cell, "spec": self.spec})

    # -- objects ---------------------------------------------------------------------------------------------------

    def _find(self, plural: str, name: str) -> dict[str, Any]:
        return self.fleet.okra.controllers.find(name, plural, f"{self.group}/v1alpha1")

    def _secrets(self) -> list[dict[str, Any]]:
        """The cluster secrets of these clusters."""
        path = f"/api/v1/namespaces/{self.fleet.argocd.namespace}/secrets"
        found = self.fleet.argocd.plane.call("GET", path).body["items"]
        return [each for each in found if f"-{self.tag}-v" in each["metadata"]["name"]]

    @property
    def _revisions_path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.fleet.okra.namespace}/controllerrevisions"

    def _revisions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.fleet.argocd.plane.call("GET", self._revisions_path).body["items"]
        return [each for each in found if each["metadata"]["ownerReferences"][0]["kind"] == self.kind]

    def _revision(self, number: int) -> None:
        """A former spec of the Cell's."""
        cell = self._find(self._cells, NAME)
        owner = {key: cell[key] for key in ("apiVersion", "kind")}
        owner |= {"name": NAME, "uid": cell["metadata"]["uid"], "controller": True}
        metadata = {
            "name": f"{self.tag}-former-{number}",
            "labels": {PARENT_LABEL: NAME},
            "ownerReferences": [owner],
        }
        former = {"spec": {**self.spec, "paused": bool(number % 2), "bakeTime": f"{number}s"}}
        body = {"metadata": metadata, "data": json.loads(json.dumps(former)), "revision": 0}
        made = self.fleet.argocd.plane.call("POST", self._revisions_path, body)
        assert made.status == 201, made
