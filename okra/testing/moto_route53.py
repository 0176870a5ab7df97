"""Route 53's records as AWS keeps them, for moto, which takes almost any change and knows all at once everywhere.

Here a batch is applied as a whole or not at all, a DELETE needs the very values that a record has, weighted records
don't stand beside others, a zone's id begins with Z, and a listing pages by set identifiers too. A change is PENDING
until somebody asks for it: the first answer says so, the next ones say INSYNC. A health check's checkers say what its
tag says:

    okra-test/health = "3/5"            three of five reach it; without the tag one does, which is all there are
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53 import models, responses
from moto.route53.exceptions import Route53ClientError

from okra.testing.aws_world import HEALTH_TAG

_POLICY = ("Region", "Failover", "GeoLocation", "MultiValueAnswer")
_numbers = itertools.count(1)


class InvalidChangeBatch(Route53ClientError):
    def __init__(self, message: str) -> None:
        super().__init__("InvalidChangeBatch", f"[{message}]")


class NoSuchChange(Route53ClientError):
    def __init__(self, id_: str) -> None:
        super().__init__("NoSuchChange", f"Could not find resource with ID: {id_}")


InvalidChangeBatch.__module__ = NoSuchChange.__module__ = Route53ClientError.__module__
"""moto finds the service's way of saying errors by the module of the exception."""


def apply(page_size: int | None) -> None:
    """Patch moto's classes in this process. `page_size`: records in a page at most."""
    named: Any = models
    make = named.create_route53_zone_id
    named.create_route53_zone_id = lambda *args, **kwargs: "Z" + make(*args, **kwargs)[1:]
    views: Any = responses.Route53
    views.change_resource_record_sets = _change
    views.list_resource_record_sets = lambda self: _list(self, page_size)
    views.get_change = _get_change
    views.get_health_check_status = _health


def history(backend: Any, record_set: str) -> list[dict[str, int]]:
    """The weights that a set of records has had, by where each leads, oldest first; `record_set` as Okra calls it."""
    found: list[dict[str, int]] = vars(backend).get("okra_weights", {}).get(record_set, [])
    return found


# -- changes -----------------------------------------------------------------------------------------------------------


def _change(self: Any) -> ActionResult:
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    records = [_raw(each) for each in zone.rrsets]
    for change in self._get_param("ChangeBatch.Changes"):
        records = _changed(records, change["Action"], _normal(change["ResourceRecordSet"]), zone.name)
    for some in _by_name(records).values():
        _check_policies(some)
    zone.rrsets = [_record(each) for each in records]
    _write_down(self.backend, zone.resource_id, records)
    id_ = f"/change/C{next(_numbers):08d}"
    vars(self.backend).setdefault("okra_changes", {})[id_] = "PENDING"
    return ActionResult({"ChangeInfo": {"Id": id_, "Status": "PENDING", "SubmittedAt": utcnow()}})


def _changed(records: list[Any], action: str, record: dict[str, Any], zone: str) -> list[Any]:
    name, kind = record["Name"], record["Type"]
    if not name.endswith(zone.rstrip(".") + "."):
        raise InvalidChangeBatch(f"RRSet with DNS name {name} is not permitted in zone {zone}")
    weight = record.get("Weight")
    if weight is not None and not 0 <= weight <= 255:
        raise InvalidChangeBatch(f"Weight {weight} of {name} is not from 0 to 255")
    if ("AliasTarget" in record) == ("TTL" in record and bool(record.get("ResourceRecords"))):
        raise InvalidChangeBatch(f"Expected exactly one of AliasTarget, all of TTL and ResourceRecords: {name}")
    present = next((each for each in records if _key(each) == _key(record)), None)
    others = [each for each in records if each is not present]
    said = f"resource record set [name='{name}', type='{kind}', set identifier='{record.get('SetIdentifier')}']"
    if action == "DELETE":
        if present is None:
            raise InvalidChangeBatch(f"Tried to delete {said} but it was not found")
        if present != record:
            raise InvalidChangeBatch(f"Tried to delete {said} but the values provided do not match the current values")
        return others
    if action == "CREATE" and present is not None:
        raise InvalidChangeBatch(f"Tried to create {said} but it already exists")
    return [*others, record]


def _check_policies(records: Sequence[Mapping[str, Any]]) -> None:
    """All records of a name and type have one policy, and the weighted ones one TTL."""
    weighted = [each for each in records if "Weight" in each]
    name, kind = records[0]["Name"], records[0]["Type"]
    if weighted and len(weighted) != len(records):
        raise InvalidChangeBatch(
            f"RRSet with DNS name {name}, type {kind} cannot be created as a non-weighted set exists with the same name"
        )
    if len({each["TTL"] for each in weighted if "TTL" in each}) > 1:
        raise InvalidChangeBatch(f"The weighted records of {name}, type {kind} have different TTLs")


