"""What a Cell says, as people see it: each thing once, and nothing that didn't happen."""

import asyncio

import pytest

from okra.actors.executor import EffectExecutor
from okra.rollout.effects import Effect, SetWeights
from tests.actors.world import QUICK, cell, check, world

pytestmark = pytest.mark.looptime


async def test_what_was_recorded_is_told_though_its_write_may_not_be_made() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        lost = asyncio.Event()

        class Losing:
            def __init__(self, real: EffectExecutor) -> None:
                self._real = real

            async def execute(self, effect: Effect) -> bool:
                if isinstance(effect, SetWeights) and effect.urgent and not lost.is_set():
                    w.gate.open = False
                    lost.set()
                return await self._real.execute(effect)

        await w.apply(cell(**QUICK))
        async with w.running(wrap=Losing):
            await w.when(lambda: route.weights.get(new))
            await w.command("web", '{"id": "1", "verb": "abort", "by": "ann"}')
            await lost.wait()
            await asyncio.sleep(5)
            assert [w.reasons().count(reason) for reason in ("Command", "Aborted", "Reverting")] == [1, 1, 0]
            w.gate.open = True
            await w.phase("Failed", within=300)
        assert [w.reasons().count(reason) for reason in ("Command", "Aborted", "Reverting")] == [1, 1, 1]
        assert not route.weights.get(new)


@pytest.mark.parametrize("value", [0.5, None])
async def test_a_check_that_failed_or_cannot_tell_is_told_once(value: float | None) -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda _query, _window: value
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("phase") in ("Failed", "Paused"), within=7200)
            await asyncio.sleep(100)
        told = [event for event in w.events if event.name == "web" and "dd" in event.message]
        if status["phase"] == "Failed":
            assert [event.reason for event in told] == ["CheckFailed"]
        else:
            assert {event.reason for event in told} == {"CheckInconclusive", "Inconclusive"}
