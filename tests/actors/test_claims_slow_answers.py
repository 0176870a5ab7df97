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
