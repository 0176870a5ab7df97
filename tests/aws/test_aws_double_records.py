"""The double's Route 53: it refuses, pages and spreads changes as AWS does, or tests against it prove nothing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.moto_server import MotoServer

NAME, OLD, NEW = "app.example.com", "192.0.2.1", "192.0.2.2"


@pytest.fixture
def dns(aws_world: AwsWorld) -> DnsWorld:
    dns = DnsWorld(aws_world)
    dns.weighted(NAME, {OLD: 1})
    return dns


def record(value: str = OLD, **fields: Any) -> dict[str, Any]:
    """As `weighted` made it."""
    base = {"Name": f"{NAME}.", "Type": "A", "SetIdentifier": f"to {value}", "Weight": 1, "TTL": 1}
    found = {**base, "ResourceRecords": [{"Value": value}], **fields}
    return {field: given for field, given in found.items() if given is not None}


@pytest.mark.parametrize(
    ("action", "changed", "says"),
    [
        ("CREATE", record(), "already exists"),
        ("DELETE", record(NEW), "was not found"),
        ("DELETE", record(Weight=2), "do not match the current values"),
        ("DELETE", record(TTL=60), "do not match the current values"),
        ("UPSERT", record(NEW, Weight=256), "not from 0 to 255"),
        ("UPSERT", record(NEW, TTL=60), "different TTLs"),
        ("UPSERT", record(NEW, TTL=None), "exactly one of AliasTarget"),
        ("CREATE", record(SetIdentifier=None, Weight=None), "non-weighted set exists"),
        ("UPSERT", record(Name="a.example.org."), "not permitted in zone"),
    ],
)
def test_a_batch_that_aws_refuses_is_refused_as_a_whole(
    dns: DnsWorld, action: str, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(ClientError, match=says) as caught:
        dns.change(("CREATE", record("192.0.2.3")), (action, changed))
    assert caught.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert dns.weights(NAME) == {OLD: 1}


def test_a_record_that_is_named_with_all_it_has_goes(dns: DnsWorld) -> None:
    dns.change(("DELETE", record()), ("CREATE", record(NEW)))
    assert dns.weights(NAME) == {NEW: 1}


def test_a_change_is_pending_for_who_asks_first_and_unknown_ones_are_none(dns: DnsWorld, aws_world: AwsWorld) -> None:
    route53 = aws_world.client("route53")
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record(Weight=2)}]}
    made = route53.change_resource_record_sets(HostedZoneId=dns.zone, ChangeBatch=batch)["ChangeInfo"]["Id"]
    said = [route53.get_change(Id=made)["ChangeInfo"]["Status"] for _ in range(3)]
    assert said == ["PENDING", "INSYNC", "INSYNC"]
    with pytest.raises(ClientError, match="NoSuchChange"):
        route53.get_change(Id="C0")


def test_a_listing_goes_on_within_a_name(world_may_block: None) -> None:
    with MotoServer(page_size=2) as server, AwsWorld(server.url) as world:
        dns = DnsWorld(world)
        dns.weighted(NAME, {f"192.0.2.{number}": 1 for number in range(5)})
        route53, found, start = world.client("route53"), [], {"StartRecordName": NAME, "StartRecordType": "A"}
        while start:
            page = route53.list_resource_record_sets(HostedZoneId=dns.zone, **start)
            found += [each["SetIdentifier"] for each in page["ResourceRecordSets"]]
            fields = ("Name", "Type", "Identifier")
            start = {f"StartRecord{each}": page[f"NextRecord{each}"] for each in fields} if page["IsTruncated"] else {}
        assert found == [f"to 192.0.2.{number}" for number in range(5)]


def test_names_are_spelled_as_route_53_spells_them(dns: DnsWorld) -> None:
    dns.weighted("*.Wild.example.com", {OLD: 1})
    assert [each["Name"] for each in dns.records("\\052.wild.example.com")] == ["\\052.wild.example.com."]
