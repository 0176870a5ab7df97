"""terraform-provider-eksctl's `eksctl_courier_alb` as an ALB, and what both couriers have in common."""

from __future__ import annotations

from typing import Any

from okra.convert.courier_metrics import checks
from okra.convert.document import Document, Remarks, Source, Unconvertible, made
from okra.convert.fields import Fields
from okra.convert.go_rule import COURIER, conditions
from okra.convert.hcl import Resource
from okra.convert.names import as_name
from okra.convert.references import References

ALB = "eksctl_courier_alb"
_DEFAULT_PRIORITY = 10
_REPEATS = ("count", "for_each", "dynamic")
_TERRAFORMS = ("depends_on", "lifecycle", "provider", "timeouts", "id")


def source_of(resource: Resource) -> Source:
    return Source(resource.file, max(resource.line, 1), resource.type, resource.address.partition(".")[2])


def alb(resource: Resource, references: References) -> Document:
    remarks = Remarks()
    fields = opened(resource, references, remarks)
    spec: dict[str, Any] = {**account(fields, remarks), "listenerARN": fields.required("listener_arn")}
    priority = fields.whole("priority")
    spec["priority"] = _DEFAULT_PRIORITY if priority is None else priority
    if wanted := conditions(fields, COURIER):
        spec["conditions"] = wanted
    spec["destinations"] = [
        {"targetGroupARN": each.required("target_group_arn"), "weight": each.whole("weight") or 0}
        for each in fields.each("destination")
    ]
    spec |= steps(fields)
    if found := checks(fields, remarks):
        spec["checks"] = found
    leave(fields, remarks)
    return Document(source_of(resource), made("ALB", {"name": name_of(resource)}, spec), remarks)


def name_of(resource: Resource) -> str:
    index = "" if resource.index is None else f"-{resource.index}"
    return as_name(f"{resource.name}{index}", "name")


def opened(resource: Resource, references: References, remarks: Remarks) -> Fields:
    """The resource's fields with their values. Those that are Terraform's own are said to be left out."""
    for name in _REPEATS:
        if resource.values.get(name):
            raise Unconvertible(
                name, "is for Terraform to evaluate: convert what `terraform show -json` prints instead of this file"
            )
    values = {key: value for key, value in resource.values.items() if key not in _TERRAFORMS}
    if resource.values.get("depends_on"):
        remarks.say("depends_on: nothing waits here. Okra waits until the target groups are healthy.")
    for name in ("lifecycle", "provider", "timeouts"):
        if resource.values.get(name):
            remarks.say(f"{name} is Terraform's own and was left out.")
    return Fields({key: references.resolved(value, key) for key, value in values.items() if value not in ("", [], {})})


def account(fields: Fields, remarks: Remarks) -> dict[str, Any]:
    """`aws`, from the region, and the role to assume."""
    found: dict[str, Any] = {}
    if region := fields.text("region"):
        found["region"] = region
    if profile := fields.text("profile"):
        remarks.say(f"profile {profile}: Okra runs as one identity; other accounts are reached by aws.roleARN.", "spec")
    if address := fields.text("address"):
        remarks.say(f"address {address}: another endpoint is set for all of Okra, by AWS_ENDPOINT_URL.", "spec")
    for role in fields.each("assume_role"):
        for name, key in (("role_arn", "roleARN"), ("external_id", "externalID")):
            if value := role.text(name):
                found[key] = value
    return {"aws": found} if found else {}


def steps(fields: Fields) -> dict[str, Any]:
    """courier_alb's step_weight and step_interval; a first weight of 1 % before them is courier's habit only."""
    found: dict[str, Any] = {}
    if (weight := fields.whole("step_weight")) is not None:
        found["stepWeight"] = weight
    if interval := fields.text("step_interval"):
        found["stepInterval"] = interval
    return found


def leave(fields: Fields, remarks: Remarks) -> None:
    for where, value in fields.leftovers():
        remarks.say(f"{where}: {value} has no counterpart and was left out.")
