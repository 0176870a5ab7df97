"""Hosted zones, weighted records and health checks in a world of AWS. Blocking, as `AwsWorld` is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from okra.testing.aws_world import HEALTH_TAG, AwsWorld


class DnsWorld:
    """The zones of `world`'s account. Its connections are the world's."""

    def __init__(self, world: AwsWorld, zone: str = "example.com") -> None:
        self._route53 = world.client("route53")
        made = self._route53.create_hosted_zone(Name=zone, CallerReference=uuid4().hex)
        self.zone: str = made["HostedZone"]["Id"].rpartition("/")[2]

    def weighted(
        self, name: str, weights: Mapping[str, int], *, kind: str = "A", ttl: int = 1, **fields: Mapping[str, Any]
    ) -> None:
        """Make, or weigh anew, one record for each value. `fields`: more of the record of each value."""
        records = [
            {
                "Name": name,
                "Type": kind,
                "SetIdentifier": f"to {value}",
                "Weight": weight,
                "TTL": ttl,
                "ResourceRecords": [{"Value": value}],
                **{field: of[value] for field, of in fields.items() if value in of},
            }
            for value, weight in weights.items()
        ]
        self.change(*(("UPSERT", record) for record in records))

    def change(self, *changes: tuple[str, Mapping[str, Any]]) -> None:
        """(action, record) in one batch."""
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        self._route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    def records(self, name: str, kind: str = "A") -> list[dict[str, Any]]:
        """All of a name and type, by set identifier."""
        found = self._route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        here = [each for each in found if (each["Name"].rstrip("."), each["Type"]) == (name, kind)]
        return sorted(here, key=lambda each: str(each.get("SetIdentifier", "")))

    def weights(self, name: str, kind: str = "A") -> dict[str, int]:
        """Value (of an alias: name) → weight."""
        return {_target(each): each["Weight"] for each in self.records(name, kind)}

    def health_check(self, health: str = "") -> str:
        """A new one. `health`: how many of its checkers reach it, as in `3/5`."""
        made = self._route53.create_health_check(
            CallerReference=uuid4().hex, HealthCheckConfig={"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}
        )
        id_ = str(made["HealthCheck"]["Id"])
        if health:
            self.set_health(id_, health)
        return id_

    def set_health(self, check: str, health: str) -> None:
        self._route53.change_tags_for_resource(
            ResourceType="healthcheck", ResourceId=check, AddTags=[{"Key": HEALTH_TAG, "Value": health}]
        )


def _target(record: Mapping[str, Any]) -> str:
    alias = record.get("AliasTarget")
    return alias["DNSName"].rstrip(".") if alias else ",".join(each["Value"] for each in record["ResourceRecords"])
