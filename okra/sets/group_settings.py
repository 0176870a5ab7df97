"""How a target group should be, how it is, and what of the difference AWS lets change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from okra.api.meta import OKRA_GROUP
from okra.api.target_group_set import HealthCheck, TargetGroupTemplate
from okra.ports_clusters import FoundCluster
from okra.ports_groups import ExistingGroup, GroupSettings, HealthSettings

OWNER = f"{OKRA_GROUP}/owner"
"""The tag that says whose it is: INSTALL/NAMESPACE/SET."""
EKS_CLUSTER = f"{OKRA_GROUP}/eks-cluster"
"""The tag that holds the ARN of the cluster that it is for."""
CLUSTER = f"{OKRA_GROUP}/cluster"
"""The tag that holds its name, for people and for `{{.Vars.clusterName}}`."""
ATTRIBUTES = f"{OKRA_GROUP}/attributes"
"""The tag that holds a hash of the attributes that were set: to read them would take a call for each group."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a TargetGroupSet says of its target groups."""

    name: str
    """The set's."""
    labels: Mapping[str, str] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    """Keys of the cluster's tags."""
    settings: GroupSettings | None = None
    """None: it creates none."""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed of a group; what is empty stays."""

    tags: Mapping[str, str] = field(default_factory=dict)
    health: HealthSettings = field(default_factory=HealthSettings)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.tags or self.attributes) or self.health != HealthSettings()

    def __str__(self) -> str:
        """For people: what, not how."""
        tags = f"tags {', '.join(sorted(self.tags))}" if self.tags else ""
        health = "health checks" if self.health != HealthSettings() else ""
        attributes = f"attributes {', '.join(sorted(self.attributes))}" if self.attributes else ""
        return "; ".join(filter(None, (tags, health, attributes)))


def wanted_from(name: str, template: TargetGroupTemplate) -> Wanted:
    spec = template.spec
    labels, copied = dict(template.metadata.labels), tuple(template.labels_from_tags)
    if spec is None:
        return Wanted(name, labels, copied)
    health = _health(spec.health_check)
    settings = GroupSettings(str(spec.protocol), spec.port, str(spec.target_type), spec.vpc_id or "", health)
    return Wanted(name, labels, copied, settings, dict(spec.attributes))


def _health(check: HealthCheck) -> HealthSettings:
    return HealthSettings(
        protocol=None if check.protocol is None else str(check.protocol),
        port=check.port,
        path=check.path,
        interval=None if check.interval is None else round(check.interval.seconds),
        timeout=None if check.timeout is None else round(check.timeout.seconds),
        healthy_threshold=check.healthy_threshold,
        unhealthy_threshold=check.unhealthy_threshold,
        matcher=check.matcher,
    )


def labels_for(wanted: Wanted, cluster: FoundCluster) -> dict[str, str]:
    """Its tags that the set names. What the set says itself goes before a tag of the cluster's."""
    copied = {key: cluster.tags[key] for key in wanted.copied if key in cluster.tags}
    return {CLUSTER: cluster.name, **copied, **wanted.labels}


def tags_for(owner: str, wanted: Wanted, cluster: FoundCluster) -> dict[str, str]:
    """All tags of a group that the set makes."""
    return {**labels_for(wanted, cluster), OWNER: owner, EKS_CLUSTER: cluster.arn}


def changes(wanted: Wanted, group: ExistingGroup, tags: Mapping[str, str]) -> Change:
    """What AWS lets change. A tag that the set doesn't name stays, and so does what it doesn't say of health checks."""
    lacking = {key: value for key, value in tags.items() if group.tags.get(key) != value}
    health = HealthSettings() if wanted.settings is None else _differs(wanted.settings.health, group.settings.health)
    due = wanted.attributes and group.tags.get(ATTRIBUTES) != digest(wanted.attributes)
    return Change(lacking, health, wanted.attributes if due else {})


def _differs(wanted: HealthSettings, there: HealthSettings) -> HealthSettings:
    names = [each.name for each in fields(HealthSettings)]
    return HealthSettings(
        **{name: getattr(wanted, name) for name in names if getattr(wanted, name) != getattr(there, name)}
    )


def immutable(wanted: Wanted, group: ExistingGroup, vpc: str = "") -> str:
    """What AWS doesn't change, and what to do. `vpc`: the cluster's, as far as it is known."""
    settings, there = wanted.settings, group.settings
    if settings is None:
        return ""
    pairs = {
        "protocol": (settings.protocol, there.protocol),
        "port": (settings.port, there.port),
        "targetType": (settings.target_type, there.target_type),
        "vpcID": (settings.vpc_id or vpc or there.vpc_id, there.vpc_id),
    }
    differ = [f"{name} is {is_} and should be {should}" for name, (should, is_) in pairs.items() if should != is_]
    if not differ:
        return ""
    return (
        f"AWS doesn't change this of a target group: {', '.join(differ)}. Undo that, or make another TargetGroupSet;"
        f" or delete {group.name} while no load balancer uses it, and it is made anew."
    )


def digest(attributes: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16]
