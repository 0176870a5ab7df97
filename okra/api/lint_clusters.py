"""What can hardly be meant of clusters and applications though the API server takes it: clusters may come later, and
a cluster's secret may be another Cell's. What tags in AWS select only the controller knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from okra.api.base import Loc, Violation
from okra.api.cell import CellSpec
from okra.api.complex import Application, Cluster
from okra.api.findings import printable, remedy_for
from okra.api.label_selectors import ClusterSelector
from okra.api.secret_labels import FIXED


def cluster_findings(spec: CellSpec) -> Iterator[Violation]:
    """Places are relative to the spec."""
    for index, application in enumerate(spec.applications or ()):
        at, selector, chosen = ("applications", index), application.cluster_selector, spec.clusters or ()
        if selector is not None:
            if (labels := selector.labels) is None:
                continue
            chosen = tuple(each for each in chosen if labels.matches(each.labels))
            if not chosen:
                yield _unmatched((*at, "clusterSelector"), selector, [each.labels for each in spec.clusters or ()])
        yield from _unpublishable((*at, "argocd", "clusterSecret", "labels"), application, chosen)


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
