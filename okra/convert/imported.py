"""A route as it stands, as the Cell that describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okra.api.aws import region_of
from okra.convert.document import Document, Remarks, Source, Unconvertible, made
from okra.convert.names import as_name
from okra.rollout.observation import Action, LoadBalancerType, RouteReading, TargetGroup
from okra.rollout.versions import UNKNOWN, newer, ranks

_KIND = {
    LoadBalancerType.APPLICATION: ("AWSApplicationLoadBalancer", "awsApplicationLoadBalancer"),
    LoadBalancerType.NETWORK: ("AWSNetworkLoadBalancer", "awsNetworkLoadBalancer"),
}
_OTHERS = ("aws:", "okra.mumoshu.github.io/", "hotswap.mumoshu.github.io/", "kubernetes.io/cluster/")
"""How the keys of tags begin that say which cluster or stack a group is of, and not what it is for."""
_OWN = frozenset({"Name", "elbv2.k8s.aws/cluster"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What was asked for, and what AWS said."""

    listener_arn: str
    reading: RouteReading
    groups: Sequence[TargetGroup]
    """Every target group of the account that has tags, and those of the route."""
    version_label: str
    owner: str = ""
    """The route's owner tag."""
    priority: int | None = None
    rule_arn: str = ""
    role_arn: str = ""
    name: str = ""


def cell(found: Imported) -> Document:
    """Raises Unconvertible for a route that forwards to no target group."""
    reading = found.reading
    if reading.action is not Action.FORWARD or not reading.weights:
        raise Unconvertible(
            reading.arn,
            f"answers with {reading.action}, and forwards to no target group: there is nothing to describe. To have a"
            " Cell replace that answer, write one with takeOver: true",
        )
    remarks = Remarks()
    known = {group.arn: group for group in found.groups}
    attached = [known.get(arn) or TargetGroup(arn, _name_of(arn)) for arn in reading.weights]
    versions = {group.arn: group.tags.get(found.version_label, UNKNOWN) for group in attached}
    kind, field = _KIND[reading.load_balancer_type]
    block: dict[str, Any] = {"listenerARN": found.listener_arn, **_rule(found)}
    where = ("spec", "ingress", field)
    _say_weights(attached, versions, found, remarks, *where)
    block |= _groups(attached, versions, found, remarks, *where)
    spec: dict[str, Any] = {
        "aws": {"region": region_of(found.listener_arn), **({"roleARN": found.role_arn} if found.role_arn else {})},
        "ingress": {"type": kind, field: block},
        **_size(versions, reading.weights, remarks),
        "versionedBy": {"label": found.version_label},
    }
    if pin := _pin(versions, reading.weights, remarks):
        spec["version"] = pin
    if _would_move(block, versions, found):
        spec["paused"] = True
        remarks.say(
            "Without this it would move traffic at once: take this line out to have it do so.", "spec", "paused"
        )
    name = as_name(found.name or _name_of(reading.load_balancer_arn), "--name")
    source = Source("AWS:", 0, "the route", reading.arn)
    return Document(source, made("Cell", {"name": name}, spec), remarks)


def _name_of(arn: str) -> str:
    """`…targetgroup/NAME/ID`, `…loadbalancer/app/NAME/ID`."""
    return (arn.split("/") or [""])[-2] if arn.count("/") > 1 else arn


def _rule(found: Imported) -> dict[str, Any]:
    if found.rule_arn:
        return {"rule": {"ruleARN": found.rule_arn}}
    return {} if found.priority is None else {"rule": {"priority": found.priority}}


def _say_weights(
    attached: Sequence[TargetGroup], versions: Mapping[str, str], found: Imported, remarks: Remarks, *where: str
) -> None:
    weights = found.reading.weights
    total = sum(weights.values()) or 1
    now = [f"{group.name} ({versions[group.arn]}) {100 * weights[group.arn] / total:.4g} %" for group in attached]
    remarks.say(f"It forwards to {', '.join(now)}. Okra begins with that.", *where)
    if found.reading.sticky:
        remarks.say("Group stickiness is on, and stays on: clients with the cookie follow a weight late.", *where)
    if found.owner:
        remarks.say(f"It carries the owner tag of {found.owner}: two Cells can't write one route.", *where)


