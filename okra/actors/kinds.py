"""The kinds that have actors, as a store is asked for them: one family of four in each group, and Okra's own."""

from __future__ import annotations

from dataclasses import dataclass

from okra.api.kinds import BY_NAME
from okra.api.meta import HOTSWAP_GROUP, OKRA_GROUP, VERSION
from okra.ports import Kind, Object


def kind_named(group: str, kind: str) -> Kind:
    """A kind of Okra's or hotswap's group."""
    info = BY_NAME[f"{group}/{VERSION}", kind]
    return Kind(info.group, info.version, info.kind, info.plural)


def kind_of(obj: Object) -> Kind:
    """Of an object of Okra's or hotswap's group."""
    return kind_named(obj["apiVersion"].partition("/")[0], obj["kind"])


def resource(kind: Kind) -> str:
    """As people call it, and as its directory and its watcher are called: `cells`; in another group than Okra's
    `systems.hotswap.mumoshu.github.io`."""
    return kind.plural if kind.group == OKRA_GROUP else f"{kind.plural}.{kind.group}"


def seat(kind: Kind, namespace: str, name: str) -> tuple[str, str]:
    """What tells an object from those of other kinds that move traffic: a System, or an ALB, may have the name of a
    Cell."""
    return namespace, name if kind.kind == "Cell" else f"{kind.kind}/{name}"


@dataclass(frozen=True, slots=True)
class Family:
    """The kinds of one group."""

    cell: Kind
    """Cell, or hotswap's System."""
    check: Kind
    cluster: Kind
    deployment: Kind


def _family(group: str, cell: str) -> Family:
    names = (cell, "Check", "ArgoCDCluster", "ArgoCDApplicationDeployment")
    return Family(*(kind_named(group, each) for each in names))


OKRA = _family(OKRA_GROUP, "Cell")
HOTSWAP = _family(HOTSWAP_GROUP, "System")

ALB = kind_named(OKRA_GROUP, "ALB")
CLUSTER_SET = kind_named(OKRA_GROUP, "ClusterSet")
TARGET_GROUP_SET = kind_named(OKRA_GROUP, "TargetGroupSet")
"""In Okra's group only."""
