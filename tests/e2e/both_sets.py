"""A ClusterSet and a TargetGroupSet, all that Okra does with them on an API server: they find a cluster, and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from okra.argocd.names import TARGET_GROUP_OF
from tests.e2e.fleet import Fleet
from tests.e2e.lacking import Step

GROUP = "okra.mumoshu.github.io"
PLURALS = {"ClusterSet": "clustersets", "TargetGroupSet": "targetgroupsets"}
NAME = "sets"


@dataclass
class BothSets:
    fleet: Fleet
    tag: str
    """Part of every name that nobody else may have."""

    def steps(self) -> Iterator[Step]:
        """What is done, and how it is known to be over."""
        yield self.begin, self.made
        yield self.delete, self.gone

    def begin(self) -> None:
        self.fleet.bare_cluster(self._cluster, "v1", {"found": self.tag})
        template = {"spec": {"protocol": "HTTP", "port": 8080}}
        self.fleet.okra.apply(
            self._set("ClusterSet"), self._set("TargetGroupSet", template=template, deletionPolicy="Delete")
        )

    def delete(self) -> None:
        for plural in PLURALS.values():
            self.fleet.okra.kubectl("delete", f"{plural}.{GROUP}", NAME, "--wait=false")

    def made(self) -> bool:
        """The target group is there, and the cluster's ArgoCDCluster names it."""
        metadata = self._find(f"{NAME}-{self._cluster}", "argocdclusters").get("metadata", {})
        ready = [(self._find(NAME, each).get("status") or {}).get("ready") for each in PLURALS.values()]
        return bool(all(ready) and metadata.get("annotations", {}).get(f"{TARGET_GROUP_OF}{NAME}") in self._groups())

    def gone(self) -> bool:
        """The ArgoCDCluster goes with its owner."""
        left = [self._find(NAME, each) for each in PLURALS.values()]
        return not any((*left, self._find(f"{NAME}-{self._cluster}", "argocdclusters"), self._groups()))

    @property
    def _cluster(self) -> str:
        return f"found-{self.tag}"

    def _set(self, kind: str, **spec: Any) -> dict[str, Any]:
        generator = {"awseks": {"selector": {"matchTags": {"found": self.tag}}}}
        body = {"generators": [generator], **spec}
        return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": NAME}, "spec": body}

    def _find(self, name: str, plural: str) -> dict[str, Any]:
        return self.fleet.okra.controllers.find(name, plural, f"{GROUP}/v1alpha1")

    def _groups(self) -> list[str]:
        """The target groups that were made for the cluster."""
        found = self.fleet.world.elb.describe_target_groups()["TargetGroups"]
        begins = f"{NAME}-{self._cluster[:8]}-"
        return [str(each["TargetGroupArn"]) for each in found if each["TargetGroupName"].startswith(begins)]
