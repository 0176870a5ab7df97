"""Cluster selectors that match none of a Cell's clusters. To the API server that is no error, as the clusters may come
later; in a file it is a typo nearly always, and `okra lint` says which. What tags in AWS select the controller knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from okra.api.base import Loc, Violation
from okra.api.cell import CellSpec
from okra.api.findings import printable, remedy_for


def unmatched(spec: CellSpec) -> Iterator[Violation]:
    """Places are relative to the spec."""
    clusters = [each.labels for each in spec.clusters or ()]
    for index, application in enumerate(spec.applications or ()):
        selector = application.cluster_selector
        if selector is None or selector.labels is None or any(map(selector.labels.matches, clusters)):
            continue
        at: Loc = ("applications", index, "clusterSelector")
        below: Loc = ("matchLabels",) if selector.match_labels else ()
        yield _why(at, below, selector.match_labels or selector.plain, clusters)


def _why(at: Loc, below: Loc, wanted: Mapping[str, str], clusters: Sequence[Mapping[str, str]]) -> Violation:
    """The first label that no cluster has, or all of them."""
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
