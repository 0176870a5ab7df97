"""A store that refuses a status for long is asked ever more seldom, and the log says why once; safety never waits."""

import asyncio
import itertools
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.errors import AccessDenied, Invalid, OkraError, Unavailable
from tests.actors.doubles import no_fault
from tests.actors.test_cell_crashes import TrippingExecutor, Tripwire
from tests.actors.world import QUICK, World, cell, check, world

pytestmark = pytest.mark.looptime

LONG: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "5m"}},
    "propagationDelay": "1s",
}
POLL = 10.0
REFUSALS = [AccessDenied("Okra may not patch cells/status"), Invalid("too long"), Unavailable("HTTP 503")]
NAMES = ["403", "422", "503"]


def refuse(w: World, error: OkraError, *operations: str) -> None:
    w.store.fault = lambda operation, name: error if operation in operations and name == "web" else None


def said(w: World, error: OkraError) -> list[Any]:
    return [line for line in w.logs if str(error) in str(line.get("error", ""))]


@pytest.mark.parametrize("error", REFUSALS, ids=NAMES)
async def test_a_status_that_is_refused_is_tried_ever_more_seldom_and_said_once(error: OkraError) -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            refuse(w, error, "patch_status")
            w.forget_calls()
            await asyncio.sleep(600)
            assert 600 / 30 <= w.store.calls["patch_status", "Cell"] <= 600 / 15 + 10
            assert len(said(w, error)) == 1
            assert route.weights == {old: 1, new: 1}
            w.store.fault = no_fault
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=1200)


@pytest.mark.parametrize("error", REFUSALS, ids=NAMES)
async def test_an_unhealthy_canary_is_noticed_and_reverted_as_soon_under_a_store_that_long_refused(
    error: OkraError,
) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            refuse(w, error, "patch_status")
            await asyncio.sleep(600)
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=3 * POLL + 2)


async def test_a_failed_check_is_reverted_at_once_under_a_store_that_long_refused() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        failed: list[float] = []

        def measures_long_and_fails(_query: str, _window: object) -> float:
            failed.append(w.clock.now())
            return 0.5

        w.metrics.answer = measures_long_and_fails
        w.metrics.latency = 300.0
        await w.apply(cell(checks=[check("dd")], **LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(5)
            refuse(w, REFUSALS[0], "patch_status")
            await w.when(lambda: failed)
            await w.when(lambda: not route.weights.get(new), within=1)


async def test_a_person_who_aborts_is_obeyed_at_once_under_a_store_that_long_refused() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            refuse(w, REFUSALS[2], "patch_status")
            await asyncio.sleep(600)
            await w.command("web", '{"id": "1", "verb": "abort"}')
            await w.when(lambda: not route.weights.get(new), within=2)


async def test_a_revert_that_the_store_does_not_take_is_caught_up_with_ever_more_seldom() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            refuse(w, REFUSALS[1], "patch_status")
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=60)
            w.forget_calls()
            await asyncio.sleep(600)
            assert 600 / 30 <= w.store.calls["patch_status", "Cell"] <= 600 / 15 + 10
            assert len(said(w, REFUSALS[1])) == 1
            w.store.fault = no_fault
            await w.phase("Failed", within=35)


async def test_a_new_version_of_the_object_is_tried_at_once() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.until(lambda s: s.get("rollout"))
            refuse(w, REFUSALS[1], "patch_status")
            await asyncio.sleep(600)
            w.store.fault = no_fault
            w.store.writes.clear()
            await w.patch("web", {"metadata": {"labels": {"mended": "yes"}}})
            await w.when(lambda: w.store.writes["patch_status", "Cell"], within=1)


async def test_a_finalizer_that_is_refused_costs_few_status_writes() -> None:
    async with world() as w:
        w.two_versions()
        refuse(w, REFUSALS[0], "patch")
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: "FinalizerNotWritten" in w.reasons())
            w.forget_calls()
            await asyncio.sleep(600)
            assert w.store.calls["patch", "Cell"] <= 600 / 15 + 10
            assert w.store.calls["patch_status", "Cell"] <= 2 * (600 / 15 + 10)
            assert len(said(w, REFUSALS[0])) <= 1


