"""Weighted records against the double: reading, writing, owners, health, and how few calls that takes."""

from __future__ import annotations

import asyncio

import pytest

from okra.aws.budget import Rates
from okra.aws.facade import Aws, open_aws
from okra.aws.route53_owners import owner_record
from okra.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from okra.ports import Account, RouteRef
from okra.rollout.observation import RouteReading, TargetGroup
from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import MotoServer, weights_record
from tests.aws.conftest import Counted, SystemClock
from tests.aws.dns import EVERYWHERE, NAME, NEW, OLD, arns, asked, read, read_synced, ref_to
from tests.support.aws import point_sdk_at

WEB, BLOG = "okra/default/web", "okra/default/blog"


@pytest.fixture
def rates() -> Rates:
    """More than Route 53 allows: these tests are about other things."""
    return Rates.share(20.0)


@pytest.fixture
def dns(aws_world: AwsWorld) -> DnsWorld:
    dns = DnsWorld(aws_world)
    dns.weighted(NAME, {OLD: 10})
    return dns


async def test_written_weights_are_read_back_and_stand_in_the_world(
    aws: Aws, dns: DnsWorld, aws_world: AwsWorld
) -> None:
    ref = ref_to(asked(dns.zone))
    one, two = arns(ref)
    await aws.router.write(ref, {one: 9, two: 1}, await read(aws, ref))
    assert (await read(aws, ref)).weights == {one: 9, two: 1}
    assert dns.weights(NAME) == {OLD: 9, NEW: 1}
    assert await asyncio.to_thread(weights_record, aws_world.url, ref.listener_arn) == [{OLD: 10}, {OLD: 9, NEW: 1}]


async def test_a_change_is_pending_until_every_server_has_it(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone))
    one, _ = arns(ref)
    before = await read(aws, ref)
    await aws.router.write(ref, {one: 1}, before)
    pending = [(await read(aws, ref)).pending for _ in range(3)]
    assert (before.pending, pending) == (False, [True, False, False])


async def test_a_record_that_leaves_is_gone_and_one_that_changed_since_stays(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone))
    _, two = arns(ref)
    dns.weighted(NAME, {NEW: 1})
    basis = await read(aws, ref)
    dns.weighted(NAME, {OLD: 0})
    with pytest.raises(Conflict):
        await aws.router.write(ref, {two: 1}, basis)
    assert dns.weights(NAME) == {OLD: 0, NEW: 1}
    await aws.router.write(ref, {two: 1}, await read(aws, ref))
    assert dns.weights(NAME) == {NEW: 1}
    assert (await read_synced(aws, ref)).weights == {two: 1}


async def test_a_write_that_rests_on_what_is_there_no_more_changes_nothing(aws: Aws, dns: DnsWorld) -> None:
    """So it is with the last write of a leader that stood still, and with a person's edit that came in between."""
    ref = ref_to(asked(dns.zone, ttl=1))
    one, two = arns(ref)
    dns.weighted(NAME, {NEW: 0})
    basis = await read(aws, ref)
    dns.weighted(NAME, {OLD: 1, NEW: 1})
    for late in ({one: 0, two: 1}, {one: 10, two: 0}):
        with pytest.raises(Conflict):
            await aws.router.write(ref, late, basis)
    assert dns.weights(NAME) == {OLD: 1, NEW: 1}


async def test_where_nothing_can_be_read_after_a_write_the_next_one_rests_on_what_it_made(
    aws: Aws, dns: DnsWorld
) -> None:
    """A revert doesn't wait for a listing. What somebody else has done since is not written over all the same."""
    ref = ref_to(asked(dns.zone))
    one, two = arns(ref)
    basis = await read(aws, ref)
    await aws.router.write(ref, {one: 1, two: 1}, basis)
    await aws.router.write(ref, {one: 10, two: 0}, basis)
    assert dns.weights(NAME) == {OLD: 10, NEW: 0}
    dns.weighted(NAME, {OLD: 7}, ttl=5)
    with pytest.raises(Conflict):
        await aws.router.write(ref, {one: 1, two: 1}, basis)
    assert dns.weights(NAME) == {OLD: 7, NEW: 0}


