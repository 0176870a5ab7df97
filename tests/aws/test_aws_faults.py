"""Every operation under every fault: the right error, no duplicate write, nothing beyond its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from okra.aws.facade import Aws
from okra.errors import AccessDenied, CredentialsInvalid, NotFound, OkraError, Refused, Throttled, Unavailable
from okra.ports import Account, RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, ref_of

OWNER = "okra/default/web"


pytestmark = pytest.mark.usefixtures("no_backoff")


@dataclass
class Scene:
    aws: Aws
    world: AwsWorld
    proxy: FaultProxy
    route: Route
    ref: RouteRef
    basis: RouteReading

    @property
    def group(self) -> str:
        return self.route.groups["1.0.0"][0]

    async def read(self, ref: RouteRef) -> None:
        result = (await self.aws.router.read([ref]))[ref]
        if isinstance(result, OkraError):
            raise result


@pytest.fixture
async def scene(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> Scene:
    route = aws_world.route(replicas=1, targets=0)
    ref = ref_of(route, by_arn=True)
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading)
    await aws.inventory.target_groups(Account())
    fault_proxy.records.clear()
    return Scene(aws, aws_world, fault_proxy, route, ref, reading)


Use = Callable[[Scene], Awaitable[object]]


def metric_data(scene: Scene) -> Awaitable[object]:
    metric = {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    return scene.aws.metric_data(Account(), [{"Id": "m", "MetricStat": metric}], 1.7e9, 1.7e9 + 300)


READS: dict[str, Use] = {
    "DescribeRules": lambda scene: scene.read(scene.ref),
    "DescribeListeners": lambda scene: scene.read(RouteRef(Account(), scene.route.listener_arn)),
    "DescribeTags": lambda scene: scene.aws.router.owner(scene.ref, scene.route.arn),
    "GetResources": lambda scene: scene.aws.inventory.target_groups(Account()),
    "DescribeTargetGroups": lambda scene: scene.aws.inventory.target_groups(Account()),
    "DescribeTargetHealth": lambda scene: scene.aws.inventory.health(Account(), scene.group),
    "GetMetricData": metric_data,
}


def to_the_new(scene: Scene) -> dict[str, int]:
    return dict.fromkeys(scene.route.groups["1.0.0"], 9) | dict.fromkeys(scene.route.groups["1.1.0"], 1)


WRITES: dict[str, Use] = {
    "ModifyRule": lambda scene: scene.aws.router.write(scene.ref, to_the_new(scene), scene.basis),
    "AddTags": lambda scene: scene.aws.router.claim(scene.ref, scene.route.arn, OWNER),
}

FAULTS: list[tuple[Fault, type[OkraError]]] = [
    (Fault(FaultKind.THROTTLE), Throttled),
    (Fault(FaultKind.TOO_MANY_REQUESTS), Throttled),
    (Fault(FaultKind.UNAVAILABLE), Unavailable),
    (Fault(FaultKind.HTML), Unavailable),
    (Fault(FaultKind.GARBAGE), Unavailable),
    (Fault(FaultKind.RESET), Unavailable),
    (Fault(FaultKind.HANG), Unavailable),
    (Fault(FaultKind.ERROR, status=403, code="AccessDenied", message="not authorized"), AccessDenied),
    (Fault(FaultKind.ERROR, status=403, code="ExpiredToken", message="expired"), CredentialsInvalid),
    (Fault(FaultKind.ERROR, status=400, code="SomethingNew", message="no"), Refused),
    (Fault(FaultKind.ERROR, status=500, code="SomethingNew", message="no"), Unavailable),
]


def only(fault: Fault, operation: str, **changes: object) -> Fault:
    return replace(fault, operation=operation, **changes)


def name_of(value: object) -> str | None:
    match value:
        case Fault(kind=FaultKind.ERROR):
            return f"{value.status}-{value.code}"
        case Fault():
            return f"{value.kind}{'-applied' if value.applied else ''}"
        case type():
            return value.__name__
        case _:
            return None


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_read_that_fails_for_good_says_why(
    scene: Scene, operation: str, fault: Fault, expected: type[OkraError]
) -> None:
    scene.proxy.add(only(fault, operation))
    began = time.monotonic()
    with pytest.raises(OkraError) as caught:
        await READS[operation](scene)
    assert type(caught.value) is expected, caught.value
    assert time.monotonic() - began < TIMEOUTS.read_total + 1
    assert 1 <= len(scene.proxy.calls(operation)) <= 3


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.THROTTLE,
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.UNAVAILABLE,
        FaultKind.HTML,
        FaultKind.RESET,
        FaultKind.HANG,
    ],
)
async def test_a_read_survives_two_faults_in_a_row(scene: Scene, operation: str, kind: FaultKind) -> None:
    scene.proxy.add(Fault(kind, operation, times=2))
    await READS[operation](scene)
    assert len(scene.proxy.calls(operation)) == 3


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_write_that_fails_is_sent_once_and_changes_nothing(
    scene: Scene, operation: str, fault: Fault, expected: type[OkraError]
) -> None:
    before = scene.world.weights(scene.route.arn), scene.world.tags(scene.route.arn)
    scene.proxy.add(only(fault, operation))
    began = time.monotonic()
    with pytest.raises(OkraError) as caught:
        await WRITES[operation](scene)
    assert type(caught.value) is expected, caught.value
    assert time.monotonic() - began < TIMEOUTS.write_total + 0.5
    assert len(scene.proxy.calls(operation)) == 1, "never retried inside"
    assert (scene.world.weights(scene.route.arn), scene.world.tags(scene.route.arn)) == before


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET, FaultKind.HANG, FaultKind.UNAVAILABLE, FaultKind.HTML, FaultKind.GARBAGE]
)
async def test_a_write_whose_answer_is_lost_is_unknown_and_was_applied_once(scene: Scene, kind: FaultKind) -> None:
    scene.proxy.add(Fault(kind, "ModifyRule", applied=True))
    with pytest.raises(Unavailable):
        await WRITES["ModifyRule"](scene)
    assert len(scene.proxy.reached("ModifyRule")) == 1
    assert scene.world.weights(scene.route.arn) == to_the_new(scene)


async def test_a_late_write_is_unknown_and_lands_after_its_error(scene: Scene) -> None:
    before = scene.world.weights(scene.route.arn)
    scene.proxy.add(Fault(FaultKind.LATE, "ModifyRule", seconds=0.2))
    with pytest.raises(Unavailable):
        await WRITES["ModifyRule"](scene)
    assert scene.world.weights(scene.route.arn) == before
    await scene.proxy.settled()
    assert scene.world.weights(scene.route.arn) == to_the_new(scene)


async def test_a_write_to_a_listener_behaves_as_one_to_a_rule(scene: Scene) -> None:
    ref = RouteRef(Account(), scene.route.listener_arn)
    basis = (await scene.aws.router.read([ref]))[ref]
    assert isinstance(basis, RouteReading)
    scene.proxy.add(Fault(FaultKind.RESET, "ModifyListener", applied=True))
    with pytest.raises(Unavailable):
        await scene.aws.router.write(ref, to_the_new(scene), basis)
    assert len(scene.proxy.reached("ModifyListener")) == 1
    assert scene.world.weights(ref.listener_arn) == to_the_new(scene)


async def test_releasing_a_route_is_sent_once(scene: Scene) -> None:
    await scene.aws.router.claim(scene.ref, scene.route.arn, OWNER)
    scene.proxy.add(Fault(FaultKind.HANG, "RemoveTags"))
    with pytest.raises(Unavailable):
        await scene.aws.router.release(scene.ref, scene.route.arn, OWNER)
    assert len(scene.proxy.calls("RemoveTags")) == 1


async def test_a_stale_read_says_when_it_began_not_when_its_data_is_from(scene: Scene) -> None:
    """Eventual consistency can't be seen in one answer: hence the core never confirms on a matching read alone."""
    await scene.read(scene.ref)
    await WRITES["ModifyRule"](scene)
    scene.proxy.add(Fault(FaultKind.STALE, "DescribeRules", times=1))
    stale = (await scene.aws.router.read([scene.ref]))[scene.ref]
    fresh = (await scene.aws.router.read([scene.ref]))[scene.ref]
    assert isinstance(stale, RouteReading)
    assert isinstance(fresh, RouteReading)
    assert stale.weights == scene.basis.weights
    assert fresh.weights == to_the_new(scene)
    assert stale.began_at > scene.basis.began_at


