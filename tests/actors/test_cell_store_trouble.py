"""The store says no, nothing, or too late: safety goes first, and status catches up."""

import asyncio

import pytest

from okra.actors.cell import CELL
from okra.errors import OkraError, Unavailable
from tests.actors.world import QUICK, cell, check, world

pytestmark = pytest.mark.looptime

DOWN = Unavailable("the API server doesn't answer")


def down(operation: str, name: str) -> OkraError | None:
    return DOWN


async def test_a_label_that_somebody_sets_in_mid_rollout_costs_a_reread_and_nothing_else() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            for number in range(40):
                await w.patch("web", {"metadata": {"labels": {"touched": str(number)}}})
                await asyncio.sleep(0.7)
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert [weights.get(new, 0) / sum(weights.values()) for weights in route.history] == [0, 0.5, 1]
        assert status["phase"] == "Synced"
        assert (await w.get())["metadata"]["labels"] == {"touched": "39"}


async def test_a_status_that_somebody_else_wrote_is_read_again_before_the_next_write() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.store.watch_lag = 0.1  # what the watch tells is always late: the write itself must find out
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            block = {"version": "0.9.0", "reason": "by hand", "time": "2023-11-14T22:00:00Z"}
            await w.store.real.patch_status(CELL, "default", "web", {"blockedVersions": [block]})
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert [each["version"] for each in status["blockedVersions"]] == ["0.9.0"]


async def test_a_store_that_is_down_does_not_hold_up_a_revert() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        failed: list[float] = []

        def fails(_query: str, _window: object) -> float:
            w.store.fault = down
            failed.append(w.clock.now())
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: failed)
            await w.when(lambda: route.weights.get(new, 0) == 0, within=1)
            assert route.weights[old] > 0
            await asyncio.sleep(60)
            assert (await w.status())["phase"] == "Syncing", "nothing could be written"
            w.store.fault = lambda _operation, _name: None
            status = await w.phase("Failed", within=120)
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]
            assert route.weights.get(new, 0) == 0


@pytest.mark.parametrize("names", [{"web"}, {"web", "web-dd"}], ids=["for the Cell", "also for its Check"])
async def test_a_store_that_hangs_holds_up_a_revert_by_one_second(names: set[str]) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        failed: list[float] = []

        def fails(_query: str, _window: object) -> float:
            if not failed:
                w.store.slow = lambda operation, name: 3600.0 if name in names else 0.0
            failed.append(w.clock.now())
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: failed)
            await w.when(lambda: route.weights.get(new, 0) == 0, within=3)
            assert w.clock.now() - failed[0] == pytest.approx(1.0, abs=0.2)
            w.store.slow = lambda _operation, _name: 0.0
            status = await w.phase("Failed", within=300)
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]


async def test_without_a_valid_lease_a_revert_does_not_go_before_the_store() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        failed: list[float] = []

        def fails(_query: str, _window: object) -> float:
            w.store.fault, w.gate.open = down, False
            failed.append(w.clock.now())
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: failed)
            held = dict(route.weights)
            await asyncio.sleep(60)
            assert route.weights == held
            w.store.fault, w.gate.open = (lambda _operation, _name: None), True
            await w.when(lambda: route.weights.get(new, 0) == 0, within=30)


async def test_nothing_is_raised_while_the_store_is_down() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.store.fault = down
            await asyncio.sleep(600)
            assert route.weights == {old: 1, new: 1}
            w.store.fault = lambda _operation, _name: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)


@pytest.mark.parametrize("seconds", [0.5, 12.0, 40.0])
async def test_a_slow_store_makes_a_rollout_slow_and_changes_nothing_else(seconds: float) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            slow = w.clock.now() + 60
            w.store.slow = lambda operation, name: seconds if w.clock.now() < slow else 0.0
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        shares = [weights.get(new, 0) / sum(weights.values()) for weights in route.history]
        assert [share for share, before in zip(shares, [None, *shares], strict=False) if share != before] == [0, 0.5, 1]


async def test_a_store_that_is_down_at_the_start_is_waited_for() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        w.store.fault = down
        async with w.running():
            await asyncio.sleep(300)
            w.store.fault = lambda _operation, _name: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