async def test_a_record_that_somebody_has_deleted_is_not_made_anew_by_a_write_that_knew_it(
    aws: Aws, dns: DnsWorld
) -> None:
    ref = ref_to(asked(dns.zone))
    one, two = arns(ref)
    dns.weighted(NAME, {NEW: 3})
    basis = await read(aws, ref)
    (gone,) = (each for each in dns.records(NAME) if each["SetIdentifier"] == f"to {OLD}")
    dns.change(("DELETE", gone))
    with pytest.raises(Conflict):
        await aws.router.write(ref, {one: 9, two: 1}, basis)
    assert dns.weights(NAME) == {NEW: 3}


async def test_a_name_without_records_is_a_route_without_traffic(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone, name="new.example.com"))
    reading = await read(aws, ref)
    assert reading.weights == {}
    await aws.router.write(ref, {arns(ref)[0]: 1}, reading)
    assert dns.weights("new.example.com") == {OLD: 1}


async def test_a_simple_record_is_no_route_and_nothing_is_written(aws: Aws, dns: DnsWorld, counted: Counted) -> None:
    simple = {"Name": "s.example.com", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": OLD}]}
    dns.change(("CREATE", simple))
    with pytest.raises(Refused) as caught:
        await read(aws, ref_to(asked(dns.zone, name="s.example.com")))
    assert caught.value.reason == "RouteNotWeighted"
    assert counted.calls["ChangeResourceRecordSets"] == 0


async def test_what_aws_refuses_is_refused_with_its_own_words(aws: Aws, dns: DnsWorld) -> None:
    elsewhere = ref_to(asked(dns.zone, name="app.example.org"))
    with pytest.raises(Refused, match="not permitted in zone"):
        await aws.router.write(elsewhere, {arns(elsewhere)[0]: 1}, await read(aws, elsewhere))


async def test_an_unknown_zone_is_its_own_error_beside_one_that_is_read(aws: Aws, dns: DnsWorld) -> None:
    here, gone = ref_to(asked(dns.zone)), ref_to(asked("Z0"))
    found = await aws.router.read([here, gone])
    assert isinstance(found[here], RouteReading)
    error = found[gone]
    assert isinstance(error, NotFound)
    assert error.reason == "HostedZoneNotFound"


async def test_a_wildcard_is_read_as_it_is_named(aws: Aws, dns: DnsWorld) -> None:
    dns.weighted("*.example.com", {OLD: 3})
    ref = ref_to(asked(dns.zone, name="*.Example.com."))
    assert (await read(aws, ref)).weights == {arns(ref)[0]: 3}
    assert await aws.router.claim(ref, ref.listener_arn, WEB) == WEB
    assert (await aws.router.owner(ref, ref.listener_arn)).owner == WEB


async def test_a_field_that_the_sdk_does_not_know_forbids_writing(
    aws: Aws, dns: DnsWorld, fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okra.aws.responses.unknown_record_fields", lambda *_: {f"{NAME}. A": ["Novelty"]})
    with pytest.raises(Refused, match="Novelty") as caught:
        await read(aws, ref_to(asked(dns.zone)))
    assert caught.value.reason == "UnsupportedRecord"


# how many calls


async def test_a_route_its_owner_and_its_neighbours_are_one_call(aws: Aws, dns: DnsWorld, counted: Counted) -> None:
    dns.weighted(NAME, {"2001:db8::1": 1}, kind="AAAA")
    four, six = ref_to(asked(dns.zone)), ref_to(asked(dns.zone, {"1": "2001:db8::1"}, type="AAAA"))
    await aws.router.claim(four, four.listener_arn, WEB)
    before = counted.calls["ListResourceRecordSets"]
    found, owner = await asyncio.gather(aws.router.read([four, six]), aws.router.owner(four, four.listener_arn))
    assert [reading.weights for reading in found.values() if isinstance(reading, RouteReading)] == [
        {arns(four)[0]: 10},
        {arns(six)[0]: 1},
    ]
    assert owner.owner == WEB
    assert counted.calls["ListResourceRecordSets"] == before + 1


@pytest.mark.parametrize("page_size", [1, 2, 3])
async def test_records_on_many_pages_are_all_read(
    monkeypatch: pytest.MonkeyPatch, world_may_block: None, page_size: int
) -> None:
    async with MotoServer(page_size=page_size) as server:
        environ = point_sdk_at(monkeypatch, server.url)
        with AwsWorld(server.url) as world:
            dns = DnsWorld(world)
            values = {f"192.0.2.{number}": number for number in range(1, 6)}
            dns.weighted(NAME, values)
            dns.weighted("zoo.example.com", {OLD: 1})
            one, other = ref_to(asked(dns.zone)), ref_to(asked(dns.zone, name="zoo.example.com"))
            async with open_aws(clock=SystemClock(), environ=environ) as aws:
                found = await aws.router.read([one, other])
            (first, second) = (each for each in found.values() if isinstance(each, RouteReading))
            assert {arn.rpartition("/")[2]: weight for arn, weight in first.weights.items()} == values
            assert second.weights == {arns(other)[0]: 1}


async def test_no_load_balancer_is_asked_about_records(aws: Aws, dns: DnsWorld, counted: Counted) -> None:
    listed = arns(ref_to(asked(dns.zone)))
    groups = await aws.inventory.target_groups(
        EVERYWHERE, [*listed, "arn:aws:elasticloadbalancing:a:1:targetgroup/b/c"]
    )
    assert [(group.arn, group.name) for group in groups] == list(zip(listed, [OLD, NEW], strict=True))
    assert await aws.inventory.active_flows(EVERYWHERE, TargetGroup(listed[0], OLD)) is None
    assert counted.calls.total() == 0
    assert await aws.inventory.target_groups(Account(), listed) == []


async def test_routes_of_both_kinds_are_read_together(aws: Aws, dns: DnsWorld, aws_world: AwsWorld) -> None:
    route = aws_world.route(replicas=1, targets=0)
    balancer, records = RouteRef(Account(), route.listener_arn, priority=route.priority), ref_to(asked(dns.zone))
    found = await aws.router.read([balancer, records])
    assert [type(found[ref]) for ref in (balancer, records)] == [RouteReading, RouteReading]
    await aws.router.claim(balancer, route.arn, WEB)
    assert (await aws.router.owner(balancer, route.arn)).owner == WEB


@pytest.mark.parametrize("rates", [None])
async def test_where_route_53s_rate_is_short_only_polls_of_records_stretch(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone))
    for _ in range(5):
        await read(aws, ref)
    assert aws.wait_estimate(EVERYWHERE) > 0
    assert aws.wait_estimate(Account("us-east-1")) == 0


# owners


async def test_of_two_who_claim_records_one_gets_them_until_it_lets_go(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone))
    claims = await asyncio.gather(*(aws.router.claim(ref, ref.listener_arn, who) for who in (WEB, BLOG)))
    (winner,) = set(claims)
    loser = BLOG if winner == WEB else WEB
    await aws.router.release(ref, ref.listener_arn, loser)
    assert (await aws.router.owner(ref, ref.listener_arn)).owner == winner
    await aws.router.release(ref, ref.listener_arn, winner)
    assert (await aws.router.owner(ref, ref.listener_arn)).owner == ""
    assert (await read(aws, ref)).weights == {arns(ref)[0]: 10}


