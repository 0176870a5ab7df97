"""What a set of weighted records says about traffic, and the change that gives it other weights. Pure.

A change is a comparison, too: each record goes as it was read (DELETE needs all that it holds) and comes back with its
new weight (CREATE), in one batch that Route 53 makes as a whole or not at all. So a write that rests on what is there
no more changes nothing, be it a person's edit that came in between, or a frozen leader that goes on after its time.
UPSERT, which asks nothing, would write over both, and counts as many records as the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from okra.api.dns_names import dns_name
from okra.api.records import alias_arn, endpoint_arn, parts_of, record_arn
from okra.api.route53 import Endpoint, Route53
from okra.aws.route53_zones import Record
from okra.errors import Invalid, NotFound, Refused
from okra.rollout.observation import Weights

MAX_WEIGHT = 255
MAX_RECORDS = 100
"""Of one name and type. AWS doesn't raise it."""
_LONGEST = 128
"""Characters of a set identifier."""
_POLICIES = {
    "Region": "latency",
    "GeoLocation": "geolocation",
    "GeoProximityLocation": "geoproximity",
    "Failover": "failover",
    "MultiValueAnswer": "multivalue answer",
    "CidrRoutingConfig": "IP-based",
}
"""Field of a record → the routing policy that it belongs to."""


@dataclass(frozen=True, slots=True)
class Member:
    """A record of the set, and the ARN by which Okra knows it."""

    arn: str
    record: Record


def members_of(record_set: str, records: Iterable[Record]) -> tuple[Member, ...]:
    """The records of a set by where they lead. Refused where they aren't weighted, with what to do.

    Of several that lead to the same place the first has its plain name, which an endpoint has too.
    """
    zone, name, kind = parts_of(record_set)
    found: list[Member] = []
    for record in records:
        if "TrafficPolicyInstanceId" in record:
            raise _not_weighted(f"{kind} {name} in {zone} belongs to a traffic policy, which alone may change it")
        if "Weight" not in record or "SetIdentifier" not in record:
            policy = next((called for field, called in _POLICIES.items() if record.get(field)), "simple")
            raise _not_weighted(f"{kind} {name} in {zone} has the routing policy {policy}")
        arn = _arn_of(record_set, record)
        if any(member.arn == arn for member in found):
            arn = f"{arn}#{record['SetIdentifier']}"
        found.append(Member(arn, record))
    return tuple(found)


def _arn_of(record_set: str, record: Record) -> str:
    if alias := record.get("AliasTarget"):
        return alias_arn(record_set, alias["HostedZoneId"], alias["DNSName"])
    return record_arn(record_set, (each["Value"] for each in record.get("ResourceRecords", ())))


def _not_weighted(what: str) -> Refused:
    return Refused(
        f"{what}, and Okra moves the traffic of weighted records only: give it the routing policy weighted, with a"
        " record ID and a weight above 0, or name another record",
        reason="RouteNotWeighted",
    )


def weights_of(members: Sequence[Member]) -> Weights:
    """What each record takes. Where all weights are 0, Route 53 answers with all of them alike: that is what they
    mean."""
    weights = {member.arn: int(member.record["Weight"]) for member in members}
    return weights if any(weights.values()) else dict.fromkeys(weights, 1)


def change(record_set: str, members: Sequence[Member], weights: Weights, records: Route53 | None) -> dict[str, Any]:
    """The batch that leaves exactly these weights where the records are as read, and changes nothing where not.

    `members` as they were read; `records`: what the Cell says, of which new ones are made. Invalid when AWS wouldn't
    take the weights; NotFound for a record that isn't there and that the Cell doesn't say how to make.
    """
    validate(weights)
    there = {member.arn: member.record for member in members}
    ttl = records.ttl if records else None
    endpoints = {endpoint_arn(record_set, each): each for each in records.endpoints} if records else {}
    taken = {str(record["SetIdentifier"]) for record in there.values()}
    changes = [("DELETE", whole(record)) for record in there.values()]
    for arn, weight in weights.items():
        if arn in there:
            record = whole(there[arn])
        elif arn in endpoints:
            record = _made(record_set, arn, endpoints[arn], taken)
            taken.add(record["SetIdentifier"])
        else:
            raise NotFound(f"The record {arn} exists no more, and no endpoint of the Cell says what it was")
        if ttl is not None and "AliasTarget" not in record:
            record["TTL"] = ttl  # AWS wants one for all records of a name
        changes.append(("CREATE", {**record, "Weight": weight}))
    return {"Comment": "Okra", "Changes": [{"Action": does, "ResourceRecordSet": record} for does, record in changes]}


def made_of(record_set: str, batch: Mapping[str, Any]) -> tuple[Member, ...]:
    """What a change leaves there, where nobody has done anything since."""
    return members_of(record_set, [e["ResourceRecordSet"] for e in batch["Changes"] if e["Action"] == "CREATE"])


def validate(weights: Weights) -> None:
    """Invalid unless AWS takes these weights, and they mean what they say."""
    if not any(weights.values()):
        raise Invalid(
            "The weights of all records can't be 0: Route 53 would answer with all of them alike",
            reason="InvalidWeights",
        )
    for arn, weight in weights.items():
        if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
            raise Invalid(f"The weight {weight!r} of {arn} is not an integer from 0 to 255", reason="InvalidWeights")
    if len(weights) > MAX_RECORDS:
        raise Invalid(f"{len(weights)} records of one name: Route 53 takes 100", reason="InvalidWeights")


def whole(record: Record) -> dict[str, Any]:
    """As it may be sent: an empty list, as an answer holds one for an alias, may not."""
    return {field: value for field, value in record.items() if value != []}


def _made(record_set: str, arn: str, endpoint: Endpoint, taken: Iterable[str]) -> dict[str, Any]:
    """A record that isn't there yet. It is called by its version, unless another one is."""
    _, name, kind = parts_of(record_set)
    called = endpoint.version[:_LONGEST]
    if called in taken:
        called = f"{endpoint.version[:100]}-{_hash(arn)}"
    record: dict[str, Any] = {"Name": f"{name}.", "Type": kind, "SetIdentifier": called}
    if endpoint.alias is not None:
        record["AliasTarget"] = {
            "HostedZoneId": endpoint.alias.hosted_zone_id,
            "DNSName": f"{dns_name(endpoint.alias.dns_name)}.",
            "EvaluateTargetHealth": endpoint.alias.evaluate_target_health,
        }
    else:
        record["ResourceRecords"] = [{"Value": endpoint.value}]
    if endpoint.health_check_id is not None:
        record["HealthCheckId"] = endpoint.health_check_id
    return record


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
