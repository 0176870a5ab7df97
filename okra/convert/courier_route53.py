"""terraform-provider-eksctl's `eksctl_courier_route53_record` as a Cell whose route is the weighted record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from okra.convert.courier import account, leave, name_of, opened, source_of, steps
from okra.convert.courier_metrics import checks
from okra.convert.document import Document, Remarks, Unconvertible, made
from okra.convert.fields import Fields
from okra.convert.hcl import Resource
from okra.convert.references import References
from okra.rollout.versions import ranks

RECORD = "eksctl_courier_route53_record"
AWS_RECORD = "aws_route53_record"
_READ = ("zone_id", "name", "type", "ttl", "records", "alias")
"""Of a record; it stays Terraform's, with all the rest that it has."""


def cell(resource: Resource, references: References, records: Sequence[Resource]) -> Document:
    """A version is a set identifier. What each stands for is in the `aws_route53_record` of that identifier."""
    remarks = Remarks()
    fields = opened(resource, references, remarks)
    zone, name = fields.required("zone_id"), fields.required("name").removesuffix(".")
    weights = {each.required("set_identifier"): each.whole("weight") or 0 for each in fields.each("destination")}
    if not weights:
        raise Unconvertible("destination", "is required: at least one set identifier and its weight")
    carrying = [identifier for identifier, weight in weights.items() if weight > 0] or list(weights)
    """Where all weights are 0, Route 53 answers with all of them alike."""
    order = ranks(carrying) or weights
    wanted = max(carrying, key=lambda identifier: order[identifier])
    if len(carrying) > 1:
        remarks.say(
            f"Of the weights {weights} a Cell knows one end: all of the traffic on one version, here {wanted}. It moves"
            " nothing as long as this is here: once the version is the right one, take this line out.",
            "spec",
            "paused",
        )
    remarks.say("The traffic goes to this set identifier: change it to move, as the weights were.", "spec", "version")
    found = list(_records(zone, name, weights, references, records, remarks))
    route: dict[str, Any] = {"hostedZoneID": zone, "name": name, "type": found[0][0]}
    if ttls := sorted({ttl for _, ttl, _ in found if ttl is not None}):
        route["ttl"] = ttls[-1]
    if len(ttls) > 1:
        remarks.say(
            f"This is the longest of their TTLs, {' and '.join(map(str, ttls))}: Okra's first write gives it to all.",
            *("spec", "ingress", "route53", "ttl"),
        )
    route["endpoints"] = [endpoint for *_, endpoint in found]
    spec: dict[str, Any] = {
        **account(fields, remarks),
        "ingress": {"type": "Route53", "route53": route},
        "version": wanted,
        **({"paused": True} if len(carrying) > 1 else {}),
        "updateStrategy": {"type": "Canary", "canary": steps(fields) | {"totalWeight": 100}},
    }
    if judged := checks(fields, remarks):
        spec["checks"] = judged
    leave(fields, remarks)
    return Document(source_of(resource), made("Cell", {"name": name_of(resource)}, spec), remarks)


def _records(
    zone: str,
    name: str,
    weights: dict[str, int],
    references: References,
    records: Sequence[Resource],
    remarks: Remarks,
) -> Iterator[tuple[str, int | None, dict[str, Any]]]:
    """Type, TTL and endpoint of each set identifier."""
    by_identifier: dict[str, tuple[Fields, Resource]] = {}
    for record in records:
        identifier = _known(record.values.get("set_identifier") or "", record, references)
        if identifier not in weights:
            continue
        known = {key: value for key, value in record.values.items() if key in _READ}
        fields = Fields(references.resolved(known, record.address), record.address)
        if (fields.required("zone_id"), fields.required("name").removesuffix(".")) == (zone, name):
            by_identifier[identifier] = fields, record
    for index, identifier in enumerate(weights):
        if identifier not in by_identifier:
            raise Unconvertible(
                "destination",
                f"no {AWS_RECORD} of {name} with set_identifier {identifier} is in the given files: give its file, or"
                " what `terraform show -json` prints",
            )
        fields, record = by_identifier[identifier]
        ttl, endpoint = _endpoint(identifier, fields)
        check = record.values.get("health_check_id")
        if check and (given := _known(check, record, references)):
            endpoint["healthCheckID"] = given
        elif check:
            remarks.say(
                f"Its health check, {check}, has no value in the given files: Okra goes by that of its record.",
                *("spec", "ingress", "route53", "endpoints", index),
            )
        yield fields.required("type"), ttl, endpoint


def _known(value: str, record: Resource, references: References) -> str:
    """A field's value; empty where it has none here: for a set identifier, then, nobody could mean this record."""
    try:
        return str(references.resolved(value, record.address))
    except Unconvertible:
        return ""


def _endpoint(identifier: str, record: Fields) -> tuple[int | None, dict[str, Any]]:
    for alias in record.each("alias"):
        target: dict[str, Any] = {"hostedZoneID": alias.required("zone_id"), "dnsName": alias.required("name")}
        if (evaluate := alias.take("evaluate_target_health")) is not None:
            target["evaluateTargetHealth"] = evaluate
        return None, {"version": identifier, "alias": target}
    values = record.words("records")
    if len(values) != 1:
        raise Unconvertible(record.where("records"), f"must hold one value, not {len(values)}: an endpoint has one")
    return record.whole("ttl"), {"version": identifier, "value": values[0]}
