"""What a set's things are called: by the cluster alone, so that a name never comes to mean another cluster.

A cluster secret that stays behind (`Retain`) is found again by its name. If that could go from one cluster to another
of the same name in another region, whoever makes the set anew would turn the one's secret, and all that Argo CD deploys
by it, to the other.
"""

from __future__ import annotations

import hashlib
import re

LONGEST_OBJECT = 63
LONGEST_GROUP = 32
"""Characters of a target group's name."""
_HASH = 8
_SET, _CLUSTER = 14, 8
"""Characters of a target group's name that are the set's and the cluster's."""
_SEVERAL_HYPHENS = re.compile(r"-{2,}")


def child_name(set_name: str, cluster: str, arn: str, *, home: bool) -> str:
    """Of an ArgoCDCluster: `SET-CLUSTER`, for a cluster where Okra itself is (`home`: no region, no role is named) and
    whose name is one in Kubernetes; for any other with a hash of its ARN."""
    plain = cluster.lower().replace("_", "-").strip("-")
    whole = f"{set_name}-{plain}"
    if home and plain == cluster and len(whole) <= LONGEST_OBJECT:
        return whole
    return f"{whole[: LONGEST_OBJECT - _HASH - 1].rstrip('-')}-{_digest(arn)}"


def group_name(owner: str, set_name: str, cluster: str, arn: str) -> str:
    """Of a target group, whose name is its account's and region's: the beginnings of both names, for people, and a hash
    of whose it is (`owner`: INSTALL/NAMESPACE/SET) and of which cluster."""
    parts = (_begins(set_name, _SET), _begins(cluster, _CLUSTER), _digest(f"{owner} {arn}"))
    return "-".join(filter(None, parts))


def _begins(name: str, most: int) -> str:
    """AWS takes letters, digits and single hyphens between them."""
    return _SEVERAL_HYPHENS.sub("-", re.sub(r"[^A-Za-z0-9]", "-", name).strip("-"))[:most].rstrip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