async def test_who_creates_too_late_learns_whose_they_are(aws: Aws, dns: DnsWorld, fault_proxy: FaultProxy) -> None:
    """Both have read that the records are nobody's: the API itself decides."""
    ref = ref_to(asked(dns.zone))
    await aws.router.owner(ref, ref.listener_arn)
    await aws.router.claim(ref, ref.listener_arn, BLOG)
    fault_proxy.add(Fault(FaultKind.STALE, "ListResourceRecordSets", times=1))
    assert await aws.router.claim(ref, ref.listener_arn, WEB) == BLOG


async def test_an_owner_of_any_length_fits_into_its_record(aws: Aws, dns: DnsWorld) -> None:
    owner, ref = f"okra/default/{'a' * 400}", ref_to(asked(dns.zone))
    assert await aws.router.claim(ref, ref.listener_arn, owner) == owner
    await aws.router.release(ref, ref.listener_arn, owner)
    assert (await aws.router.owner(ref, ref.listener_arn)).owner == ""


async def test_an_owners_record_goes_whatever_ttl_a_person_gave_it(aws: Aws, dns: DnsWorld) -> None:
    ref = ref_to(asked(dns.zone))
    await aws.router.claim(ref, ref.listener_arn, WEB)
    (record,) = dns.records(f"_okra-owner-a.{NAME}", "TXT")
    dns.change(("UPSERT", {**record, "TTL": 60}))
    await aws.router.release(ref, ref.listener_arn, WEB)
    assert dns.records(f"_okra-owner-a.{NAME}", "TXT") == []