@pytest.mark.parametrize("error", [AccessDenied("grant get on cells"), Unavailable("HTTP 503")], ids=["403", "503"])
async def test_a_cell_that_may_not_be_read_after_a_crash_is_waited_for_and_crashes_nobody(error: OkraError) -> None:
    async with world() as w:
        w.two_versions()
        refuse(w, error, "get")
        await w.apply(cell(**LONG))
        wire = Tripwire(at=1)
        async with w.running(wrap=lambda real: TrippingExecutor(real, wire)):
            await asyncio.sleep(600)
            assert len(said(w, error)) == 1
            assert w.store.calls["get", "Cell"] <= 600 / 15 + 10
            assert not await w.status()
            events = [line["event"] for line in w.logs]
            assert (events.count("ActorFailed"), events.count("ActorCrashLoop")) == (1, 0)
            w.store.fault = no_fault
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=1200)


async def test_a_cell_that_may_not_be_read_again_is_watched_and_reverted_all_the_same() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**LONG))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.store.fault = lambda operation, name: REFUSALS[2] if name == "web" else None
            block = {"version": "0.9.0", "reason": "by hand", "time": "2023-11-14T22:00:00Z"}
            await w.store.real.patch_status(CELL, "default", "web", {"blockedVersions": [block]})
            await asyncio.sleep(300)
            assert "ActorFailed" not in {line["event"] for line in w.logs}
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=3 * POLL + 2)


async def test_a_finalizer_that_is_refused_begins_no_attempt_again() -> None:
    """Each would be recorded first: with a store that now and then refuses, none of the tries came through."""
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        refuse(w, Unavailable("HTTP 503"), "patch")
        async with w.running():
            await asyncio.sleep(300)
            assert (await w.status())["rollout"]["attempt"] == 1
            w.store.fault = no_fault
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_store_that_refuses_each_second_status_holds_a_rollout_up_for_seconds_each_time() -> None:
    """Twenty steps without a pause between them: no turn is over before the last, and each write that is taken says
    that the one refused before it wasn't refused for long."""
    writes = itertools.count()
    canary = {"stepWeight": 5, "totalWeight": 100, "stepInterval": "0s"}
    async with world() as w:
        w.two_versions()
        await w.apply(cell(updateStrategy={"type": "Canary", "canary": canary}, propagationDelay="0s"))
        w.store.fault = lambda operation, name: (
            REFUSALS[2] if (operation, name) == ("patch_status", "web") and next(writes) % 2 else None
        )
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)


async def test_a_write_whose_answer_was_lost_is_followed_by_a_read_not_by_another_try() -> None:
    """No watch tells of it, and the store took nothing for ten minutes before."""
    asked: list[str] = []
    writes = itertools.count(1)

    def noted(operation: str, name: str) -> OkraError | None:
        if name == "web" and operation in ("get", "patch_status"):
            asked.append(operation)
        return None

    def second(operation: str, name: str) -> OkraError | None:
        mine = name == "web" and operation == "patch_status"
        return Unavailable("HTTP 504") if mine and next(writes) == 2 else None

    async with world() as w:
        route, _, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            refuse(w, Unavailable("HTTP 503"), "patch_status")
            await asyncio.sleep(600)
            w.store.fault, w.store.watch_lag = noted, 3600.0  # nor does a watch tell of it
            w.store.lost = second
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=1200)
        numbers = [number for number, operation in enumerate(asked) if operation == "patch_status"]
        assert asked[numbers[1] + 1] == "get"


@pytest.mark.parametrize("operation", ["get", "apply"])
@pytest.mark.parametrize("kind", ["prechecks", "checks"])
async def test_a_check_that_okra_may_not_make_is_waited_for_and_said_once(kind: str, operation: str) -> None:
    denied = AccessDenied(f"Okra may not {operation} checks")
    async with world() as w:
        w.two_versions()
        w.store.fault = lambda asked, name: denied if (asked, name) == (operation, "web-dd") else None
        checked: dict[str, Any] = {kind: [check("dd")]}
        await w.apply(cell(**checked, **QUICK))
        async with w.running():
            await w.when(lambda: "CheckNotMade" in w.reasons(), within=300)
            await asyncio.sleep(600)
            assert w.reasons().count("CheckNotMade") == 1
            assert (await w.status())["phase"] == "Syncing"
            assert w.store.calls[operation, "Check"] <= 2 * 600 / POLL, "soon after each status that is taken"
            w.store.fault = no_fault
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)
