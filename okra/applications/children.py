"""The objects that a complex Cell writes in its place: an ArgoCDCluster for each cluster; for each application an
ArgoCDApplicationDeployment, if Argo CD deploys it, and a simple Cell, if it has a route.

All are of the Cell's own group and namespace, carry its name as a label, and it is their controller: they go with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from okra.api.cell import CellSpec
from okra.api.complex import Application, ApplicationALB, ArgoCDStrategyType, Cluster
from okra.api.fields import LabelKey, LabelValue
from okra.api.meta import COMMAND_ANNOTATION, OKRA_GROUP, PARENT_LABEL, VERSION
from okra.applications.state import Group
from okra.rollout.commands import ITS_CELL
from okra.rollout.policy import route_key

Object = dict[str, Any]

PARENT = PARENT_LABEL
"""The label of a child that holds its Cell's name."""
ATTEMPT = f"{OKRA_GROUP}/attempt"
"""The annotation of a child Cell that says for which of the application's attempts it was last told where to go."""
CHECKS_OF = f"{OKRA_GROUP}/checks-of"
"""The annotation of a child Cell of several applications that says of which routes each check is (JSON): it is asked of
the target groups of these."""
SINCE = f"{OKRA_GROUP}/since-rollout"
"""The annotation of a child Cell that says which of its rollouts was the last before that."""

LONGEST_NAME = 63
MOST_REPLICAS = 4
"""A forward action holds five groups, and one place is needed to replace them."""

HANDED_DOWN = frozenset(
    {
        "aws",
        "min_healthy_targets",
        "health_timeout",
        "on_failure",
        "propagation_delay",
        "bake_time",
        "retain_for",
        "drain_timeout",
        "progress_deadline",
        "progress_deadline_action",
        "on_drift",
        "paused",
    }
)
"""What of a complex Cell's spec means the same in its child Cells."""
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


Pinned = Sequence[tuple[str, Group]]
"""Target groups, each with its version."""


def key_of(alb: ApplicationALB) -> str:
    """What a route is called."""
    return route_key(alb.listener_arn, "", alb.forward_config.priority)


def route_child(
    parent: Parent, spec: CellSpec, applications: Sequence[Application], version: str, groups: Pinned, name: str = ""
) -> Object | None:
    """The simple Cell of an application, or of several in lockstep, pinned to `version`; `groups`: those of other
    versions, too. `name`: the application whose it is, if not the first. None: no route has target groups.

    All groups of the version move as a whole: as many as it has must be there before anything begins.
    """
    albs = [alb for each in applications for _, alb in each.routes]
    routes = [(alb, of) for alb in albs if (of := _of_route(key_of(alb), groups, alone=len(albs) == 1))]
    if not routes:
        return None
    given = next((each.update_strategy for each in albs if each.update_strategy is not None), None)
    strategy = {} if given is None else {"canary": plain(given)}
    body: dict[str, Any] = {
        **plain(spec, include=HANDED_DOWN),
        **_listing([(_balancer(alb), of) for alb, of in routes], version),
        "version": version,
        "updateStrategy": {"type": "Canary", **strategy},
        "checks": [plain(each) for app in applications for each in app.checks],
        "postchecks": [plain(each) for app in applications for each in app.postchecks],
    }
    spec_, own = {key: value for key, value in body.items() if value}, name or applications[0].name
    more = {"annotations": {CHECKS_OF: _checks_of(applications)}} if len(applications) > 1 else {}
    return parent.child(parent.kind, parent.application(own), spec_, **more)


def _checks_of(applications: Sequence[Application]) -> str:
    found = {
        check.name: [key_of(alb) for _, alb in each.routes]
        for each in applications
        for check in (*each.checks, *each.postchecks)
    }
    return json.dumps(found, sort_keys=True)


def routes_of_check(there: Object, check: str) -> Collection[str]:
    """Of which routes of a child Cell a check is; none: of all."""
    text = (there["metadata"].get("annotations") or {}).get(CHECKS_OF)
    try:
        found: Any = json.loads(text) if text else {}
    except ValueError:
        return ()  # a person's
    return found.get(check, ()) if isinstance(found, dict) else ()


