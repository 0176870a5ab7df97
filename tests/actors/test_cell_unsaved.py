"""A verdict that the store hasn't taken yet: what its actor doesn't survive, and what others write meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.executor import EffectExecutor
from okra.errors import Unavailable
from okra.rollout.effects import Effect, SetWeights
from tests.actors.doubles import no_fault
from tests.actors.world import QUICK, World, cell, check, world

pytestmark = pytest.mark.looptime


class Crashing:
    """Fails right after the write of a revert, once for all `crashes`."""

    def __init__(self, real: EffectExecutor, crashes: list[Effect]) -> None:
        self._real, self._crashes = real, crashes

    async def execute(self, effect: Effect) -> bool:
        done = await self._real.execute(effect)
        if isinstance(effect, SetWeights) and effect.urgent and not self._crashes:
            self._crashes.append(effect)
            raise ValueError("a defect")
        return done


@asynccontextmanager
async def reverted(**options: Any) -> AsyncIterator[World]:
    """A check failed while the store was away, which it still is; AWS has the revert."""
    async with world() as w:
        route, _old, new = w.two_versions()

        def fails(_query: str, _window: object) -> float:
            w.store.fault = lambda _operation, _name: Unavailable("the API server doesn't answer")
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running(**options):
            await w.when(lambda: route.weights.get(new))
            await w.when(lambda: not route.weights[new], within=30)
            w.metrics.answer = lambda _query, _window: 0.0
            yield w
        assert [weights.get(new, 0) for weights in route.history] == [0, 1, 0]


async def assert_failed(w: World, *blocked: str) -> None:
    status = await w.phase("Failed", within=300)
    assert [each["version"] for each in status["blockedVersions"]] == [*blocked, "1.1.0"]
    assert (status["reason"], status["rollouts"]) == ("RolledBack", 1)


async def test_an_actor_that_crashes_with_an_unsaved_verdict_does_not_take_it_along() -> None:
    crashes: list[Effect] = []
    async with reverted(wrap=lambda real: Crashing(real, crashes)) as w:
        await asyncio.sleep(60)
        assert len(crashes) == 1
        assert (await w.status())["phase"] == "Syncing"
        w.store.fault = no_fault
        await assert_failed(w)


async def test_a_status_that_somebody_else_writes_meanwhile_does_not_undo_an_unsaved_verdict() -> None:
    async with reverted() as w:
        block = {"version": "0.9.0", "reason": "by hand", "time": "2023-11-14T22:00:00Z"}
        await w.store.real.patch_status(CELL, "default", "web", {"blockedVersions": [block]})
        await asyncio.sleep(60)
        w.store.fault = no_fault
        await assert_failed(w, "0.9.0")
