"""Go okra's Cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.convert.analysis import Checks
from okra.convert.document import Remarks, Unconvertible
from okra.convert.fields import Fields
from okra.convert.go_rule import GO_OKRA, conditions
from okra.convert.go_seen import Seen
from okra.convert.go_strategy import strategy
from okra.convert.names import as_name

VERSION_LABEL = "okra.mumo.co/version"
"""Go okra's default. Okra's own is another, so that it is always written down."""
_BLOCKS = {
    "AWSApplicationLoadBalancer": "awsApplicationLoadBalancer",
    "AWSNetworkLoadBalancer": "awsNetworkLoadBalancer",
}


def cell(root: Fields, seen: Seen, remarks: Remarks) -> list[tuple[str, str, Mapping[str, Any]]]:
    spec = root.inside("spec")
    name = as_name(root.inside("metadata").required("name"), "metadata.name")
    ingress, label = _ingress(spec.inside("ingress"), remarks)
    made: dict[str, Any] = {"ingress": ingress}
    if (replicas := spec.whole("replicas")) is not None:
        made["replicas"] = replicas
    made["versionedBy"] = {"label": spec.inside("versionedBy").text("label") or label}
    if version := spec.text("version"):
        made["version"] = version
    checks = Checks({key: root.take(key) for key in ("metadata", "spec")}, seen.templates(root), remarks)
    made["updateStrategy"] = strategy(spec.inside("updateStrategy"), checks, remarks)
    if checks.found:
        made["checks"] = checks.found
        remarks.say("Okra runs every check at each weight, and in the steps that name it once more.", "spec", "checks")
    return [("Cell", name, made)]


def _ingress(found: Fields, remarks: Remarks) -> tuple[dict[str, Any], str]:
    """The route, and the label of the version, which Go okra has in the selector."""
    kind = found.required("type")
    if kind not in _BLOCKS:
        raise Unconvertible(found.where("type"), f"must be {' or '.join(_BLOCKS)}, not {kind}")
    written = next((name for name in (_BLOCKS[kind], *_BLOCKS.values()) if name in found), None)
    if written is None:
        raise Unconvertible(found.where(_BLOCKS[kind]), "is required")
    block = found.inside(written)
    made: dict[str, Any] = {"listenerARN": block.required("listenerARN")}
    where = ("spec", "ingress", _BLOCKS[kind])
    if "listener" in block:
        made["rule"] = _rule(block.inside("listener").inside("rule"), remarks, *where, "rule")
    elif kind == "AWSApplicationLoadBalancer":
        remarks.say("Without a rule it is the listener's default action, which Go okra never touched.", *where)
    selector = block.inside("targetGroupSelector")
    labels = selector.words("versionLabels") or [VERSION_LABEL]
    if len(labels) > 1:
        others = ", ".join(labels[1:])
        remarks.say(f"Okra reads one tag only; Go okra would have looked at {others} next.", "spec", "versionedBy")
    made["targetGroupSelector"] = {"matchLabels": selector.labels("matchLabels")}
    remarks.say(
        "Go okra matched labels of AWSTargetGroup objects; Okra matches the target groups' tags in AWS.",
        *where,
        "targetGroupSelector",
    )
    return {"type": kind, _BLOCKS[kind]: made}, labels[0]


def _rule(rule: Fields, remarks: Remarks, *where: str) -> dict[str, Any]:
    """Its priority and its conditions: it exists, and is made anew where somebody deletes it."""
    priority = rule.whole("priority")
    if priority is None:
        raise Unconvertible(rule.where("priority"), "is required: Okra finds the rule by it")
    forward = rule.inside("forward")
    for group in forward.each("targetGroups"):
        group.ignore("name", "arn", "weight")
        remarks.say("Weights are taken over from the load balancer, as they are there.", *where)
    wanted = conditions(rule, GO_OKRA)
    if not wanted:
        return {"priority": priority}
    remarks.say(
        "Go okra made the rule, and Okra takes it over; where it has other conditions by now, Okra says so and leaves"
        " it alone (RuleDiffers). Where it is gone, Okra makes it anew.",
        *where,
        "conditions",
    )
    return {"priority": priority, "conditions": wanted}
