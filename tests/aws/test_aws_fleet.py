"""All EKS clusters of an account and region, and what finding them costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from okra.aws.facade import Aws, open_aws
from okra.aws.fleet import SHARED_FOR
from okra.errors import AccessDenied, OkraError, Throttled, Unavailable
from okra.ports import Account
from okra.ports_clusters import FoundCluster
from okra.testing.aws_world import AwsWorld
from okra.testing.eks_world import EksWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, Counted, SystemClock
from tests.aws.test_aws_eks import Standing

HERE = Account()
WEB = {"role": "web"}


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


async def names(aws: Aws) -> list[str]:
    return [cluster.name for cluster in await aws.clusters.fleet(HERE)]


async def test_every_cluster_that_has_tags_is_found_with_them(aws: Aws, eks: EksWorld) -> None:
    arn = eks.create("web-1", tags=WEB)
    eks.create("api-1", tags={"role": "api"}, status="CREATING")
    eks.create("untagged")
    assert await aws.clusters.fleet(HERE) == (
        FoundCluster("api-1", arn.replace("web-1", "api-1"), {"role": "api"}),
        FoundCluster("web-1", arn, WEB),
    )


async def test_at_rest_no_cluster_is_described_and_all_who_ask_share_two_listings(
    aws: Aws, eks: EksWorld, clock: Standing, counted: Counted
) -> None:
    for number in range(3):
        eks.create(f"web-{number}", tags=WEB)
    for _ in range(2):
        await asyncio.gather(*(names(aws) for _ in range(100)))
    await aws.clusters.fleet(Account(region="us-east-1"))
    assert counted.calls == {"GetResources": 1, "ListClusters": 1}
    clock.at += SHARED_FOR
    await names(aws)
    assert counted.calls == {"GetResources": 2, "ListClusters": 2}


async def test_every_page_of_both_listings_is_read(aws: Aws, eks: EksWorld, fault_proxy: FaultProxy) -> None:
    for number in range(101):
        eks.create(f"web-{number:03}", tags=WEB)
    assert len(await names(aws)) == 101
    assert (len(fault_proxy.calls("ListClusters")), len(fault_proxy.calls("GetResources"))) == (2, 2)
    assert fault_proxy.calls("ListClusters")[0].parameters == {"maxResults": "100"}


async def test_a_deleted_cluster_that_the_tagging_api_still_lists_is_asked_about_once(
    aws: Aws, eks: EksWorld, clock: Standing, counted: Counted
) -> None:
    eks.create("kept", tags=WEB)
    eks.create("deleted", tags=WEB)
    assert await names(aws) == ["deleted", "kept"]
    eks.delete("deleted")
    for _ in range(3):
        clock.at += SHARED_FOR
        assert await names(aws) == ["kept"]
    assert counted.calls["DescribeCluster"] == 1


async def test_a_cluster_made_anew_under_its_name_is_found_again(aws: Aws, eks: EksWorld, clock: Standing) -> None:
    eks.create("web-1", tags=WEB)
    eks.delete("web-1")
    assert await names(aws) == []
    eks.create("web-1", tags=WEB)
    clock.at += SHARED_FOR
    assert await names(aws) == ["web-1"]


async def test_a_cluster_that_the_tagging_api_forgets_for_a_moment_is_not_lost(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing
) -> None:
    """It shows again what it showed in a look that didn't end."""
    eks.create("web-1", tags=WEB)
    assert await names(aws) == ["web-1"]
    eks.untag("web-1", "role")
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.ERROR, "ListClusters", status=403, code="AccessDeniedException", times=1))
    with pytest.raises(AccessDenied):
        await names(aws)
    eks.tag("web-1", WEB)
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources", times=1))
    assert await names(aws) == ["web-1"]
    assert "stale" in [record.fault for record in fault_proxy.records]


async def test_one_that_the_tagging_api_never_showed_is_described_and_one_without_tags_once(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing, counted: Counted
) -> None:
    """As after a start: nothing is known of what there was, and a set would take it for a cluster that is gone."""
    assert await names(aws) == []
    eks.create("web-1", tags=WEB)
    eks.create("untagged")
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources", times=1))
    assert await names(aws) == ["web-1"]
    assert "stale" in [record.fault for record in fault_proxy.records]
    for _ in range(3):
        clock.at += SHARED_FOR
        assert await names(aws) == ["web-1"]
    assert counted.calls["DescribeCluster"] == 2


async def test_a_cluster_that_lost_its_last_tag_is_asked_about_once(
    aws: Aws, eks: EksWorld, clock: Standing, counted: Counted
) -> None:
    eks.create("web-1", tags=WEB)
    assert await names(aws) == ["web-1"]
    eks.untag("web-1", "role")
    for _ in range(3):
        clock.at += SHARED_FOR
        assert await names(aws) == []
    assert counted.calls["DescribeCluster"] == 1


async def test_a_cluster_that_eks_leaves_out_of_a_page_is_described_before_it_counts_as_gone(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing
) -> None:
    assert await names(aws) == []
    eks.create("web-1", tags=WEB)
    clock.at += SHARED_FOR
    fault_proxy.add(Fault(FaultKind.STALE, "ListClusters", times=1))
    assert await names(aws) == ["web-1"]


FAULTS = [
    (Fault(FaultKind.ERROR, "GetResources", status=403, code="AccessDeniedException"), AccessDenied),
    (Fault(FaultKind.ERROR, "ListClusters", status=403, code="AccessDeniedException"), AccessDenied),
    (Fault(FaultKind.GARBAGE, "ListClusters"), Unavailable),
    (Fault(FaultKind.GARBAGE, "GetResources"), Unavailable),
    (Fault(FaultKind.UNAVAILABLE, "ListClusters"), Unavailable),
    (Fault(FaultKind.TOO_MANY_REQUESTS, "ListClusters"), Throttled),
    (Fault(FaultKind.RESET, "ListClusters"), Unavailable),
    (Fault(FaultKind.UNAVAILABLE, "ListClusters", skip=1), Unavailable),
    (Fault(FaultKind.UNAVAILABLE, "GetResources", skip=1), Unavailable),
    (Fault(FaultKind.UNAVAILABLE, "DescribeCluster"), Unavailable),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
@pytest.mark.usefixtures("no_backoff")
async def test_a_listing_that_fails_in_part_is_an_error_and_no_shorter_list(
    aws: Aws, eks: EksWorld, fault_proxy: FaultProxy, clock: Standing, fault: Fault, expected: type[OkraError]
) -> None:
    for number in range(102):
        eks.create(f"web-{number:03}", tags=WEB)
    eks.delete("web-000")  # the tagging API lists it still: it is described
    fault_proxy.add(fault)
    with pytest.raises(expected):
        await names(aws)
    fault_proxy.clear()
    clock.at += 60.0  # who was throttled gives way
    assert len(await names(aws)) == 101


async def test_closing_answers_whoever_waits_for_the_clusters(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    fault_proxy.add(Fault(FaultKind.HANG, "GetResources"))
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        looking = asyncio.create_task(names(aws))
        await fault_proxy.wait_for("GetResources", 1)
    with pytest.raises(Unavailable):
        await looking
