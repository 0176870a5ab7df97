"""AWS answers late whose a route is: for its rate budget, or for being slow. That makes a rollout slow, and no more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.actors.world import QUICK, World, cell, world

pytestmark = pytest.mark.looptime


def wait_before(w: World, seconds: float, *operations: str) -> None:
    """Each such call waits for the rate budget before it is sent."""

    def waiting(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def waits(*arguments: Any) -> Any:
            await asyncio.sleep(seconds)
            return await call(*arguments)

        return waits

    for operation in operations:
        setattr(w.aws, operation, waiting(getattr(w.aws, operation)))


async def test_a_rollout_ends_though_each_answer_of_aws_takes_six_seconds() -> None:
    async with world() as w:
        w.two_versions()
        w.aws.latency = 6.0
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=3600)


@pytest.mark.parametrize("seconds", [9.0, 15.0])
async def test_a_rollout_ends_though_each_read_waits_for_the_rate_budget(seconds: float) -> None:
    async with world() as w:
        w.two_versions()
        wait_before(w, seconds, "read", "owner", "health")
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=3600)


@pytest.mark.parametrize("store", [2.0, 8.0])
async def test_a_rollout_ends_though_reads_wait_for_the_rate_budget_and_the_store_is_slow(store: float) -> None:
    """What was asked for long ago, and sent just now, is fresh."""
    async with world() as w:
        w.two_versions()
        wait_before(w, 15.0, "read", "owner", "health")
        w.store.slow = lambda _operation, name: store if name == "web" else 0.0
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=3600)


@pytest.mark.parametrize("seconds", [120.0, 3600.0])
async def test_a_question_for_the_owner_that_hangs_keeps_a_new_process_from_no_revert(seconds: float) -> None:
    """Its first question is whose the route is."""
    async with world() as w:
        route, _old, new = w.two_versions()
        slow = {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1h"}}
        await w.apply(cell(updateStrategy=slow, propagationDelay="1s"))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(60)
        w.aws.groups[new].healthy = 0
        wait_before(w, seconds, "owner")
        async with w.running():
            await w.when(lambda: not route.weights.get(new), within=60)
