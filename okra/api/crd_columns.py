"""What `kubectl get` prints of each kind. Columns of priority 1 appear with `-o wide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WIDE = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head (kubectl prints it in capitals), where its value is, and what it means."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def as_json(self) -> dict[str, str | int]:
        column: dict[str, str | int] = {
            "name": self.name,
            "type": self.type,
            "jsonPath": self.path,
            "description": self.description,
        }
        return column | ({"priority": self.priority} if self.priority else {})


_READY = Column("Ready", '.status.conditions[?(@.type=="Ready")].status', "Whether it is as the spec wants it.")
_PHASE = Column("Phase", ".status.phase", "Where it is.")
_AGE = Column("Age", ".metadata.creationTimestamp", "Since when it exists.", "date")
_REASON = Column("Message", '.status.conditions[?(@.type=="Ready")].message', "Why.", priority=WIDE)

_CELL = (
    _PHASE,
    Column("Stable", ".status.stableVersion", "The version that holds the traffic."),
    Column("Desired", ".status.desiredVersion", "The version being introduced."),
    Column("Weight", ".status.weight", "The canary's part of the traffic."),
    Column("Step", ".status.step", "The present step of how many."),
    _AGE,
    Column("Message", ".status.message", "Why, and what to do.", priority=WIDE),
)

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Cell": _CELL,
    "System": _CELL,
    "Check": (
        Column("Passed", ".status.lastPassed", "Whether the last run passed.", "boolean"),
        Column("Last run", ".status.lastRunTime", "When the last run was over.", "date"),
        Column("Interval", ".spec.analysis.interval", "Between two measurements."),
        _AGE,
        Column("Suspended", ".spec.suspend", "Not run at the interval.", "boolean", WIDE),
        Column("Dry run", ".spec.dryRun", "Never holds up or reverts anything.", "boolean", WIDE),
        _REASON,
    ),
    "ALB": (
        _PHASE,
        Column("Weight", ".status.weight", "The part of the way to the wanted weights."),
        Column("Step", ".status.step", "The present step of how many."),
        _AGE,
        Column("Listener", ".spec.listenerARN", "The listener's ARN.", priority=WIDE),
        Column("Priority", ".spec.priority", "The rule's priority; none for the default action.", "integer", WIDE),
        Column("Message", ".status.message", "Why, and what to do.", priority=WIDE),
    ),
    "ArgoCDCluster": (
        Column("EKS cluster", ".spec.eks.clusterName", "The EKS cluster's name."),
        Column("Ready", ".status.ready", "EKS says ACTIVE and its API answers.", "boolean"),
        _PHASE,
        _AGE,
        Column("Endpoint", ".status.endpoint", "The cluster's API.", priority=WIDE),
        _REASON,
    ),
    "ArgoCDApplicationDeployment": (
        Column("Ready", ".status.ready", "Deployed, synced and healthy on every cluster.", "boolean"),
        _PHASE,
        _AGE,
        Column("Clusters", ".spec.clusterNames", "Where it is deployed.", priority=WIDE),
        _REASON,
    ),
    "ClusterSet": (
        _READY,
        _PHASE,
        _AGE,
        Column("Clusters", ".status.clusters[*].name", "The ArgoCDClusters.", priority=WIDE),
        _REASON,
    ),
    "TargetGroupSet": (
        _READY,
        _PHASE,
        _AGE,
        Column("Clusters", ".status.targetGroups[*].cluster", "The clusters with a target group.", priority=WIDE),
        _REASON,
    ),
}
"""By kind."""
