"""A store that takes no status must not make a Cell blind: what has been raised is watched all the same."""

import asyncio
from typing import Any

import pytest

from okra.errors import OkraError, Unavailable
from tests.actors.world import cell, world

pytestmark = pytest.mark.looptime

LONG: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1h"}},
    "propagationDelay": "1s",
}


def down(operation: str, name: str) -> OkraError | None:
    return Unavailable("the API server doesn't answer")


@pytest.mark.parametrize("after", [0.0, 60.0])
async def test_a_canary_that_fails_while_the_store_is_down_since_its_raise_is_reverted(after: float) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(after)
            w.store.fault = down
            await asyncio.sleep(5)
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=120)


@pytest.mark.parametrize("after", [1.0, 60.0])
async def test_who_took_over_in_mid_rollout_reverts_what_fails_while_the_store_is_down(after: float) -> None:
    """It has written nothing yet, and so not asked whose the route is."""
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.until(lambda s: route.weights.get(new) and s["routes"][0].get("confirmedAt"))
        async with w.running():
            await asyncio.sleep(after)
            w.store.fault = down
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=120)


async def test_a_store_that_hangs_since_a_raise_delays_the_look_at_the_canary_and_does_not_prevent_it() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.store.slow = lambda _operation, name: 3600.0 if name == "web" else 0.0
            await asyncio.sleep(5)
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=180)


async def test_a_store_that_is_down_is_no_reason_to_ask_aws_more_often() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.store.fault = down
            w.forget_calls()
            await asyncio.sleep(600)
            assert 600 / 30 <= w.aws.calls["DescribeTargetHealth"] <= 2 * 600 / 5
            assert route.weights.get(new), "a store that is down says nothing of the app"
