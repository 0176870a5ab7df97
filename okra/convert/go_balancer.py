"""Go okra's AWSApplicationLoadBalancerConfig: a rule and the weights that it shall have, which is Okra's ALB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.convert.document import Remarks
from okra.convert.fields import Fields
from okra.convert.go_rule import GO_OKRA, conditions
from okra.convert.go_seen import Seen
from okra.convert.names import as_name


def balancer_config(root: Fields, _seen: Seen, remarks: Remarks) -> list[tuple[str, str, Mapping[str, Any]]]:
    metadata, spec = root.inside("metadata"), root.inside("spec")
    name = metadata.required("name")
    owner = next((each for each in metadata.each("ownerReferences") if each.text("kind") == "Cell"), None)
    if owner is not None:
        remarks.say(
            f"Cell {owner.text('name')} of Go okra made this one, as its tool. Okra's Cell writes the listener itself:"
            " an ALB for the same rule would contend with it."
        )
        return []
    rule = spec.inside("listener").inside("rule")
    made: dict[str, Any] = {"listenerARN": spec.required("listenerARN")}
    if (priority := rule.whole("priority")) is not None:
        made["priority"] = priority
    if wanted := conditions(rule, GO_OKRA):
        made["conditions"] = wanted
    groups = [*rule.inside("forward").each("targetGroups"), *spec.each("forwardTargetGroups")]
    made["destinations"] = [_destination(group) for group in groups]
    remarks.say("Go okra wrote these weights at once; Okra moves to them step by step.", "spec", "destinations")
    return [("ALB", as_name(name, "metadata.name"), made)]


def _destination(group: Fields) -> dict[str, Any]:
    group.ignore("name")
    return {"targetGroupARN": group.required("arn"), "weight": group.whole("weight") or 0}
