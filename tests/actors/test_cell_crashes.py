"""A defect of ours ends an actor anywhere: the next one goes on from what is in status and in AWS."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from okra.actors.cell_finalizer import FINALIZER
from okra.actors.executor import EffectExecutor
from okra.rollout.effects import Effect
from tests.actors.world import World, cell, check, world

pytestmark = pytest.mark.looptime

SHORT: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1s"}},
    "propagationDelay": "0s",
}


class Defect(Exception):
    """Nothing that Okra knows."""


class Tripwire:
    """Raises at one moment, once; counts them all."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.passed = at, 0

    def hit(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Defect(f"at moment {self.at}")


class Tripping:
    """A port with a tripwire before and after each call."""

    def __init__(self, real: Any, wire: Tripwire) -> None:
        self._real, self._wire = real, wire

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._tripping(found) if inspect.iscoroutinefunction(found) else found

    def _tripping(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def tripping(*args: Any, **options: Any) -> Any:
            self._wire.hit()
            result = await call(*args, **options)
            self._wire.hit()
            return result

        return tripping


class TrippingExecutor:
    def __init__(self, real: EffectExecutor, wire: Tripwire) -> None:
        self._real, self._wire = real, wire

    async def execute(self, effect: Effect) -> bool:
        self._wire.hit()
        result = await self._real.execute(effect)
        self._wire.hit()
        return result


async def roll_out(w: World, wire: Tripwire) -> None:
    """Two steps with a check, to the end; whatever happened, no step was skipped and nothing is left over."""
    route, old, new = w.two_versions()
    w.options |= {"wrap": lambda real: TrippingExecutor(real, wire)}
    ports = {"store": Tripping(w.store, wire), "router": Tripping(w.aws, wire), "inventory": Tripping(w.aws, wire)}
    await w.apply(cell(checks=[check("dd", interval="1s")], **SHORT))
    async with w.running(**ports):
        await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)
        await w.when(lambda: "web" in w.rests and w.rests["web"] == "Synced", within=300)
    shares = [weights.get(new, 0) / sum(weights.values()) for weights in route.history]
    assert [share for share, before in zip(shares, [None, *shares], strict=False) if share != before] == [0, 0.5, 1]
    assert route.weights == {old: 0, new: 1}
    assert FINALIZER not in (await w.get())["metadata"].get("finalizers", ())


PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_crash_at_any_moment_skips_no_step(part: int) -> None:
    at, wire = 1 + part, Tripwire()
    while wire.passed >= wire.at:
        async with world() as w:
            wire = Tripwire(at)
            await roll_out(w, wire)
        at += PARTS
    assert at > 100, "the rollout has many moments"


async def test_a_crash_at_a_moment_is_survived_by_one_actor_only() -> None:
    """The tripwire is what these tests think it is: an actor crashed, was started again, and said nothing of a loop."""
    failures, at = 0, 40
    while not failures:  # another moment where this one is the journal's, which isn't supervised by name
        async with world() as w:
            await roll_out(w, Tripwire(at))
            assert "ActorCrashLoop" not in w.reasons()
            failures, at = [each["event"] for each in w.logs].count("ActorFailed"), at + 1
    assert failures == 1
