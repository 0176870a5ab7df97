"""Labels of a cluster secret that no spec gives it: they say that it is one, and whose. All else would be ignored."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from okra.api.base import Violation
from okra.api.meta import OKRA_GROUP, VERSION_LABEL

SHARED_WITH, TARGET_GROUP = f"{OKRA_GROUP}/shared-with", f"{OKRA_GROUP}/target-group-arn"
READ = (VERSION_LABEL, SHARED_WITH, TARGET_GROUP)
"""Of Okra's own those that a cluster may be given: Okra reads them."""
FIXED = {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "okra"}
"""What makes a secret a cluster secret of Okra's."""
OWN = r"^(published\.[^/]*|[^/]*(okra|hotswap)\.mumoshu\.github\.io)/"
"""Keys that mean something to Okra on a secret."""


def is_own(key: str, read: Collection[str] = READ) -> bool:
    return re.match(OWN, key) is not None and key not in read


def own_label_rules(labels: Mapping[str, str], read: Collection[str] = READ) -> Iterator[Violation]:
    for key, value in labels.items():
        if is_own(key, read):
            yield Violation(("labels", key), "is Okra's own on a cluster secret: choose another key")
        elif FIXED.get(key, value) != value:
            yield Violation(("labels", key), f"is always {FIXED[key]} on a cluster secret: choose another key")