def test_each_type_of_a_name_has_an_owner_of_its_own() -> None:
    four, six = ref_to(asked("Z1")), ref_to(asked("Z1", type="AAAA", endpoints=[{"version": "1", "value": "::1"}]))
    assert owner_record(four.listener_arn) == ("Z1", ("_okra-owner-a.app.example.com", "TXT"))
    assert owner_record(six.listener_arn) == ("Z1", ("_okra-owner-aaaa.app.example.com", "TXT"))


# health


@pytest.mark.parametrize(("said", "healthy"), [("5/5", 1), ("3/5", 1), ("2/4", 0), ("0/5", 0)])
async def test_a_record_is_healthy_when_most_checkers_reach_it(
    aws: Aws, dns: DnsWorld, said: str, healthy: int
) -> None:
    check = dns.health_check(said)
    dns.weighted(NAME, {OLD: 1}, HealthCheckId={OLD: check})
    ref = ref_to(asked(dns.zone))
    await read(aws, ref)
    health = await aws.inventory.health(EVERYWHERE, arns(ref)[0])
    assert (health.healthy, health.registered, health.targets) == (healthy, 1, frozenset({OLD}))


async def test_a_health_check_that_nobody_has_answered_yet_tells_nothing(aws: Aws, dns: DnsWorld) -> None:
    dns.weighted(NAME, {OLD: 1}, HealthCheckId={OLD: dns.health_check("0/0")})
    ref = ref_to(asked(dns.zone))
    await read(aws, ref)
    with pytest.raises(Unavailable):
        await aws.inventory.health(EVERYWHERE, arns(ref)[0])


async def test_a_record_that_is_not_there_yet_has_its_endpoints_health_check(aws: Aws, dns: DnsWorld) -> None:
    check = dns.health_check("0/3")
    ref = ref_to(asked(dns.zone, endpoints=[{"version": "2", "value": NEW, "healthCheckID": check}]))
    await read(aws, ref)
    (arn,) = arns(ref)
    assert ref.checks == {arn: check}
    assert (await aws.inventory.health(EVERYWHERE, arn, check)).healthy == 0


async def test_whoever_else_reads_the_records_a_cells_health_check_counts_for_it(aws: Aws, dns: DnsWorld) -> None:
    """Another Cell may name the same records, and no health check, or another one."""
    own, named = dns.health_check("5/5"), dns.health_check("0/5")
    dns.weighted(NAME, {OLD: 1}, HealthCheckId={OLD: own})
    with_check = ref_to(asked(dns.zone, endpoints=[{"version": "1", "value": OLD, "healthCheckID": named}]))
    await aws.router.read([with_check, ref_to(asked(dns.zone))])
    (arn,) = arns(with_check)
    assert (await aws.inventory.health(EVERYWHERE, arn, named)).healthy == 0
    assert (await aws.inventory.health(EVERYWHERE, arn)).healthy == 1


async def test_a_record_without_a_health_check_counts_as_healthy_and_costs_no_call(
    aws: Aws, dns: DnsWorld, counted: Counted
) -> None:
    ref = ref_to(asked(dns.zone))
    await read(aws, ref)
    before = counted.calls.total()
    assert (await aws.inventory.health(EVERYWHERE, arns(ref)[1])).healthy == 1
    assert counted.calls.total() == before


async def test_before_its_records_were_read_nothing_is_known_of_a_record(aws: Aws, dns: DnsWorld) -> None:
    with pytest.raises(Unavailable):
        await aws.inventory.health(EVERYWHERE, arns(ref_to(asked(dns.zone)))[0])


async def test_a_health_check_that_is_not_there_is_named(aws: Aws, dns: DnsWorld) -> None:
    dns.weighted(NAME, {OLD: 1}, HealthCheckId={OLD: "no-such"})
    ref = ref_to(asked(dns.zone))
    await read(aws, ref)
    with pytest.raises(NotFound, match="healthCheckID") as caught:
        await aws.inventory.health(EVERYWHERE, arns(ref)[0])
    assert caught.value.reason == "HealthCheckNotFound"


async def test_weights_that_mean_something_else_are_not_sent(aws: Aws, dns: DnsWorld, counted: Counted) -> None:
    ref = ref_to(asked(dns.zone))
    basis = await read(aws, ref)
    with pytest.raises(Invalid):
        await aws.router.write(ref, {arns(ref)[0]: 0}, basis)
    assert counted.calls["ChangeResourceRecordSets"] == 0
