"""Every read under every fault: survived when it passes, and named for what it is when it doesn't.

The world is built once: reading changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from okra.aws.facade import Aws
from okra.aws.sessions import Timeouts
from okra.errors import AccessDenied, NotFound, OkraError, Unavailable
from okra.ports import Account, RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.eks_world import EksWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import MotoServer
from tests.aws.conftest import SLACK, ref_of
from tests.aws.faults import FAULTS, Scene, name_of

pytestmark = pytest.mark.usefixtures("no_backoff")

HERE = Account()


@pytest.fixture(scope="module")
def world(aws_server: MotoServer, world_may_block: None) -> Iterator[AwsWorld]:
    aws_server.reset()
    with AwsWorld(aws_server.url) as built:
        yield built


@pytest.fixture(scope="module")
def routes(world: AwsWorld) -> list[Route]:
    EksWorld(world).create("web-1")
    return [world.route(name=name, replicas=1, targets=0) for name in ("one", "other")]


@pytest.fixture
async def scene(aws: Aws, world: AwsWorld, routes: list[Route], fault_proxy: FaultProxy) -> Scene:
    ref = ref_of(routes[0], by_arn=True)
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading), reading
    fault_proxy.records.clear()
    return Scene(aws, world, fault_proxy, routes[0], ref, reading)


def metric_data(scene: Scene) -> Awaitable[object]:
    metric = {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    return scene.aws.metric_data(HERE, [{"Id": "m", "MetricStat": metric}], 1.7e9, 1.7e9 + 300)


READS: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "DescribeRules": lambda scene: scene.read(scene.ref),
    "DescribeListeners": lambda scene: scene.read(RouteRef(HERE, scene.route.listener_arn)),
    "DescribeTags": lambda scene: scene.aws.router.owner(scene.ref, scene.route.arn),
    "GetResources": lambda scene: scene.aws.inventory.target_groups(HERE),
    "DescribeTargetGroups": lambda scene: scene.aws.inventory.target_groups(HERE),
    "DescribeTargetHealth": lambda scene: scene.aws.inventory.health(HERE, scene.group),
    "GetMetricData": metric_data,
    "DescribeCluster": lambda scene: scene.aws.clusters.cluster(HERE, "web-1"),
}


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_read_that_fails_for_good_says_why(
    scene: Scene, timeouts: Timeouts, operation: str, fault: Fault, expected: type[OkraError]
) -> None:
    scene.proxy.add(replace(fault, operation=operation))
    began = time.monotonic()
    with pytest.raises(OkraError) as caught:
        await READS[operation](scene)
    assert type(caught.value) is expected, caught.value
    assert time.monotonic() - began < timeouts.read_total + SLACK
    # The HTTP client itself sends a GET once more, whose connection broke.
    sends = 2 if operation == "DescribeCluster" and fault.kind is FaultKind.RESET else 1
    assert 1 <= len(scene.proxy.calls(operation)) <= 3 * sends


TRANSIENT = (
    FaultKind.THROTTLE,
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.UNAVAILABLE,
    FaultKind.HTML,
    FaultKind.RESET,
    FaultKind.HANG,
)


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("kind", TRANSIENT)
async def test_a_read_survives_two_faults_in_a_row(scene: Scene, operation: str, kind: FaultKind) -> None:
    scene.proxy.add(Fault(kind, operation, times=2))
    await READS[operation](scene)
    assert len(scene.proxy.calls(operation)) == 3


async def test_a_load_balancer_that_cannot_be_read_fails_the_route_and_not_the_next_read(
    aws: Aws, routes: list[Route], fault_proxy: FaultProxy
) -> None:
    ref = ref_of(routes[0])
    fault_proxy.add(Fault(FaultKind.ERROR, "DescribeLoadBalancers", times=1, status=403, code="AccessDenied"))
    assert isinstance((await aws.router.read([ref]))[ref], AccessDenied)
    assert isinstance((await aws.router.read([ref]))[ref], RouteReading)


async def test_a_default_action_whose_load_balancer_cannot_be_read_is_an_error(
    aws: Aws, routes: list[Route], fault_proxy: FaultProxy
) -> None:
    ref = RouteRef(HERE, routes[0].listener_arn)
    fault_proxy.add(Fault(FaultKind.ERROR, "DescribeLoadBalancers", times=1, status=403, code="AccessDenied"))
    assert isinstance((await aws.router.read([ref]))[ref], AccessDenied)
    assert isinstance((await aws.router.read([ref]))[ref], RouteReading)


async def test_requests_of_a_group_are_unknown_when_cloudwatch_fails(scene: Scene) -> None:
    attached = [group for group in await scene.aws.inventory.target_groups(HERE) if group.load_balancer_arns]
    assert attached
    scene.proxy.add(Fault(FaultKind.UNAVAILABLE, "GetMetricData"))
    assert await scene.aws.inventory.active_flows(HERE, attached[0]) is None


async def test_one_listener_that_fails_does_not_take_the_others_with_it(scene: Scene, routes: list[Route]) -> None:
    refs = [scene.ref, ref_of(routes[1])]
    scene.proxy.add(Fault(FaultKind.UNAVAILABLE, "DescribeRules", where={"RuleArns.member.1": scene.route.arn}))
    results = await scene.aws.router.read(refs)
    assert isinstance(results[refs[0]], Unavailable)
    assert isinstance(results[refs[1]], RouteReading)


async def test_a_target_group_that_is_gone_has_no_health(scene: Scene) -> None:
    gone = scene.world.target_group("gone", targets=0)
    scene.world.delete_target_group(gone)
    with pytest.raises(NotFound) as caught:
        await scene.aws.inventory.health(HERE, gone)
    assert caught.value.reason == "TargetGroupNotFound"
    assert gone in str(caught.value)
