"""Every write under every fault: sent once, the right error, and the truth in AWS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from okra.aws.facade import Aws
from okra.aws.sessions import Timeouts
from okra.errors import Conflict, OkraError, Unavailable
from okra.ports import Account, RequestCondition, RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import SLACK, ref_of
from tests.aws.faults import FAULTS, Scene, name_of

pytestmark = pytest.mark.usefixtures("no_backoff")

OWNER = "okra/default/web"


@pytest.fixture
async def scene(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> Scene:
    route = aws_world.route(replicas=1, targets=0)
    ref = ref_of(route, by_arn=True)
    await aws.warm_up(Account())
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading), reading
    fault_proxy.records.clear()
    return Scene(aws, aws_world, fault_proxy, route, ref, reading)


async def listener_basis(scene: Scene) -> tuple[RouteRef, RouteReading]:
    ref = RouteRef(Account(), scene.route.listener_arn)
    return ref, await scene.read(ref)


async def modify_listener(scene: Scene) -> None:
    ref, basis = await listener_basis(scene)
    await scene.aws.router.write(ref, scene.target, basis)


async def release(scene: Scene) -> None:
    scene.world.tag(scene.route.arn, {"okra.mumoshu.github.io/owner": OWNER})
    await scene.aws.router.release(scene.ref, scene.route.arn, OWNER)


HOST = (RequestCondition("host-header", (("", "shop.example.com"),)),)


async def create_rule(scene: Scene) -> None:
    ref = replace(scene.ref, rule_arn="", priority=77, conditions=HOST)
    _, default = await listener_basis(scene)
    await scene.aws.router.create(ref, OWNER, default, take_over=True)


def everything(scene: Scene) -> tuple[list[dict[str, Any]], object]:
    """The listener's rules, the default one among them, and what they do."""
    arn = scene.route.listener_arn
    return scene.world.elb.describe_rules(ListenerArn=arn)["Rules"], scene.world.actions(arn)


WRITES: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "CreateRule": create_rule,
    "ModifyRule": lambda scene: scene.write(),
    "ModifyListener": modify_listener,
    "AddTags": lambda scene: scene.aws.router.claim(scene.ref, scene.route.arn, OWNER),
    "RemoveTags": release,
}


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_write_that_fails_is_sent_once_in_its_time_and_changes_nothing(
    scene: Scene, timeouts: Timeouts, operation: str, fault: Fault, expected: type[OkraError]
) -> None:
    before = everything(scene)
    scene.proxy.add(replace(fault, operation=operation))
    began = time.monotonic()
    with pytest.raises(OkraError) as caught:
        await WRITES[operation](scene)
    assert type(caught.value) is expected, caught.value
    assert time.monotonic() - began < timeouts.write_total + SLACK
    assert len(scene.proxy.calls(operation)) == 1, "never retried inside"
    assert everything(scene) == before
    assert scene.world.tags(scene.route.arn).get("okra.mumoshu.github.io/owner", "") == (
        OWNER if operation == "RemoveTags" else ""
    )


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET, FaultKind.HANG, FaultKind.UNAVAILABLE, FaultKind.HTML, FaultKind.GARBAGE]
)
async def test_a_write_whose_answer_is_lost_is_unknown_and_was_applied_once(scene: Scene, kind: FaultKind) -> None:
    scene.proxy.add(Fault(kind, "ModifyRule", applied=True))
    with pytest.raises(Unavailable):
        await scene.write()
    assert len(scene.proxy.reached("ModifyRule")) == 1
    await scene.proxy.settled()
    assert scene.world.weights(scene.route.arn) == scene.target


async def test_a_lost_answer_to_a_creation_is_unknown_and_the_next_one_finds_the_rule(scene: Scene) -> None:
    scene.proxy.add(Fault(FaultKind.RESET, "CreateRule", applied=True, times=1))
    with pytest.raises(Unavailable):
        await create_rule(scene)
    with pytest.raises(Conflict):
        await create_rule(scene)
    assert [rule["Priority"] for rule in everything(scene)[0]] == ["10", "77", "default"]


async def test_a_lost_answer_to_a_listeners_write_is_unknown_too(scene: Scene) -> None:
    scene.proxy.add(Fault(FaultKind.RESET, "ModifyListener", applied=True))
    with pytest.raises(Unavailable):
        await modify_listener(scene)
    assert len(scene.proxy.reached("ModifyListener")) == 1
    assert scene.world.weights(scene.route.listener_arn) == scene.target


async def test_a_late_write_is_unknown_and_lands_after_its_error(scene: Scene) -> None:
    before = scene.world.weights(scene.route.arn)
    scene.proxy.add(Fault(FaultKind.LATE, "ModifyRule", seconds=0.5))
    with pytest.raises(Unavailable):
        await scene.write()
    assert scene.world.weights(scene.route.arn) == before
    await scene.proxy.settled()
    assert scene.world.weights(scene.route.arn) == scene.target


async def test_a_write_that_is_slow_but_answered_in_time_succeeds(scene: Scene) -> None:
    scene.proxy.add(Fault(FaultKind.DELAY, "ModifyRule", seconds=0.2))
    await scene.write()
    assert scene.world.weights(scene.route.arn) == scene.target


async def test_a_cancelled_write_ends_at_once_and_may_have_been_applied(scene: Scene) -> None:
    scene.proxy.add(Fault(FaultKind.HANG, "ModifyRule", applied=True))
    write = asyncio.create_task(scene.write())
    await scene.proxy.wait_for("ModifyRule", 1)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    await scene.proxy.settled()
    assert scene.world.weights(scene.route.arn) == scene.target


async def test_a_stale_read_says_when_it_began_not_when_its_data_is_from(scene: Scene) -> None:
    """Eventual consistency can't be seen in one answer: hence the core never confirms on a matching read alone."""
    await scene.write()
    scene.proxy.add(Fault(FaultKind.STALE, "DescribeRules", times=1))
    stale = await scene.read(scene.ref)
    fresh = await scene.read(scene.ref)
    assert stale.weights == scene.basis.weights
    assert fresh.weights == scene.target
    assert stale.began_at > scene.basis.began_at