def _get_change(self: Any) -> ActionResult:
    id_ = "/change/" + self._get_param("Id").removeprefix("/change/")
    known = vars(self.backend).setdefault("okra_changes", {})
    if id_ not in known:
        raise NoSuchChange(id_)
    status, known[id_] = known[id_], "INSYNC"
    return ActionResult({"ChangeInfo": {"Id": id_, "Status": status, "SubmittedAt": utcnow()}})


def _write_down(backend: Any, zone: str, records: Sequence[Mapping[str, Any]]) -> None:
    kept = vars(backend).setdefault("okra_weights", {})
    for (name, kind), some in _by_name(records).items():
        weights = {_target(each): each["Weight"] for each in some if "Weight" in each}
        past = kept.setdefault(f"{zone}/{name.rstrip('.')}/{kind}", [])
        if weights and past[-1:] != [weights]:
            past.append(weights)


def _target(record: Mapping[str, Any]) -> str:
    alias = record.get("AliasTarget")
    return (
        alias["DNSName"].rstrip(".") if alias else ",".join(sorted(each["Value"] for each in record["ResourceRecords"]))
    )


# -- reads -------------------------------------------------------------------------------------------------------------


def _list(self: Any, page_size: int | None) -> ActionResult:
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    name, kind = (self._get_param(f"StartRecord{each}") or "" for each in ("Name", "Type"))
    identifier = self._get_param("StartRecordIdentifier") or ""
    start = (_reversed(_spelled(name)) if name else [], kind, identifier)
    most = min(int(self._get_param("MaxItems") or 300), page_size or 300)
    ordered = sorted((_raw(each) for each in zone.rrsets), key=_order)
    records = [each for each in ordered if _order(each) >= start]
    result: dict[str, Any] = {
        "ResourceRecordSets": [_record(each) for each in records[:most]],
        "IsTruncated": len(records) > most,
        "MaxItems": most,
    }
    if len(records) > most:
        after = records[most]
        result |= {"NextRecordName": after["Name"], "NextRecordType": after["Type"]}
        result |= {"NextRecordIdentifier": after["SetIdentifier"]} if "SetIdentifier" in after else {}
    return ActionResult(result)


def _health(self: Any) -> ActionResult:
    id_ = self._get_param("HealthCheckId")
    self.backend.get_health_check(id_)
    reach, _, of = self.backend.list_tags_for_resource(id_).get(HEALTH_TAG, "1/1").partition("/")
    said = ["Success: HTTP Status Code 200, OK"] * int(reach)
    said += ["Failure: Connection timed out. The endpoint was not reached"] * (int(of) - int(reach))
    observed = [
        {
            "Region": "us-east-1",
            "IPAddress": f"192.0.2.{number}",
            "StatusReport": {"Status": status, "CheckedTime": utcnow()},
        }
        for number, status in enumerate(said)
    ]
    return ActionResult({"HealthCheckObservations": observed})


# -- records -----------------------------------------------------------------------------------------------------------

_FIELDS = {
    "Name": "name",
    "Type": "type",
    "TTL": "ttl",
    "SetIdentifier": "set_identifier",
    "Weight": "weight",
    "Region": "region",
    "HealthCheckId": "health_check_id",
    "AliasTarget": "alias_target",
    "Failover": "failover",
    "GeoLocation": "geo_location",
    "MultiValueAnswer": "multi_value_answer",
}


def _raw(record: Any) -> dict[str, Any]:
    """One of moto's as the API says it."""
    found = {field: getattr(record, name) for field, name in _FIELDS.items() if getattr(record, name) is not None}
    values = record.resource_records
    return _normal({**found, **({"ResourceRecords": values} if values else {})})


def _record(raw: Mapping[str, Any]) -> Any:
    """One of moto's."""
    given = deepcopy(dict(raw))
    given["ResourceRecords"] = [each["Value"] for each in given.get("ResourceRecords", ())]
    make: Any = models.RecordSet
    return make(given)


def _normal(record: Mapping[str, Any]) -> dict[str, Any]:
    """Names as Route 53 spells them; numbers as numbers."""
    found = {field: value for field, value in deepcopy(dict(record)).items() if value not in (None, [], "")}
    found["Name"] = _spelled(found["Name"])
    for field in ("TTL", "Weight"):
        if field in found:
            found[field] = int(found[field])
    if alias := found.get("AliasTarget"):
        found["AliasTarget"] = {
            "HostedZoneId": alias["HostedZoneId"],
            "DNSName": _spelled(alias["DNSName"]),
            "EvaluateTargetHealth": str(alias["EvaluateTargetHealth"]).lower() == "true",
        }
    return found


def _spelled(name: str) -> str:
    return name.lower().rstrip(".").replace("*", "\\052") + "."


def _key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["Name"], record["Type"], record.get("SetIdentifier")


def _order(record: Mapping[str, Any]) -> tuple[list[str], str, str]:
    return _reversed(record["Name"]), record["Type"], record.get("SetIdentifier", "")


def _reversed(name: str) -> list[str]:
    return list(reversed(name.rstrip(".").split(".")))


def _by_name(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault((record["Name"], record["Type"]), []).append(record)
    return found
