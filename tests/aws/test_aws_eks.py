"""EKS clusters: one by its name, many by their tags, and what each of them costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from okra.aws.eks import SHARED_FOR
from okra.aws.facade import Aws, open_aws
from okra.errors import AccessDenied, Invalid, NotFound, OkraError, Throttled, Unavailable
from okra.ports import Account
from okra.ports_clusters import ClusterInfo
from okra.testing.aws_world import AwsWorld
from okra.testing.eks_world import EksWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, Counted, SystemClock

HERE = Account()
WEB = {"role": "web"}


class Standing(SystemClock):
    """Nothing passes but what a test lets pass."""

    at = 1000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
async def aws(aws_environ: Mapping[str, str], counted: Counted, clock: Standing) -> AsyncIterator[Aws]:
    async with open_aws(clock=clock, environ=aws_environ, timeouts=TIMEOUTS, on_call=counted) as opened:
        yield opened


@pytest.fixture
def eks(aws_world: AwsWorld) -> EksWorld:
    return EksWorld(aws_world)


async def names(aws: Aws, tags: Mapping[str, str] = WEB) -> list[str]:
    return [cluster.name for cluster in await aws.clusters.clusters(HERE, tags)]


# By name


async def test_a_cluster_is_found_with_all_that_reaching_it_takes(aws: Aws, aws_world: AwsWorld, eks: EksWorld) -> None:
    arn = eks.create("web-1", tags=WEB, endpoint="https://127.0.0.1:6443", ca_data="LS0tLS1")
    assert await aws.clusters.cluster(HERE, "web-1") == ClusterInfo(
        name="web-1",
        arn=arn,
        status="ACTIVE",
        endpoint="https://127.0.0.1:6443",
        ca_data="LS0tLS1",
        version="1.35",
        vpc_id=aws_world.vpc,
        tags=WEB,
    )


async def test_a_cluster_that_is_being_made_has_no_endpoint_and_is_seen_to_become_active(
    aws: Aws, eks: EksWorld, clock: Standing
) -> None:
    eks.create("web-1", status="CREATING", endpoint="https://127.0.0.1:6443", ca_data="LS0tLS1")
    found = await aws.clusters.cluster(HERE, "web-1")
    assert (found.status, found.endpoint, found.ca_data) == ("CREATING", "", "")
    eks.change("web-1", status="ACTIVE")
    clock.at += SHARED_FOR
    found = await aws.clusters.cluster(HERE, "web-1")
    assert (found.status, found.endpoint, found.ca_data) == ("ACTIVE", "https://127.0.0.1:6443", "LS0tLS1")


async def test_a_cluster_that_does_not_exist_is_named_with_what_to_check(aws: Aws, aws_world: AwsWorld) -> None:
    with pytest.raises(NotFound) as caught:
        await aws.clusters.cluster(HERE, "web-9")
    assert caught.value.reason == "ClusterNotFound"
    assert all(part in str(caught.value) for part in ("web-9", "us-east-1", "region", "roleARN"))


async def test_a_cluster_of_another_region_is_not_found_here(aws: Aws, aws_world: AwsWorld) -> None:
    with AwsWorld(aws_world.url, region="eu-west-1") as europe:
        EksWorld(europe).create("web-1")
    assert (await aws.clusters.cluster(Account(region="eu-west-1"), "web-1")).name == "web-1"
    with pytest.raises(NotFound):
        await aws.clusters.cluster(HERE, "web-1")


async def test_a_cluster_of_another_account_is_described_with_its_role(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    there = Account(role_arn="arn:aws:iam::222222222222:role/okra")
    credentials = aws_world.client("sts").assume_role(RoleArn=there.role_arn, RoleSessionName="test")["Credentials"]
    with AwsWorld(aws_world.url, credentials=credentials) as other:
        EksWorld(other).create("web-1")
    assert ":222222222222:cluster/web-1" in (await aws.clusters.cluster(there, "web-1")).arn
    assert {call.access_key for call in fault_proxy.calls("DescribeCluster")} != {"testing"}


async def test_a_missing_permission_names_the_action_and_the_cluster(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy
) -> None:
    arn = eks.create("web-1")
    said = f"User: arn:aws:iam::1:user/okra is not authorized to perform: eks:DescribeCluster on resource: {arn}"
    fault_proxy.add(
        Fault(FaultKind.ERROR, "DescribeCluster", times=1, status=403, code="AccessDeniedException", message=said)
    )
    with pytest.raises(AccessDenied) as caught:
        await aws.clusters.cluster(HERE, "web-1")
    assert all(
        part in str(caught.value)
        for part in ("arn:aws:iam::1:user/okra", "eks:DescribeCluster", "web-1", "okra iam-policy")
    )
    assert (await aws.clusters.cluster(HERE, "web-1")).arn == arn, "an error isn't kept"


async def test_an_answer_without_the_cluster_is_no_cluster(
    aws: Aws, eks: EksWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    eks.create("web-1")
    await aws.clusters.cluster(HERE, "web-1")
    client = next(client for key, client in aws._calls._sessions._clients.items() if key[1] == "eks")

    async def nothing(**_: object) -> dict[str, object]:
        return {}

    monkeypatch.setattr(client, "describe_cluster", nothing)
    with pytest.raises(Unavailable, match="other"):
        await aws.clusters.cluster(HERE, "other")


# What it costs


async def test_however_many_look_at_a_cluster_it_is_described_once_in_a_few_seconds(
    aws: Aws, eks: EksWorld, clock: Standing, counted: Counted
) -> None:
    eks.create("web-1")
    for _ in range(2):
        await asyncio.gather(*(aws.clusters.cluster(HERE, "web-1") for _ in range(50)))
    await aws.clusters.cluster(Account(region="us-east-1"), "web-1")
    assert counted.calls == {"DescribeCluster": 1}
    clock.at += SHARED_FOR
    await asyncio.gather(*(aws.clusters.cluster(HERE, "web-1") for _ in range(50)))
    assert counted.calls == {"DescribeCluster": 2}


async def test_many_clusters_are_described_at_a_steady_rate_but_one_that_is_waited_for_at_once(
    aws: Aws, eks: EksWorld, clock: Standing, counted: Counted
) -> None:
    names = [f"web-{number}" for number in range(15)]
    for name in names:
        eks.create(name, status="CREATING" if name == "web-0" else "")
        await aws.clusters.cluster(HERE, name)
    counted.calls.clear()
    for _ in range(6):
        clock.at += SHARED_FOR
        for name in names:
            await aws.clusters.cluster(HERE, name)
    assert counted.calls == {"DescribeCluster": 6 + 14 * 3}, "7.5 s each: every other time"


async def test_reads_of_clusters_and_of_load_balancers_have_budgets_of_their_own(
    aws: Aws, aws_world: AwsWorld, eks: EksWorld
) -> None:
    eks.create("web-1")
    group = aws_world.target_group("g", targets=0)
    for _ in range(16):
        assert aws.wait_estimate(HERE) == 0.0
        await aws.inventory.health(HERE, group)
    assert aws.wait_estimate(HERE) == pytest.approx(1 / 5)
    async with asyncio.timeout(30):  # time stands: who must wait for a token waits for ever
        await aws.clusters.cluster(HERE, "web-1")
        for number in range(15):
            with pytest.raises(NotFound):
                await aws.clusters.cluster(HERE, f"none-{number}")
    assert aws.wait_estimate(HERE) == pytest.approx(1 / 5), "of load balancers only"


# By tags


async def test_clusters_are_found_by_all_of_their_tags(aws: Aws, eks: EksWorld) -> None:
    eks.create("both", tags={**WEB, "env": "prod"})
    eks.create("one", tags=WEB)
    eks.create("other", tags={"role": "api", "env": "prod"})
    eks.create("none")
    assert await names(aws) == ["both", "one"]
    assert await names(aws, {**WEB, "env": "prod"}) == ["both"]
    assert await names(aws, {"role": "batch"}) == []


async def test_without_a_tag_nothing_is_selected(aws: Aws, eks: EksWorld, counted: Counted) -> None:
    with pytest.raises(Invalid, match="at least one"):
        await aws.clusters.clusters(HERE, {})
    assert not counted.calls


async def test_a_deleted_cluster_that_the_tagging_api_still_lists_is_not_found(aws: Aws, eks: EksWorld) -> None:
    eks.create("kept", tags=WEB)
    eks.create("deleted", tags=WEB)
    eks.delete("deleted")
    assert await names(aws) == ["kept"]


async def test_a_cluster_that_the_tagging_api_forgets_for_a_moment_is_not_lost(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing
) -> None:
    eks.create("web-1", tags=WEB)
    assert await names(aws) == ["web-1"]
    eks.untag("web-1", "role")
    assert await names(aws) == ["web-1"], "its description is shared for some seconds"
    eks.tag("web-1", WEB)
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources", times=1))  # answers as before: none
    assert await names(aws) == ["web-1"]
    assert fault_proxy.records[-2].fault == FaultKind.STALE
    eks.delete("web-1")
    clock.at += SHARED_FOR
    assert await names(aws) == []


async def test_a_cluster_that_lost_the_tag_is_left_out_though_the_tagging_api_is_late(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing
) -> None:
    eks.create("web-1", tags={**WEB, "env": "prod"})
    assert await names(aws) == ["web-1"]
    eks.untag("web-1", "role")
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources", times=1))
    for _ in range(2):
        assert await names(aws) == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.ERROR, "GetResources", status=403, code="AccessDeniedException"), AccessDenied),
        (Fault(FaultKind.GARBAGE, "DescribeCluster", where={"name": "b"}), Unavailable),
        (Fault(FaultKind.TOO_MANY_REQUESTS, "DescribeCluster", where={"name": "b"}), Throttled),
    ],
)
@pytest.mark.usefixtures("no_backoff")
async def test_a_look_that_fails_is_an_error_not_a_shorter_list(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing, fault: Fault, expected: type[OkraError]
) -> None:
    for name in ("a", "b"):
        eks.create(name, tags=WEB)
    fault_proxy.add(fault)
    with pytest.raises(expected):
        await aws.clusters.clusters(HERE, WEB)
    fault_proxy.clear()
    clock.at += 60.0  # who was throttled gives way
    assert await names(aws) == ["a", "b"]


async def test_clusters_are_read_from_every_page(aws: Aws, eks: EksWorld, fault_proxy: FaultProxy) -> None:
    for number in range(3):
        eks.create(f"web-{number}", tags={**WEB, **{f"more-{tag}": "x" for tag in range(40)}})
    assert await names(aws) == ["web-0", "web-1", "web-2"]
    assert len(fault_proxy.calls("GetResources")) == 2, "a page holds a hundred tags"


async def test_closing_answers_whoever_waits_for_a_cluster(
    aws_environ: Mapping[str, str], eks: EksWorld, fault_proxy: FaultProxy
) -> None:
    eks.create("web-1")
    fault_proxy.add(Fault(FaultKind.HANG, "DescribeCluster"))
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        looking = asyncio.create_task(aws.clusters.cluster(HERE, "web-1"))
        await fault_proxy.wait_for("DescribeCluster", 1)
    with pytest.raises(Unavailable):
        await looking
