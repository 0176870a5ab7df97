"""Names of Route 53's record sets in the form of ARNs, which AWS gives them none of.

All of Okra knows a route and what it holds by an ARN whose fourth field is a region. So is a weighted record set one:

    arn:aws:route53:aws-global::recordset/ZONE/NAME/TYPE                         the route
    arn:aws:route53:aws-global::recordset/ZONE/NAME/TYPE/VALUE                   a record in it
    arn:aws:route53:aws-global::recordset/ZONE/NAME/TYPE/alias/ZONE/DNS-NAME     an alias in it

The region is what SDKs call Route 53's one endpoint. A record is named by where it leads, and not by its set
identifier: who edits an endpoint's value means another place, to which traffic is to be moved in steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from okra.api.dns_names import dns_name, dns_value
from okra.api.route53 import Endpoint, Route53

_GLOBAL = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
"""Beginning of a region's name → its partition, where that isn't `aws`."""
_MARK = ":route53:"
_LONGEST = 512
"""Characters of a record's values in its name: a status takes no endless ones."""
RECORD_SET_PARTS = 4
"""Parts of a record set's ARN between slashes; a record in it has more."""


def global_region(region: str, role_arn: str) -> str:
    """Route 53's pseudo-region in the partition that a Cell's account (its region, its role) is in."""
    partition = role_arn.split(":")[1] if role_arn else ""
    partition = partition or next((found for start, found in _GLOBAL.items() if region.startswith(f"{start}-")), "aws")
    return f"{partition}-global"


def is_record(arn: str) -> bool:
    """Does this name a record set of Route 53, or a record in one?"""
    return _MARK in arn


def record_set_arn(records: Route53, region: str) -> str:
    """What a Cell's record set is called; `region` as `global_region` says it."""
    partition = region.removesuffix("-global")
    where = f"{records.hosted_zone_id}/{dns_name(records.name)}/{records.type}"
    return f"arn:{partition}{_MARK}{region}::recordset/{where}"


def parts_of(arn: str) -> tuple[str, str, str]:
    """Hosted zone, name and type of the record set that an ARN names, or that the record is in."""
    zone, name, kind = arn.partition("::recordset/")[2].split("/")[:3]
    return zone, name, kind


def record_set_of(arn: str) -> str:
    """The set that a record is in."""
    return "/".join(arn.split("/")[:RECORD_SET_PARTS])


def record_arn(record_set: str, values: Iterable[str]) -> str:
    """The record of a set that holds these values; of very many, a hash."""
    known = ",".join(sorted(map(dns_value, values)))
    return f"{record_set}/{known if len(known) <= _LONGEST else sha256(known.encode()).hexdigest()}"


def alias_arn(record_set: str, zone: str, name: str) -> str:
    """The record of a set that stands for a resource of AWS."""
    return f"{record_set}/alias/{zone}/{dns_name(name)}"


def endpoint_arn(record_set: str, endpoint: Endpoint) -> str:
    """The record of a set that leads where a Cell's endpoint does."""
    if endpoint.alias is not None:
        return alias_arn(record_set, endpoint.alias.hosted_zone_id, endpoint.alias.dns_name)
    return record_arn(record_set, [endpoint.value or ""])
