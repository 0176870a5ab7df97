"""The exact change of records that leads to given weights, and what records say about traffic."""

from __future__ import annotations

from typing import Any

import pytest

from okra.aws.route53_records import change, members_of, weights_of
from okra.errors import Invalid, NotFound, Refused
from tests.aws.dns import NEW, OLD, arns, asked, ref_to

REF = ref_to(asked("Z1"))
ARN = REF.listener_arn
ONE, TWO = arns(REF)


def record(value: str, weight: int, **fields: Any) -> dict[str, Any]:
    base = {"Name": "app.example.com.", "Type": "A", "SetIdentifier": f"to {value}", "Weight": weight, "TTL": 5}
    return {**base, "ResourceRecords": [{"Value": value}], **fields}


def alias(name: str, weight: int, **fields: Any) -> dict[str, Any]:
    target = {"HostedZoneId": "Z35", "DNSName": name, "EvaluateTargetHealth": True}
    base = {"Name": "app.example.com.", "Type": "A", "SetIdentifier": f"to {name}", "Weight": weight}
    return {**base, "ResourceRecords": [], "AliasTarget": target, **fields}


def changes(records: list[dict[str, Any]], weights: dict[str, int], ref: Any = REF) -> list[tuple[str, Any]]:
    batch = change(ARN, members_of(ARN, records), weights, ref.records)
    return [(each["Action"], each["ResourceRecordSet"]) for each in batch["Changes"]]


def test_each_record_goes_as_it_was_read_and_comes_back_with_its_weight_and_all_else_that_it_had() -> None:
    old, new = record(OLD, 1, HealthCheckId="h-1"), record(NEW, 0)
    assert changes([old, new], {ONE: 9, TWO: 1}) == [
        ("DELETE", old),
        ("DELETE", new),
        ("CREATE", record(OLD, 9, HealthCheckId="h-1")),
        ("CREATE", record(NEW, 1)),
    ]


def test_a_record_that_is_not_there_is_made_of_its_endpoint_and_called_by_its_version() -> None:
    (*_, made) = changes([record(OLD, 1)], {ONE: 1, TWO: 0})
    assert made == ("CREATE", record(NEW, 0, SetIdentifier="2"))


def test_a_version_that_another_record_is_called_by_gets_a_name_of_its_own() -> None:
    (*_, (_, made)) = changes([record(OLD, 1, SetIdentifier="2")], {ONE: 1, TWO: 0})
    assert made["SetIdentifier"].startswith("2-")
    assert made["ResourceRecords"] == [{"Value": NEW}]


def test_two_versions_that_begin_alike_for_longer_than_an_identifier_may_be_have_two() -> None:
    long = "v" * 200
    ref = ref_to(asked("Z1", {f"{long}1": OLD, f"{long}2": NEW}))
    (_, one), (_, two) = changes([], dict.fromkeys(arns(ref), 1), ref)
    assert one["SetIdentifier"] != two["SetIdentifier"]
    assert max(len(each["SetIdentifier"]) for each in (one, two)) <= 128


def test_a_record_that_leaves_is_deleted_with_all_that_it_was_read_with() -> None:
    old, new = record(OLD, 0, TTL=300, HealthCheckId="h-1"), record(NEW, 1)
    assert changes([old, new], {TWO: 1}) == [("DELETE", old), ("DELETE", new), ("CREATE", new)]


def test_an_alias_is_sent_without_the_empty_list_that_its_answer_holds_and_without_a_ttl() -> None:
    ref = ref_to(
        asked(
            "Z1", ttl=None, endpoints=[{"version": "1", "alias": {"hostedZoneID": "Z35", "dnsName": "LB.example.net"}}]
        )
    )
    (only,) = arns(ref)
    sent = changes([alias("lb.example.net.", 3)], {only: 1}, ref)
    without = {field: value for field, value in alias("lb.example.net.", 1).items() if field != "ResourceRecords"}
    assert sent == [("DELETE", without | {"Weight": 3}), ("CREATE", without)]
    (made,) = changes([], {only: 1}, ref)
    assert made == ("CREATE", without | {"SetIdentifier": "1"})


