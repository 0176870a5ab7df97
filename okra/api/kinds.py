"""Every kind of Okra's, and what belongs to it. Other rooms look kinds up here and list none themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from okra.api.alb import ALB
from okra.api.argocd import (
    ArgoCDApplicationDeployment,
    ArgoCDApplicationDeploymentStatus,
    ArgoCDCluster,
    ArgoCDClusterStatus,
)
from okra.api.base import StatusModel
from okra.api.cell import Cell
from okra.api.cell_status import CellStatus
from okra.api.check import Check, CheckStatus
from okra.api.cluster_set import ClusterSet, ClusterSetStatus
from okra.api.meta import HOTSWAP_GROUP, OKRA_GROUP, VERSION, Resource
from okra.api.target_group_set import TargetGroupSet, TargetGroupSetStatus


@dataclass(frozen=True, slots=True)
class KindInfo:
    """A kind: how the API server names it, and the models of its objects and their status."""

    group: str
    version: str
    kind: str
    plural: str
    short_names: tuple[str, ...]
    model: type[Resource]
    status: type[StatusModel]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"

    @property
    def resource(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{self.group}"


_MODELS: Mapping[str, tuple[str, type[Resource], type[StatusModel]]] = {
    "Cell": ("cells", Cell, CellStatus),
    "System": ("systems", Cell, CellStatus),
    "Check": ("checks", Check, CheckStatus),
    "ALB": ("albs", ALB, CellStatus),
    "ArgoCDCluster": ("argocdclusters", ArgoCDCluster, ArgoCDClusterStatus),
    "ArgoCDApplicationDeployment": (
        "argocdapplicationdeployments",
        ArgoCDApplicationDeployment,
        ArgoCDApplicationDeploymentStatus,
    ),
    "ClusterSet": ("clustersets", ClusterSet, ClusterSetStatus),
    "TargetGroupSet": ("targetgroupsets", TargetGroupSet, TargetGroupSetStatus),
}


def _kind(group: str, kind: str, *short_names: str) -> KindInfo:
    plural, model, status = _MODELS[kind]
    return KindInfo(group, VERSION, kind, plural, short_names, model, status)


CELL = _kind(OKRA_GROUP, "Cell")
CHECK = _kind(OKRA_GROUP, "Check", "chk")
ALB_KIND = _kind(OKRA_GROUP, "ALB")
ARGOCD_CLUSTER = _kind(OKRA_GROUP, "ArgoCDCluster", "acdc")
ARGOCD_DEPLOYMENT = _kind(OKRA_GROUP, "ArgoCDApplicationDeployment", "acdad")
CLUSTER_SET = _kind(OKRA_GROUP, "ClusterSet", "cset")
TARGET_GROUP_SET = _kind(OKRA_GROUP, "TargetGroupSet", "tgset")

SYSTEM = _kind(HOTSWAP_GROUP, "System", "hsys")
HOTSWAP_CHECK = _kind(HOTSWAP_GROUP, "Check", "hschk")
HOTSWAP_CLUSTER = _kind(HOTSWAP_GROUP, "ArgoCDCluster", "hsacdc")
HOTSWAP_DEPLOYMENT = _kind(HOTSWAP_GROUP, "ArgoCDApplicationDeployment", "hsacdad")

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
