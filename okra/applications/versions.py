"""What tells one set of clusters from another: the version of an application."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

LABEL = "okra.mumoshu.github.io/version"
LONGEST = 200
"""Characters of a version; a status takes 256."""


def version_of(clusters: Sequence[str], labels: Mapping[str, Mapping[str, str]]) -> str:
    """The version label that all clusters have alike; else their names, which an ephemeral cluster never has twice.
    In whatever order a spec lists them."""
    found = {labels.get(cluster, {}).get(LABEL, "") for cluster in clusters}
    if len(found) == 1 and (version := found.pop()):
        return version
    joined = "+".join(sorted(clusters))
    if len(joined) <= LONGEST:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:16]
    return f"{joined[: LONGEST - 17]}-{digest}"
