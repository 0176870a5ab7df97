"""The one way to call AWS: counted, budgeted, bounded."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from okra.aws.calls import Calls
from okra.aws.facade import Aws, open_aws
from okra.aws.operations import DESCRIBE_TARGET_HEALTH, GET_RESOURCES
from okra.aws.sessions import Timeouts
from okra.errors import Invalid, Throttled, Unavailable
from okra.ports import Account
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, Counted, SystemClock, ref_of

HERE = Account(region="us-east-1")


async def test_every_call_is_counted_with_its_outcome(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy, counted: Counted
) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading)
    fault_proxy.add(Fault(FaultKind.THROTTLE, "ModifyRule", times=1))
    with pytest.raises(Throttled):
        await aws.router.write(ref, reading.weights, reading)
    await aws.router.write(ref, reading.weights, reading, urgent=True)
    assert counted.outcomes == [
        ("elasticloadbalancing:DescribeListeners", "ok"),
        ("elasticloadbalancing:DescribeLoadBalancers", "ok"),
        ("elasticloadbalancing:DescribeRules", "ok"),
        ("elasticloadbalancing:ModifyRule", "Throttled"),
        ("elasticloadbalancing:ModifyRule", "ok"),
    ]


async def test_a_cancelled_call_is_counted_as_such(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy, counted: Counted
) -> None:
    group = aws_world.target_group("g")
    fault_proxy.add(Fault(FaultKind.HANG, "DescribeTargetHealth"))
    call = asyncio.create_task(aws.inventory.health(HERE, group))
    await fault_proxy.wait_for("DescribeTargetHealth", 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert counted.outcomes == [("elasticloadbalancing:DescribeTargetHealth", "cancelled")]


async def test_a_client_that_nobody_waits_for_any_more_before_its_thread_began_leaves_nothing(aws: Aws) -> None:
    free = threading.Event()
    with ThreadPoolExecutor(1) as one:
        asyncio.get_running_loop().set_default_executor(one)
        one.submit(free.wait)
        waiting = asyncio.create_task(aws.warm_up(Account(region="eu-central-1")))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        free.set()
    gc.collect()  # what was never awaited says so now, and a warning is an error


class Frozen(SystemClock):
    """The budget gains nothing, however slow the machine is."""

    def monotonic(self) -> float:
        return 1000.0


@pytest.fixture
async def frozen(aws_environ: Mapping[str, str]) -> AsyncIterator[Aws]:
    async with open_aws(clock=Frozen(), environ=aws_environ, timeouts=TIMEOUTS) as opened:
        yield opened


async def test_the_estimate_says_when_the_budget_of_an_account_and_region_is_short(
    frozen: Aws, aws_world: AwsWorld
) -> None:
    group = aws_world.target_group("g")
    for _ in range(16):
        assert frozen.wait_estimate(HERE) == 0.0
        await frozen.inventory.health(HERE, group)
    assert frozen.wait_estimate(HERE) == pytest.approx(1 / 5)
    assert frozen.wait_estimate(Account()) > 0, "the default region is the same bucket"
    assert frozen.wait_estimate(Account(region="eu-west-1")) == 0.0
    assert frozen.wait_estimate(Account(role_arn="arn:aws:iam::222222222222:role/x")) == 0.0


async def test_ordinary_writes_that_would_wait_are_throttled_while_a_revert_goes(
    frozen: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    reading = (await frozen.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading)
    for urgent in [False] * 6 + [True] * 3:
        await frozen.router.write(ref, reading.weights, reading, urgent=urgent)
    with pytest.raises(Throttled, match=r"2\.7 s"):
        await frozen.router.write(ref, reading.weights, reading)
    assert len(fault_proxy.calls("ModifyRule")) == 9, "what is not allowed is not sent"
    await frozen.router.write(ref, reading.weights, reading, urgent=True)
    assert len(fault_proxy.calls("ModifyRule")) == 10


@pytest.mark.usefixtures("no_backoff")
async def test_the_sdks_retries_are_paid_from_the_budget(
    frozen: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    group = aws_world.target_group("g")
    fault_proxy.add(Fault(FaultKind.RESET, "DescribeTargetHealth", skip=1, every=2))
    fault_proxy.add(Fault(FaultKind.RESET, "DescribeTargetHealth", times=1))
    for _ in range(8):
        await frozen.inventory.health(HERE, group)
    assert len(fault_proxy.calls("DescribeTargetHealth")) == 16
    assert frozen.wait_estimate(HERE) == pytest.approx(1 / 5)


async def test_when_aws_throttles_okra_gives_way(frozen: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    reading = (await frozen.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading)
    fault_proxy.add(Fault(FaultKind.THROTTLE, "ModifyRule", times=1))
    with pytest.raises(Throttled, match="AWS throttles"):
        await frozen.router.write(ref, reading.weights, reading)
    for _ in range(3):
        await frozen.router.write(ref, reading.weights, reading, urgent=True)
    with pytest.raises(Throttled, match="Okra's share"):
        await frozen.router.write(ref, reading.weights, reading)


async def test_getting_ready_counts_as_part_of_a_writes_time(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    """A write that was long in coming is not sent: the lease it relied on may have passed to another."""

    class Leaping(SystemClock):
        leap = 0.0

        def monotonic(self) -> float:
            self.leap += 3.0
            return super().monotonic() + self.leap

    ref = ref_of(aws_world.route())
    async with open_aws(clock=Leaping(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        reading = (await aws.router.read([ref]))[ref]
        assert isinstance(reading, RouteReading)
        with pytest.raises(Unavailable, match="was not sent"):
            await aws.router.write(ref, reading.weights, reading)
    assert not fault_proxy.calls("ModifyRule")


async def test_the_default_limits_are_those_of_the_design() -> None:
    assert Timeouts().write_total == 5.0
    assert Timeouts().read_total <= 20.0


async def test_an_operation_without_pages_is_not_paged(aws_environ: Mapping[str, str]) -> None:
    calls = Calls(aws_environ, TIMEOUTS, SystemClock(), None)
    with pytest.raises(Invalid):
        await calls.all(HERE, DESCRIBE_TARGET_HEALTH)
    await calls.close()


async def test_an_answer_without_its_list_is_not_an_empty_list(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(aws_environ, TIMEOUTS, SystemClock(), None)

    async def nothing(**_: Any) -> dict[str, Any]:
        return {}

    client = await calls._client(HERE, GET_RESOURCES)
    monkeypatch.setattr(client, "get_resources", nothing)
    with pytest.raises(Unavailable, match="ResourceTagMappingList"):
        await calls.all(HERE, GET_RESOURCES)
    await calls.close()
