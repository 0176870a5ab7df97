"""Every kind of Okra's, and what belongs to it. Other rooms look kinds up here and list none themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from okra.api.alb import ALB
from okra.api.argocd import ArgoCDApplicationDeployment, ArgoCDCluster
from okra.api.cell import Cell
from okra.api.check import Check
from okra.api.cluster_set import ClusterSet
from okra.api.meta import HOTSWAP_GROUP, OKRA_GROUP, VERSION, Resource
from okra.api.target_group_set import TargetGroupSet


@dataclass(frozen=True, slots=True)
class KindInfo:
    """A kind: how the API server names it, and the model of its objects."""

    group: str
    version: str
    kind: str
    plural: str
    short_names: tuple[str, ...]
    model: type[Resource]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"


def _kind(group: str, kind: str, plural: str, model: type[Resource], *short_names: str) -> KindInfo:
    return KindInfo(group, VERSION, kind, plural, short_names, model)


CELL = _kind(OKRA_GROUP, "Cell", "cells", Cell)
CHECK = _kind(OKRA_GROUP, "Check", "checks", Check, "chk")
ALB_KIND = _kind(OKRA_GROUP, "ALB", "albs", ALB)
ARGOCD_CLUSTER = _kind(OKRA_GROUP, "ArgoCDCluster", "argocdclusters", ArgoCDCluster, "acdc")
ARGOCD_DEPLOYMENT = _kind(
    OKRA_GROUP, "ArgoCDApplicationDeployment", "argocdapplicationdeployments", ArgoCDApplicationDeployment, "acdad"
)
CLUSTER_SET = _kind(OKRA_GROUP, "ClusterSet", "clustersets", ClusterSet, "cset")
TARGET_GROUP_SET = _kind(OKRA_GROUP, "TargetGroupSet", "targetgroupsets", TargetGroupSet, "tgset")

SYSTEM = _kind(HOTSWAP_GROUP, "System", "systems", Cell, "hsys")
HOTSWAP_CHECK = _kind(HOTSWAP_GROUP, "Check", "checks", Check, "hschk")
HOTSWAP_CLUSTER = _kind(HOTSWAP_GROUP, "ArgoCDCluster", "argocdclusters", ArgoCDCluster, "hsacdc")
HOTSWAP_DEPLOYMENT = _kind(
    HOTSWAP_GROUP, "ArgoCDApplicationDeployment", "argocdapplicationdeployments", ArgoCDApplicationDeployment, "hsacdad"
)

KINDS: tuple[KindInfo, ...] = (
    CELL,
    CHECK,
    ALB_KIND,
    ARGOCD_CLUSTER,
    ARGOCD_DEPLOYMENT,
    CLUSTER_SET,
    TARGET_GROUP_SET,
    SYSTEM,
    HOTSWAP_CHECK,
    HOTSWAP_CLUSTER,
    HOTSWAP_DEPLOYMENT,
)
GROUPS = (OKRA_GROUP, HOTSWAP_GROUP)
BY_NAME: Mapping[tuple[str, str], KindInfo] = {(info.api_version, info.kind): info for info in KINDS}
"""(apiVersion, kind) → what it is."""
