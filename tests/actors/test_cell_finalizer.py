"""From the first group of a new version on a route until the rollout ends, a Cell can't just vanish."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.executor import FINALIZER
from tests.actors.world import cell, world

pytestmark = pytest.mark.looptime

SLOW: dict[str, Any] = {
    "updateStrategy": {"canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "10m"}},
    "propagationDelay": "1s",
}


async def test_a_rollout_that_is_adopted_in_mid_way_has_its_finalizer_before_any_write() -> None:
    async with world() as w:
        old, new = w.group("1.0.0"), w.group("1.1.0")
        route = w.route({old: 1, new: 1})
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.until(lambda s: s.get("rollout"))
            await w.when(lambda: w.store.writes["patch", "Cell"], within=1)
            assert FINALIZER in (await w.get())["metadata"]["finalizers"]
            assert not route.history
            await w.delete("web")
            await w.gone("web", within=120)
            assert route.weights[old] > 0
            assert not route.weights.get(new)


async def test_a_rollout_that_has_attached_nothing_yet_has_no_finalizer() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.until(lambda s: s.get("machine") == "Gate")
            await asyncio.sleep(5)
            assert not route.history
            assert "finalizers" not in (await w.get())["metadata"]
            await w.delete("web")
            await w.gone("web", within=10)