def _balancer(alb: ApplicationALB) -> Object:
    priority = alb.forward_config.priority
    return {"listenerARN": alb.listener_arn, **({} if priority is None else {"rule": {"priority": priority}})}


def _listing(routes: Sequence[tuple[Object, Pinned]], version: str) -> dict[str, Any]:
    """The routes of a child Cell with the target groups of each."""
    listed = [
        {
            "type": "AWSApplicationLoadBalancer",
            "awsApplicationLoadBalancer": {**balancer, "targetGroups": [_listed(*each) for each in groups]},
        }
        for balancer, groups in routes
    ]
    fewest = min(sum(of == version for of, _ in groups) for _, groups in routes)
    ingress = {"ingress": listed[0]} if len(listed) == 1 else {"ingresses": listed}
    return {**ingress, "replicas": max(1, min(MOST_REPLICAS, fewest))}


def _of_route(key: str, groups: Pinned, *, alone: bool = False) -> Pinned:
    """Those of a route. An only one that has none takes the place of another."""
    found = [each for each in groups if each[1].route in ("", key)]
    return found if found or not alone else [each for each in groups if each[1].route == groups[0][1].route]


def balancers(there: Object) -> list[Object]:
    """The routes that a child Cell's spec names."""
    spec = there["spec"]
    listed = spec["ingresses"] if "ingresses" in spec else [spec["ingress"]]
    return [each["awsApplicationLoadBalancer"] for each in listed]


def key_in(balancer: Object) -> str:
    """What a route of a child Cell's spec is called."""
    return route_key(balancer["listenerARN"], "", balancer.get("rule", {}).get("priority"))


def sent_back(parent: Parent, there: Object, version: str, groups: Pinned) -> Object:
    """A child Cell told to go back by nobody who knows more of its routes: all else stays as it is."""
    known = balancers(there)
    found = [(each, _of_route(key_in(each), groups, alone=len(known) == 1)) for each in known]
    routes = [(each, of or _as_listed(each)) for each, of in found]
    kept = {key: value for key, value in there["spec"].items() if key not in ("ingress", "ingresses")}
    spec = {**kept, **_listing(routes, version), "version": version}
    return parent.child(parent.kind, there["metadata"]["name"], spec)


def _as_listed(balancer: Object) -> Pinned:
    return [(each["version"], listed_group(each)) for each in balancer["targetGroups"]]


def listed_group(listed: Object, route: str = "") -> Group:
    return Group(listed.get("cluster", ""), listed["arn"], listed.get("eksCluster", ""), route)


def _listed(version: str, group: Group) -> Object:
    found = {"arn": group.arn, "version": version, "cluster": group.cluster, "eksCluster": group.eks}
    return {key: value for key, value in found.items() if value}


def eks_name(cluster: Cluster) -> str:
    return cluster.eks.cluster_name or cluster.name


def sent(body: Object, before: Object | None, attempt: int) -> Object:
    """A child Cell that is told where to go, for an attempt of its application.

    What it did before doesn't count for this one. A version that failed in an earlier one begins again: whether it may
    is for its parent to say, who wouldn't have asked.
    """
    status, version = (before or {}).get("status") or {}, body["spec"]["version"]
    annotations = {ATTEMPT: str(attempt), SINCE: str(status.get("rollouts", 0))}
    failed = [*(status.get("blockedVersions") or ()), *(status.get("setAside") or ())]
    if any(each.get("version") == version for each in failed):
        again = {"id": f"attempt-{attempt}-{annotations[SINCE]}", "verb": "retry", "arg": version, "by": ITS_CELL}
        annotations[COMMAND_ANNOTATION] = json.dumps(again)
    metadata = body["metadata"]
    return {**body, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}}


def abort_of(attempt: int, rollout: int) -> str:
    """The command to a child Cell that brings its rollout's traffic back, as its annotation has it: for an attempt of
    the application."""
    return json.dumps({"id": f"attempt-{attempt}-abort-{rollout}", "verb": "abort", "by": ITS_CELL})


def plain(model: BaseModel, include: frozenset[str] | None = None) -> dict[str, Any]:
    """As a person would write it: without what is left to defaults."""
    return model.model_dump(
        mode="json", exclude_none=True, exclude_defaults=True, include=None if include is None else set(include)
    )