def _groups(
    attached: Sequence[TargetGroup], versions: Mapping[str, str], found: Imported, remarks: Remarks, *where: str
) -> dict[str, Any]:
    """A selector of the tags that all groups have; one by one where there are none, or where a version is missing."""
    common = dict.fromkeys(sorted(set.intersection(*(set(group.tags.items()) for group in attached))))
    labels = {key: value for key, value in common if _tells(key, found.version_label)}
    without = [group for group in attached if versions[group.arn] == UNKNOWN]
    if labels and not without:
        remarks.say(
            "The tags that all of its target groups have: take out what those of a new version won't have.",
            *where,
            "targetGroupSelector",
        )
        _say_waiting(labels, versions, found, remarks, *where, "targetGroupSelector")
        return {"targetGroupSelector": {"matchLabels": labels}}
    why = f"{', '.join(group.name for group in without)} have no tag {found.version_label}" if without else ""
    remarks.say(
        f"One by one, because {why or 'they have no tag in common'}. To have new ones found, tag them all, and write"
        " targetGroupSelector:",
        *where,
        "targetGroups",
    )
    for group in attached:
        version = "VERSION" if group in without else versions[group.arn]
        tags = f"Key=role,Value=ROLE Key={found.version_label},Value={version}"
        remarks.say(f"  aws elbv2 add-tags --resource-arns {group.arn} --tags {tags}", *where, "targetGroups")
    return {"targetGroups": [{"arn": group.arn, "version": versions[group.arn]} for group in attached]}


def _tells(key: str, version_label: str) -> bool:
    return key != version_label and key not in _OWN and not key.startswith(_OTHERS)


def _waiting(labels: Mapping[str, str], versions: Mapping[str, str], found: Imported) -> dict[str, int]:
    """How many groups of each version the selector takes and the route hasn't."""
    waiting: dict[str, int] = {}
    for group in found.groups:
        if group.arn not in versions and labels.items() <= group.tags.items() and group.vpc_id == found.reading.vpc_id:
            version = group.tags.get(found.version_label, UNKNOWN)
            waiting[version] = waiting.get(version, 0) + 1
    return waiting


def _would_move(block: Mapping[str, Any], versions: Mapping[str, str], found: Imported) -> bool:
    """Is there a newer version than the one with the most traffic, with a share of it or without?"""
    selector = block.get("targetGroupSelector")
    others = [*versions.values(), *(_waiting(selector["matchLabels"], versions, found) if selector else ())]
    carrying = {version for arn, version in versions.items() if found.reading.weights[arn]}
    stable = _heaviest(versions, found.reading.weights)
    return len(carrying) > 1 or any(newer(version, stable) for version in others)


def _say_waiting(
    labels: Mapping[str, str], versions: Mapping[str, str], found: Imported, remarks: Remarks, *where: str
) -> None:
    """Groups that the selector takes and the route hasn't: a rollout may begin with them at once."""
    waiting = _waiting(labels, versions, found)
    if waiting:
        others = ", ".join(f"{many} of {version}" for version, many in sorted(waiting.items()))
        remarks.say(f"It takes target groups that aren't on the route, too: {others}. A newer version starts.", *where)


def _size(versions: Mapping[str, str], weights: Mapping[str, int], remarks: Remarks) -> dict[str, int]:
    """As many groups as the version with the most traffic has."""
    stable = _heaviest(versions, weights)
    many = sum(version == stable for version in versions.values())
    remarks.say(f"As {stable} has: a newer version starts when it has so many target groups.", "spec", "replicas")
    return {"replicas": many}


def _pin(versions: Mapping[str, str], weights: Mapping[str, int], remarks: Remarks) -> str | None:
    """Where versions have no order a person says which one is wanted; until then, the one with the most traffic."""
    carrying = {version for arn, version in versions.items() if weights[arn]}
    if len(carrying) > 1:
        remarks.say(
            f"{' and '.join(sorted(carrying))} share the traffic: Okra goes on with the newer at its share, and holds"
            " still where it can't tell which that is, or there are more than two.",
            "spec",
        )
    if (order := ranks(versions.values())) is not None:
        if len(carrying) < 2:
            return None
        remarks.say("The newest that has traffic: without this line it is the newest of all.", "spec", "version")
        return max(carrying, key=lambda version: order[version])
    remarks.say("These versions have no order: this is the one with the most traffic.", "spec", "version")
    return _heaviest(versions, weights)


def _heaviest(versions: Mapping[str, str], weights: Mapping[str, int]) -> str:
    shares: dict[str, int] = {}
    for arn, version in versions.items():
        shares[version] = shares.get(version, 0) + weights[arn]
    return max(shares, key=lambda version: shares[version])
