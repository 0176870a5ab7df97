"""From the first group of a new version on a route until the rollout ends, a Cell can't just vanish."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell_finalizer import FINALIZER
from okra.errors import AccessDenied, OkraError
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


async def test_a_finalizer_that_may_not_be_set_is_said_once_holds_the_rollout_back_and_crashes_nobody() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        denied = AccessDenied("Okra may not patch cells")

        def refused(operation: str, name: str) -> OkraError | None:
            return denied if operation == "patch" else None

        w.store.fault = refused
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.when(lambda: "FinalizerNotWritten" in w.reasons())
            await asyncio.sleep(60)
            assert w.reasons().count("FinalizerNotWritten") == 1
            assert new not in route.weights
            w.store.fault = lambda _operation, _name: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=3600)
        assert not {"ActorFailed", "ActorCrashLoop"} & set(w.reasons())
