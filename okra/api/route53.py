"""Weighted records of Route 53 as a route."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, Violation, filled
from okra.api.dns_names import dns_name, dns_value
from okra.api.fields import Flag, Form, Int, Text, Version, keyed_by

HostedZoneID = Annotated[str, Form(r"^Z[A-Z0-9]{1,31}$", "a hosted zone's id, such as Z2FDTNDATAQYW2", max_length=32)]
HealthCheckID = Annotated[
    str, Form(r"^[A-Za-z0-9-]+$", "a health check's id, such as 12345678-abcd-ef01-2345-67890abcdef0", max_length=64)
]
_DNS_NAME = r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$"
DNSName = Annotated[str, Form(_DNS_NAME, "a DNS name such as app.example.com", max_length=255)]
RecordName = Annotated[str, Form(_DNS_NAME, "a DNS name such as app.example.com", max_length=232)]
"""So long that the name of the record beside it that says whose it is (`_okra-owner-cname.NAME`) is a name, too."""


class RecordType(StrEnum):
    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"


_HOLDS = {
    RecordType.A: "an IPv4 address",
    RecordType.AAAA: "an IPv6 address",
    RecordType.CNAME: "a name, and no address",
}
_VERSIONS = {RecordType.A: 4, RecordType.AAAA: 6, RecordType.CNAME: None}
"""Of the addresses that a record of this type holds."""


def _fits(kind: RecordType, value: str) -> bool:
    try:
        return ip_address(value).version == _VERSIONS[kind]
    except ValueError:
        return kind is RecordType.CNAME


class Alias(Model):
    """A resource of AWS that the record stands for."""

    hosted_zone_id: HostedZoneID = Field(description="The hosted zone of the resource, not of the record.")
    dns_name: DNSName = Field(description="The resource's DNS name.")
    evaluate_target_health: Flag = Field(default=True, description="Answer only while the resource is healthy.")


class Endpoint(Model):
    """Where a version is reached."""

    version: Version = Field(description="The version.")
    value: Text | None = Field(default=None, description="The record's value: an address, or a name for CNAME.")
    alias: Alias | None = Field(default=None, description="A resource of AWS instead of a value.")
    health_check_id: HealthCheckID | None = Field(
        default=None, description="The Route 53 health check that says whether it can serve."
    )

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "value", "alias")) != 1:
            yield Violation((), "needs exactly one of value and alias")


class Route53(Model):
    """A weighted record set: one record for each version."""

    hosted_zone_id: HostedZoneID = Field(description="The record's hosted zone.")
    name: RecordName = Field(description="The record's name.")
    type: RecordType = Field(description="A, AAAA or CNAME.")
    ttl: Annotated[Int, Field(ge=1, le=604_800)] | None = Field(
        default=None, description="Seconds that resolvers may keep an answer; not for aliases."
    )
    endpoints: Annotated[
        tuple[Endpoint, ...], Field(min_length=1, max_length=100, json_schema_extra=keyed_by("version"))
    ] = Field(description="Where each version is reached.")

    def rules(self) -> Iterator[Violation]:
        seen: set[str] = set()
        for index, endpoint in enumerate(self.endpoints):
            if endpoint.version in seen:
                yield Violation(("endpoints", index, "version"), f"{endpoint.version} has an endpoint already")
            seen.add(endpoint.version)
            if endpoint.value is not None and not _fits(self.type, endpoint.value):
                yield Violation(("endpoints", index, "value"), f"must be {_HOLDS[self.type]}: type is {self.type}")
        places: set[tuple[str, str]] = set()
        for index, endpoint in enumerate(self.endpoints):
            alias = endpoint.alias
            place = (alias.hosted_zone_id, dns_name(alias.dns_name)) if alias else ("", dns_value(endpoint.value or ""))
            if place in places:
                yield Violation(
                    ("endpoints", index), "leads where another endpoint does: give each version its own place"
                )
            places.add(place)
        aliases = sum(endpoint.alias is not None for endpoint in self.endpoints)
        if aliases and self.ttl is not None:
            yield Violation(("ttl",), "is not for aliases, whose TTL is the resource's own: remove it")
        if aliases < len(self.endpoints) and self.ttl is None:
            yield Violation(("ttl",), "is required for records with values")
