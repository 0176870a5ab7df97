"""Discovery, health and drain: what exists, what can serve, what still serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from okra.api.aws import dimension_of
from okra.aws.facade import Aws, open_aws
from okra.errors import AccessDenied
from okra.ports import Account
from okra.rollout.observation import TargetGroup
from okra.testing.aws_world import VERSION_TAG, AwsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import MotoServer
from tests.aws.conftest import TIMEOUTS, Counted, SystemClock
from tests.support.aws import point_sdk_at

HERE = Account()


async def names(aws: Aws) -> list[str]:
    return sorted(group.name for group in await aws.inventory.target_groups(HERE))


# Discovery


async def test_a_tagged_group_is_found_with_all_that_a_cell_needs_to_know(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route({"1.0.0": 1}, replicas=1, tags={"role": "web"})
    (group,) = await aws.inventory.target_groups(HERE)
    assert group == TargetGroup(
        arn=route.groups["1.0.0"][0],
        name="web-1-0-0-0",
        tags={"role": "web", "okra.mumoshu.github.io/version": "1.0.0"},
        vpc_id=aws_world.vpc,
        protocol="HTTP",
        load_balancer_arns=(route.load_balancer_arn,),
    )


async def test_an_account_without_tagged_groups_has_none_and_costs_one_call(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    assert await aws.inventory.target_groups(HERE) == []
    aws_world.target_group("plain")
    assert await aws.inventory.target_groups(HERE) == []
    assert counted.calls == {"GetResources": 2}


async def test_a_deleted_group_that_the_tagging_api_still_lists_is_not_found(aws: Aws, aws_world: AwsWorld) -> None:
    for name in ("kept", "deleted"):
        aws_world.target_group(name, version="1.0.0")
    deleted = next(group.arn for group in await aws.inventory.target_groups(HERE) if group.name == "deleted")
    aws_world.delete_target_group(deleted)
    tagged = aws_world.client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    assert deleted in {resource["ResourceARN"] for resource in tagged}
    assert await names(aws) == ["kept"]


async def test_a_group_that_lost_its_last_tag_is_not_found(aws: Aws, aws_world: AwsWorld) -> None:
    arn = aws_world.target_group("g", version="1.0.0")
    assert await names(aws) == ["g"]
    aws_world.untag(arn, "okra.mumoshu.github.io/version")
    for _ in range(2):
        assert await names(aws) == []


async def test_a_group_without_tags_is_found_for_who_names_it_and_costs_no_further_call(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    named, gone = aws_world.target_group("named"), aws_world.target_group("gone")
    aws_world.target_group("other")
    aws_world.delete_target_group(gone)
    for _ in range(2):
        counted.calls.clear()
        (group,) = await aws.inventory.target_groups(HERE, {named, gone})
        assert (group.arn, group.tags) == (named, {})
    assert counted.calls == {"GetResources": 1, "DescribeTargetGroups": 1}
    assert await names(aws) == []


async def test_discovery_costs_the_same_whoever_and_however_many_look(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    for number in range(12):
        aws_world.target_group(f"g{number}", version="1.0.0", targets=0)
    assert len(await names(aws)) == 12
    assert counted.calls == {"GetResources": 1, "DescribeTargetGroups": 1}


# Pages


@pytest.fixture(scope="module")
def small_pages() -> Iterator[MotoServer]:
    with MotoServer(page_size=2) as server:
        yield server


@pytest.fixture
def paged_world(small_pages: MotoServer, world_may_block: None) -> Iterator[AwsWorld]:
    small_pages.reset()
    with AwsWorld(small_pages.url) as world:
        yield world


@pytest.fixture
async def paged_proxy(small_pages: MotoServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(small_pages.url) as proxy:
        yield proxy


@pytest.fixture
async def paged_aws(paged_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Aws]:
    environ: Mapping[str, str] = point_sdk_at(monkeypatch, paged_proxy.url)
    async with open_aws(clock=SystemClock(), environ=environ, timeouts=TIMEOUTS) as opened:
        yield opened


async def test_groups_are_read_from_every_page_of_both_listings(
    paged_aws: Aws, paged_world: AwsWorld, paged_proxy: FaultProxy
) -> None:
    for number in range(7):
        paged_world.target_group(f"g{number}", version="1.0.0", targets=0)
    assert await names(paged_aws) == [f"g{number}" for number in range(7)]
    assert len(paged_proxy.calls("GetResources")) == 4
    assert len(paged_proxy.calls("DescribeTargetGroups")) == 4


@pytest.mark.parametrize("operation", ["GetResources", "DescribeTargetGroups"])
async def test_a_group_deleted_between_two_pages_is_no_error_and_hides_no_other(
    paged_aws: Aws, paged_world: AwsWorld, paged_proxy: FaultProxy, operation: str
) -> None:
    arns = [paged_world.target_group(f"g{number}", version="1.0.0", targets=0) for number in range(6)]
    assert len(await names(paged_aws)) == 6
    pages = len(paged_proxy.calls(operation))

    def delete_before_the_second_page(call: object) -> bool:
        if len(paged_proxy.calls(operation)) == pages + 1 and arns:
            paged_world.delete_target_group(arns[0])
            arns.clear()
        return False

    paged_proxy.add(Fault(FaultKind.DELAY, operation, when=delete_before_the_second_page))
    found = await names(paged_aws)
    assert set(found) - {"g0"} == {f"g{number}" for number in range(1, 6)}
    assert await names(paged_aws) == [f"g{number}" for number in range(1, 6)]


async def test_a_group_that_the_tagging_api_forgets_for_a_moment_is_not_lost(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy, aws_environ: Mapping[str, str]
) -> None:
    group = aws_world.target_group("g", version="1.0.0")
    assert await names(aws) == ["g"]
    aws_world.untag(group, VERSION_TAG)
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as other:
        assert await names(other) == []
    aws_world.tag(group, {VERSION_TAG: "1.0.0"})
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources", times=1))  # answers as it did the other: no group
    assert await names(aws) == ["g"]


async def test_a_second_look_that_fails_is_an_error_not_a_missing_group(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    aws_world.delete_target_group(aws_world.target_group("g", version="1.0.0"))
    fault_proxy.add(Fault(FaultKind.ERROR, "DescribeTargetGroups", skip=1, times=1, status=403, code="AccessDenied"))
    with pytest.raises(AccessDenied):
        await aws.inventory.target_groups(HERE)
    assert await names(aws) == []


async def test_a_deleted_group_costs_one_second_look_only(aws: Aws, aws_world: AwsWorld, counted: Counted) -> None:
    aws_world.target_group("kept", version="1.0.0")
    aws_world.delete_target_group(aws_world.target_group("deleted", version="1.0.0"))
    for extra in (1, 0):
        counted.calls.clear()
        assert await names(aws) == ["kept"]
        assert counted.calls == {"GetResources": 1, "DescribeTargetGroups": 1 + extra}


async def test_a_listing_that_breaks_off_in_the_middle_is_an_error_not_a_shorter_list(
    paged_aws: Aws, paged_world: AwsWorld, paged_proxy: FaultProxy
) -> None:
    for number in range(5):
        paged_world.target_group(f"g{number}", version="1.0.0", targets=0)
    paged_proxy.add(Fault(FaultKind.ERROR, "DescribeTargetGroups", skip=1, status=500, code="InternalFailure"))
    with pytest.raises(Exception, match="DescribeTargetGroups"):
        await paged_aws.inventory.target_groups(HERE)


# Health


@pytest.mark.parametrize(
    ("health", "healthy", "registered"),
    [
        (None, 3, 3),
        ("2", 2, 3),
        ("0", 0, 3),
        ("5", 5, 5),
        ("healthy=1,unhealthy=2", 1, 3),
        ("healthy=1,initial=1,unhealthy=1", 1, 3),
        ("healthy=1,draining=2", 1, 1),
        ("healthy=1,unavailable=1,unhealthy.draining=1", 1, 3),
    ],
)
async def test_only_healthy_targets_count_and_draining_ones_are_no_longer_registered(
    aws: Aws, aws_world: AwsWorld, health: str | None, healthy: int, registered: int
) -> None:
    group = aws_world.target_group("g", targets=3)
    aws_world.listener(aws_world.load_balancer(), {group: 1})
    if health is not None:
        aws_world.set_health(group, health)
    if health and "unavailable" in health:
        healthy += 1  # health checks are turned off for it: ELB sends it traffic
    found = await aws.inventory.health(HERE, group)
    assert (found.healthy, found.registered) == (healthy, registered)
    assert len(found.targets) == registered


async def test_targets_are_told_apart_by_id_and_port(aws: Aws, aws_world: AwsWorld) -> None:
    group = aws_world.target_group("g", targets=0)
    aws_world.register(group, "10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80")
    aws_world.deregister(group, "10.0.0.2:80")
    assert (await aws.inventory.health(HERE, group)).targets == {"10.0.0.1:80", "10.0.0.1:81"}


async def test_a_group_that_nothing_uses_is_checked_by_nobody_and_has_no_healthy_target(
    aws: Aws, aws_world: AwsWorld
) -> None:
    group, other = aws_world.target_group("g"), aws_world.target_group("other")
    found = await aws.inventory.health(HERE, group)
    assert (found.healthy, found.registered) == (0, 2)
    listener = aws_world.listener(aws_world.load_balancer(), {group: 0, other: 1})
    assert (await aws.inventory.health(HERE, group)).healthy == 2, "attached at weight 0 it is checked"
    aws_world.set_weights(listener, {other: 1})
    assert (await aws.inventory.health(HERE, group)).healthy == 0


async def test_an_empty_group_has_no_targets(aws: Aws, aws_world: AwsWorld) -> None:
    group = aws_world.target_group("g", targets=0)
    found = await aws.inventory.health(HERE, group)
    assert (found.healthy, found.registered, found.targets) == (0, 0, frozenset())


async def test_a_lambda_without_health_checks_serves_as_soon_as_it_is_attached(aws: Aws, aws_world: AwsWorld) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:web"
    group = aws_world.elb.create_target_group(Name="fn", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    aws_world.tag(group, {"okra.mumoshu.github.io/version": "1.0.0"})
    aws_world.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    assert (await aws.inventory.health(HERE, group)).healthy == 0
    aws_world.listener(aws_world.load_balancer(), {group: 1})
    found = await aws.inventory.health(HERE, group)
    assert (found.healthy, found.registered, found.targets) == (1, 1, frozenset({function}))
    (listed,) = await aws.inventory.target_groups(HERE)
    assert (listed.protocol, listed.vpc_id) == ("", "")


# Active flows


class Noon(SystemClock):
    """Half a minute past noon, so that minutes are easy to name."""

    MINUTE = 1_700_000_040.0 // 60 * 60

    def now(self) -> float:
        return self.MINUTE + 30


@pytest.fixture
async def at_noon(aws_environ: Mapping[str, str]) -> AsyncIterator[Aws]:
    async with open_aws(clock=Noon(), environ=aws_environ, timeouts=TIMEOUTS) as opened:
        yield opened


def publish_requests(world: AwsWorld, group: TargetGroup, minutes_ago: int, requests: float) -> None:
    dimensions = {"TargetGroup": dimension_of(group.arn), "LoadBalancer": dimension_of(group.load_balancer_arns[0])}
    at = Noon.MINUTE - 60 * minutes_ago + 5
    world.put_metric("AWS/ApplicationELB", "RequestCount", requests, dimensions=dimensions, at=at)


async def test_requests_of_a_group_are_those_of_the_newest_complete_minute(at_noon: Aws, aws_world: AwsWorld) -> None:
    aws_world.route({"1.0.0": 1}, replicas=1)
    (group,) = await at_noon.inventory.target_groups(HERE)
    assert await at_noon.inventory.active_flows(HERE, group) == 0.0, "ELB publishes nothing when there is nothing"
    publish_requests(aws_world, group, 9, 900.0)
    assert await at_noon.inventory.active_flows(HERE, group) == 0.0
    publish_requests(aws_world, group, 3, 30.0)
    publish_requests(aws_world, group, 0, 7.0)
    assert await at_noon.inventory.active_flows(HERE, group) == 30.0, (
        "CloudWatch lags: two silent minutes prove nothing"
    )
    publish_requests(aws_world, group, 1, 5.0)
    publish_requests(aws_world, group, 1, 6.0)
    assert await at_noon.inventory.active_flows(HERE, group) == 11.0


async def test_a_group_on_no_load_balancer_serves_nobody(at_noon: Aws, aws_world: AwsWorld) -> None:
    aws_world.target_group("g", version="1.0.0")
    (group,) = await at_noon.inventory.target_groups(HERE)
    assert await at_noon.inventory.active_flows(HERE, group) == 0.0


async def test_flows_of_a_network_load_balancer_are_known_only_when_it_has_none(
    at_noon: Aws, aws_world: AwsWorld
) -> None:
    aws_world.route({"1.0.0": 1}, kind="tcp", replicas=1)
    (group,) = await at_noon.inventory.target_groups(HERE)
    assert await at_noon.inventory.active_flows(HERE, group) is None, "not even that is known"
    dimensions = {"LoadBalancer": dimension_of(group.load_balancer_arns[0])}
    aws_world.put_metric("AWS/NetworkELB", "ActiveFlowCount", 0.0, dimensions=dimensions, at=Noon.MINUTE - 55)
    assert await at_noon.inventory.active_flows(HERE, group) == 0.0
    aws_world.put_metric("AWS/NetworkELB", "ActiveFlowCount", 4.0, dimensions=dimensions, at=Noon.MINUTE - 50)
    assert await at_noon.inventory.active_flows(HERE, group) is None


def test_dimensions_are_named_as_cloudwatch_names_them() -> None:
    prefix = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
    assert dimension_of(prefix + "loadbalancer/app/web/50dc6c495c0c9188") == "app/web/50dc6c495c0c9188"
    assert dimension_of(prefix + "loadbalancer/net/web/50dc6c495c0c9188") == "net/web/50dc6c495c0c9188"
    assert dimension_of(prefix + "targetgroup/web/73e2d6bc24d8a067") == "targetgroup/web/73e2d6bc24d8a067"
