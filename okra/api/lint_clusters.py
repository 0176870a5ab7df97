"""What can hardly be meant of clusters and applications though the API server takes it: clusters may come later, and
a cluster's secret may be another Cell's. What tags in AWS select only the controller knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from okra.api.aws import region_of
from okra.api.base import Loc, Violation
from okra.api.cell import CellSpec
from okra.api.complex import Application, ApplicationALB, Cluster
from okra.api.findings import did_you_mean, printable, remedy_for
from okra.api.label_selectors import ClusterSelector
from okra.api.secret_labels import FIXED


def cluster_findings(spec: CellSpec) -> Iterator[Violation]:
    """Places are relative to the spec."""
    for index, application in enumerate(spec.applications or ()):
        at, selector, chosen = ("applications", index), application.cluster_selector, spec.clusters or ()
        if selector is not None:
            labels = selector.labels
            chosen = tuple(each for each in chosen if labels and labels.matches(each.labels))
            if labels and not chosen:
                yield _unmatched((*at, "clusterSelector"), selector, [each.labels for each in spec.clusters or ()])
        yield from _unpublishable((*at, "argocd", "clusterSecret", "labels"), application, chosen)
        for loc, alb in application.routes:
            yield from _misplaced((*at, *loc, "forwardConfig", "targetGroup"), alb, chosen)


def cluster_notes(spec: CellSpec) -> Iterator[Violation]:
    """What may be meant: a label of clusters that are tagged in EKS."""
    for index, application in enumerate(spec.applications or ()):
        for loc, alb in application.routes:
            label = alb.forward_config.target_group.arn_from_label
            if label is not None and not any(label in each.labels for each in spec.clusters or ()):
                at: Loc = ("applications", index, *loc, "forwardConfig", "targetGroup", "arnFromLabel")
                said = f"no cluster has the label {printable(label)}: each must have it as a tag in EKS"
                known = {key for each in spec.clusters or () for key in each.labels}
                near = did_you_mean(label, known)
                yield Violation(at, f"{said}, or did you mean {near}?" if near else said)


def route_findings(spec: CellSpec) -> Iterator[Violation]:
    """Of the simple shape."""
    for loc, ingress in spec.routes:
        if ingress.listener is not None and ingress.load_balancer is not None:
            (block, _), listener = ingress.listener
            for index, each in enumerate(ingress.load_balancer.target_groups or ()):
                yield from _elsewhere((*loc, block, "targetGroups", index, "arn"), each.arn, listener)


def _misplaced(at: Loc, alb: ApplicationALB, clusters: Sequence[Cluster]) -> Iterator[Violation]:
    """Target groups that the application's listener can't forward to, or that two clusters have."""
    source, listener = alb.forward_config.target_group, alb.listener_arn
    if source.arn is not None:
        yield from _elsewhere((*at, "arn"), source.arn, listener)
    label, seen = source.arn_from_label or "", dict[str, str]()
    for cluster in clusters:
        arn = cluster.labels.get(label, "")
        where: Loc = (*at, "arnFromLabel")
        if arn in seen:
            yield Violation(where, f"{cluster.name} has the target group of {seen[arn]}: give each its own")
        elif arn.startswith("arn:"):
            seen[arn] = cluster.name
            yield from _elsewhere(where, arn, listener, f"the target group of {cluster.name} ")


def _elsewhere(at: Loc, arn: str, listener: str, what: str = "") -> Iterator[Violation]:
    here, there = region_of(listener), region_of(f"{arn}:::")  # a label may hold anything
    if there not in ("", here):
        said = f"{what}is in {printable(there)}, but the listener is in {here}, and forwards to no other region"
        yield Violation(at, f"{said}: correct one of them")


def _unpublishable(at: Loc, application: Application, clusters: Sequence[Cluster]) -> Iterator[Violation]:
    wanted = application.argocd.cluster_secret.labels if application.argocd else {}
    for key in sorted(wanted.keys() - FIXED.keys()):
        own = next((each.name for each in clusters if key in each.labels), None)
        if own is not None:
            said = f"is a label of the cluster {own} itself (clusters[].labels), by which nothing can be published"
            yield Violation((*at, key), f"{said}: choose another key")


def _unmatched(at: Loc, selector: ClusterSelector, clusters: Sequence[Mapping[str, str]]) -> Violation:
    """The first label that no cluster has, or all of them."""
    below: Loc = ("matchLabels",) if selector.match_labels else ()
    wanted = selector.match_labels or selector.plain
    for key, value in wanted.items():
        values = {labels[key] for labels in clusters if key in labels}
        if not values:
            known = {each for labels in clusters for each in labels}
            return Violation((*at, *below, key), f"no cluster has the label {printable(key)}; {remedy_for(key, known)}")
        if value not in values:
            shown = f"{printable(key)}={printable(value)}"
            return Violation((*at, *below, key), f"no cluster has {shown}; {remedy_for(value, values)}")
    shown = ", ".join(f"{printable(key)}={printable(value)}" for key, value in wanted.items())
    return Violation(at, f"no cluster has all of {shown}")