async def test_a_load_balancer_that_cannot_be_read_fails_the_route_and_not_the_next_read(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    fault_proxy.add(Fault(FaultKind.ERROR, "DescribeLoadBalancers", times=1, status=403, code="AccessDenied"))
    assert isinstance((await aws.router.read([ref]))[ref], AccessDenied)
    assert isinstance((await aws.router.read([ref]))[ref], RouteReading)


async def test_requests_of_a_group_are_unknown_when_cloudwatch_fails(scene: Scene) -> None:
    (group, *_) = await scene.aws.inventory.target_groups(Account())
    scene.proxy.add(Fault(FaultKind.UNAVAILABLE, "GetMetricData"))
    assert await scene.aws.inventory.active_flows(Account(), group) is None


async def test_one_listener_that_fails_does_not_take_the_others_with_it(scene: Scene) -> None:
    other = scene.world.route(name="other")
    refs = [scene.ref, ref_of(other)]
    scene.proxy.add(Fault(FaultKind.UNAVAILABLE, "DescribeRules", where={"RuleArns.member.1": scene.route.arn}))
    results = await scene.aws.router.read(refs)
    assert isinstance(results[refs[0]], Unavailable)
    assert isinstance(results[refs[1]], RouteReading)


async def test_a_cancelled_write_ends_at_once_and_may_have_been_applied(scene: Scene) -> None:
    scene.proxy.add(Fault(FaultKind.HANG, "ModifyRule", applied=True))
    write = asyncio.ensure_future(WRITES["ModifyRule"](scene))
    await scene.proxy.wait_for("ModifyRule", 1)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    await scene.proxy.settled()
    assert scene.world.weights(scene.route.arn) == to_the_new(scene)


async def test_a_target_group_that_is_gone_has_no_health(scene: Scene) -> None:
    gone = scene.world.target_group("gone")
    scene.world.delete_target_group(gone)
    with pytest.raises(NotFound) as caught:
        await scene.aws.inventory.health(Account(), gone)
    assert caught.value.reason == "TargetGroupNotFound"
    assert gone in str(caught.value)