def test_all_records_of_a_name_get_the_cells_ttl_as_aws_wants_one_for_all() -> None:
    stranger = record("192.0.2.9", 0, TTL=300)
    (foreign,) = (each.arn for each in members_of(ARN, [stranger]))
    sent = changes([record(OLD, 1, TTL=300), stranger], {ONE: 1, foreign: 0, TWO: 0})
    assert [record["TTL"] for action, record in sent if action == "CREATE"] == [5, 5, 5]


def test_a_route_that_only_status_names_keeps_its_ttl_and_makes_no_record() -> None:
    members = members_of(ARN, [record(OLD, 1, TTL=300)])
    (*_, made) = change(ARN, members, {ONE: 2}, None)["Changes"]
    assert made["ResourceRecordSet"]["TTL"] == 300
    with pytest.raises(NotFound) as caught:
        change(ARN, members, {ONE: 1, TWO: 1}, None)
    assert caught.value.reason == "NotFound"


def test_an_endpoint_with_a_health_check_is_made_with_it() -> None:
    ref = ref_to(asked("Z1", endpoints=[{"version": "1", "value": OLD, "healthCheckID": "h-1"}]))
    ((_, made),) = changes([], {arns(ref)[0]: 1}, ref)
    assert made["HealthCheckId"] == "h-1"


@pytest.mark.parametrize("weights", [{}, {ONE: 0}, {ONE: 256}, {ONE: -1, TWO: 2}, {ONE: True}])
def test_weights_that_route_53_refuses_or_takes_otherwise_are_invalid(weights: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        changes([record(OLD, 1)], weights)


def test_more_records_than_a_name_may_have_are_invalid() -> None:
    with pytest.raises(Invalid):
        changes([], {f"{ARN}/192.0.2.{number}": 1 for number in range(101)})


# what records say


def test_records_are_known_by_where_they_lead_however_that_is_spelled() -> None:
    spelled = members_of(ARN, [alias("LB-1.Example.NET.", 1), record("192.0.2.1", 1)])
    assert [each.arn for each in spelled] == [f"{ARN}/alias/Z35/lb-1.example.net", f"{ARN}/192.0.2.1"]
    six = ARN.replace("/A", "/AAAA")
    (found,) = members_of(six, [record("2001:0DB8::0001", 1)])
    assert found.arn == f"{six}/2001:db8::1"


def test_a_record_of_very_many_values_has_a_name_of_bounded_length() -> None:
    many = [{"Value": f"2001:db8::{number:x}"} for number in range(100)]
    (known,) = members_of(ARN, [record(OLD, 1, ResourceRecords=many)])
    (again,) = members_of(ARN, [record(OLD, 1, ResourceRecords=many[::-1])])
    assert known.arn == again.arn
    assert len(known.arn) < 300


def test_of_two_records_that_lead_to_one_place_only_the_first_is_the_endpoints() -> None:
    twice = members_of(ARN, [record(OLD, 1), record(OLD, 1, SetIdentifier="again")])
    assert [each.arn for each in twice] == [ONE, f"{ONE}#again"]


def test_records_that_are_all_at_0_serve_alike() -> None:
    assert weights_of(members_of(ARN, [record(OLD, 0), record(NEW, 0)])) == {ONE: 1, TWO: 1}
    assert weights_of(members_of(ARN, [record(OLD, 0), record(NEW, 7)])) == {ONE: 0, TWO: 7}
    assert weights_of(()) == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Weight": None, "SetIdentifier": None}, "simple"),
        ({"Weight": None, "Region": "eu-west-1"}, "latency"),
        ({"Weight": None, "Failover": "PRIMARY"}, "failover"),
        ({"Weight": None, "MultiValueAnswer": True}, "multivalue"),
        ({"TrafficPolicyInstanceId": "t-1"}, "traffic policy"),
    ],
)
def test_records_that_are_not_weighted_are_no_route_and_it_is_said_what_to_do(
    fields: dict[str, Any], said: str
) -> None:
    raw = {field: value for field, value in record(OLD, 1, **fields).items() if value is not None}
    with pytest.raises(Refused, match=said) as caught:
        members_of(ARN, [raw])
    assert caught.value.reason == "RouteNotWeighted"
    assert "routing policy weighted" in str(caught.value)
