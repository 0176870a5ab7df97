"""The objects that a complex Cell writes in its place: an ArgoCDCluster for each cluster; for each application an
ArgoCDApplicationDeployment, if Argo CD deploys it, and a simple Cell, if it has a route (`route_children`).

All are of the Cell's own group and namespace, carry its name as a label, and it is their controller: they go with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from okra.api.cell import CellSpec
from okra.api.complex import Application, ArgoCDStrategyType, Cluster
from okra.api.fields import LabelKey, LabelValue
from okra.api.meta import PARENT_LABEL, VERSION

Object = dict[str, Any]

PARENT = PARENT_LABEL
"""The label of a child that holds its Cell's name."""
LONGEST_NAME = 63
LABEL: TypeAdapter[tuple[str, str]] = TypeAdapter(tuple[LabelKey, LabelValue])
"""A key and a value that Kubernetes takes for a label."""


@dataclass(frozen=True, slots=True)
class Parent:
    """Whose children they are."""

    group: str
    kind: str
    """Cell, or hotswap's System: its child Cells are of the same."""
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that children carry, too: by these this Okra finds its objects."""
    selecting: frozenset[str] = frozenset()
    """Keys of such labels: what a child has for one it has from here, or hasn't."""

    def cluster(self, cluster: str) -> str:
        """The name of a cluster's ArgoCDCluster, and of its cluster secret."""
        return f"{self.name}-{cluster}"

    def named(self, child: str) -> str:
        """What the Cell calls the cluster of this ArgoCDCluster."""
        return child.removeprefix(self.cluster(""))

    def application(self, application: str) -> str:
        """The name of an application's children."""
        return short(f"{self.name}-{application}")

    def owns(self, obj: Object) -> bool:
        """Is it this very object's child, and nobody else's?"""
        owners = obj["metadata"].get("ownerReferences") or ()
        return any(owner.get("controller") and owner.get("uid") == self.uid for owner in owners)

    def child(self, kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> Object:
        """A child object; `metadata`: what it has beside name, labels and owner."""
        owner = {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}
        own = {key: value for key, value in metadata.pop("labels", {}).items() if key not in self.selecting}
        labels = {**own, **self.labels, PARENT: self.name}
        return {
            "apiVersion": self.api_version,
            "kind": kind,
            "metadata": {
                "namespace": self.namespace,
                "name": name,
                "labels": labels,
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
                **metadata,
            },
            "spec": dict(spec),
        }

    @property
    def api_version(self) -> str:
        return f"{self.group}/{VERSION}"


def short(name: str) -> str:
    """A name that a Cell may have, and a label hold: with a hash of it where it is too long."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - 11].rstrip('-')}-{digest}"


def cluster_child(parent: Parent, spec: CellSpec, cluster: Cluster) -> Object:
    """The ArgoCDCluster of a cluster. It carries the cluster's labels, as far as they are any to Kubernetes."""
    body: dict[str, Any] = {
        "eks": {**plain(cluster.eks), "clusterName": eks_name(cluster)},
        "aws": plain(spec.aws),
        "labels": dict(cluster.labels),
        "deletionPolicy": str(spec.deletion_policy),
    }
    labels = {key: value for key, value in cluster.labels.items() if is_label(key, value)}
    return parent.child(
        "ArgoCDCluster", parent.cluster(cluster.name), {k: v for k, v in body.items() if v}, labels=labels
    )


def is_label(key: str, value: str) -> bool:
    """Does Kubernetes take it for a label?"""
    try:
        LABEL.validate_python((key, value))
    except ValidationError:
        return False
    return True


def deployment_child(
    parent: Parent,
    application: Application,
    clusters: Sequence[str],
    there: Object | None = None,
    retained: Collection[str] = (),
) -> Object:
    """The ArgoCDApplicationDeployment of an application; `clusters` as the Cell calls them, and those of them that stay
    as they are.

    One that is there keeps its labels where the application would give one another value on clusters that it publishes
    by them: with the former one go the Applications, and what runs. One that is left out, it takes off with care.
    """
    argocd = {} if application.argocd is None else plain(application.argocd)
    kept = [parent.cluster(each) for each in retained]
    if there is not None:
        by_these = {*there["spec"]["clusterNames"]}.difference(there["spec"].get("retained", ()), kept)
        in_use = by_these.intersection(map(parent.cluster, clusters)) and replaced(application, there)
        if application.argocd is None or in_use:
            argocd = {**argocd, **{key: there["spec"][key] for key in ("clusterSecret", "applicationSet")}}
    return _deployment(parent, application.name, clusters, {**argocd, **({"retained": kept} if kept else {})})


def deployment_as_it_is(parent: Parent, name: str, clusters: Sequence[str], there: Object) -> Object:
    """One that is there, published to other clusters by nobody who knows more of it."""
    spec = {key: value for key, value in there["spec"].items() if key not in ("clusterNames", "retained")}
    published = [parent.cluster(each) for each in clusters]
    retained = [each for each in there["spec"].get("retained", []) if each in published]
    return _deployment(parent, name, clusters, spec | ({"retained": retained} if retained else {}))


def _deployment(parent: Parent, name: str, clusters: Sequence[str], argocd: Mapping[str, Any]) -> Object:
    spec = {"clusterNames": [parent.cluster(each) for each in clusters], **argocd}
    return parent.child("ArgoCDApplicationDeployment", parent.application(name), spec)


def replaced(application: Application, there: Object) -> list[str]:
    """Labels of the cluster secrets that an ArgoCDApplicationDeployment sets, and that the application gives another
    value: both can't be on at once. None where what was deployed by the former is to go first anyway."""
    argocd = application.argocd
    if argocd is None or argocd.update_strategy.type is ArgoCDStrategyType.DELETE_BEFORE_CREATE:
        return []
    before, now = _published(there["spec"]), _published(plain(argocd))
    return sorted(f"{key}={value}" for key, value in before.items() if now.get(key, value) != value)


def _published(argocd: Mapping[str, Any]) -> Mapping[str, str]:
    secret = argocd.get("clusterSecret", {})
    return {**secret.get("labels", {}), **({"cluster-secret": secret["name"]} if "name" in secret else {})}


def eks_name(cluster: Cluster) -> str:
    return cluster.eks.cluster_name or cluster.name


def plain(model: BaseModel, include: frozenset[str] | None = None) -> dict[str, Any]:
    """As a person would write it: without what is left to defaults."""
    return model.model_dump(
        mode="json", exclude_none=True, exclude_defaults=True, include=None if include is None else set(include)
    )
