"""An actor for each object, whatever becomes of the object, of the actor, and of the watch."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from okra.actors.cell import CELL, CellActor
from okra.actors.cell_checks import CHECK
from okra.actors.cell_turns import Turns
from okra.actors.wiring import Wiring
from okra.errors import Expired, OkraError, Unavailable
from okra.ports import Kind, Object
from tests.actors.test_cell_crashes import Defect
from tests.actors.world import QUICK, World, cell, lone_check, world

pytestmark = pytest.mark.looptime


def crashing(when: Callable[[Object], bool], message: str = "a defect") -> Callable[[Wiring, Object, Kind], CellActor]:
    """Cells whose actor crashes in each decision while `when` holds of its object."""

    class CrashingTurns(Turns):
        def __init__(self, cell: CellActor) -> None:
            super().__init__(cell)
            self.record = cell.record

        async def work(self) -> None:
            if when(self.record.object):
                raise Defect(message)
            await super().work()

    class Crashing(CellActor):
        def __init__(self, wiring: Wiring, obj: Object, kind: Kind) -> None:
            super().__init__(wiring, obj, kind)
            self.turns = CrashingTurns(self)

    return Crashing


async def three_cells(w: World) -> None:
    for role in ("web", "api", "bad"):
        w.two_versions(role)
        await w.apply(cell(role, role=role, **QUICK))


async def test_a_cell_whose_actor_crashes_in_a_loop_says_so_and_others_roll_out_undisturbed() -> None:
    async with world() as w:
        w.options["cell_actor"] = crashing(lambda obj: obj["metadata"]["name"] == "bad")
        await three_cells(w)
        async with w.running():
            for name in ("web", "api"):
                await w.until(lambda s: s.get("stableVersion") == "1.1.0", name, within=120)
            status = await w.until(lambda s: s.get("conditions"), "bad", within=600)
            assert w.condition(status, "Stalled") == ("True", "ActorCrashLoop")
            assert w.condition(status, "Ready") == ("False", "ActorCrashLoop")
            assert "Defect: a defect" in status["conditions"][0]["message"]
            assert "ActorCrashLoop" in w.reasons("bad")


async def test_a_parked_actor_is_tried_again_at_once_when_the_spec_changes() -> None:
    async with world() as w:
        w.options["cell_actor"] = crashing(lambda obj: obj["spec"]["replicas"] == 1)
        w.two_versions()
        second = w.group("1.0.0", name="b"), w.group("1.1.0", name="c")
        w.aws.routes[next(iter(w.aws.routes))].weights[second[0]] = 100
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("conditions"), within=600)
            await asyncio.sleep(3600)
            await w.apply(cell(replicas=2, **QUICK))
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=60)
            assert w.condition(status, "Stalled")[0] == "False"


async def test_a_parked_actor_is_tried_again_by_itself_in_the_end() -> None:
    async with world() as w:
        broken = True
        w.options["cell_actor"] = crashing(lambda _obj: broken)
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("conditions"), within=600)
            broken = False
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_an_error_of_any_length_and_a_store_that_is_down_do_not_break_the_directory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL + 1, "okra.actors.runtime.supervisor")  # a test's report can't hold the text
    async with world() as w:
        w.options["cell_actor"] = crashing(lambda obj: obj["metadata"]["name"] == "bad", "x\x00\ud800" * 100_000)
        w.store.fault = lambda op, name: Unavailable("down") if (op, name) == ("patch_status", "bad") else None
        await three_cells(w)
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "web", within=120)
            await asyncio.sleep(1200)
            w.store.fault = lambda _op, _name: None
            await w.until(lambda s: s.get("conditions"), "bad", within=900)
            assert [each["name"] for each in w.logs if each["event"] == "ActorFailed"].count("default/web") == 0


async def test_a_directory_that_crashes_looks_after_all_objects_again() -> None:
    async with world() as w:
        crashed = False

        def fault(operation: str, name: str) -> OkraError | None:
            nonlocal crashed
            if (operation, name) == ("patch_status", "bad") and not crashed:
                crashed = True
                raise Defect("in the directory")
            return None

        w.store.fault = fault
        w.options["cell_actor"] = crashing(lambda obj: obj["metadata"]["name"] == "bad")
        await three_cells(w)
        async with w.running():
            await w.when(lambda: crashed, within=900)
            for role in ("web", "api"):
                w.group("1.2.0", role=role)
            for role in ("web", "api"):
                await w.until(lambda s: s.get("stableVersion") == "1.2.0", role, within=600)


@pytest.mark.parametrize("error", [Unavailable("reset"), Expired("too old"), None], ids=["reset", "expired", "end"])
async def test_a_watch_that_ends_is_begun_again_and_nothing_is_missed(error: OkraError | None) -> None:
    async with world() as w:
        await three_cells(w)
        async with w.running():
            await asyncio.sleep(1)
            await w.store.break_watches(error)
            w.two_versions("late")
            await w.delete("bad")
            await w.apply(cell("late", role="late", **QUICK))
            for name in ("web", "api", "late"):
                await w.until(lambda s: s.get("stableVersion") == "1.1.0", name, within=300)
            await asyncio.sleep(60)
            assert w.aws.routes[next(arn for arn in w.aws.routes if arn.endswith("/bad"))].owner == ""


async def test_a_watch_that_always_ends_is_not_begun_without_a_pause() -> None:
    async with world() as w:
        w.store.fault = lambda op, _: Unavailable("down") if op in ("watch", "list") else None
        async with w.running():
            await asyncio.sleep(3600)
        assert w.store.calls["list", "Cell"] < 400


@pytest.mark.parametrize("error", [Expired("too old"), None], ids=["expired", "end"])
async def test_a_watch_that_ends_at_once_each_time_is_not_listed_in_a_loop(error: OkraError | None) -> None:
    async with world() as w, w.running():
        await asyncio.sleep(1)
        before = w.store.calls["list", "Cell"]
        w.store.watch_error = error
        w.store.ends.set()
        await asyncio.sleep(60)
        assert w.store.calls["list", "Cell"] - before < 100
        w.store.ends.clear()


async def test_an_object_that_is_deleted_and_made_again_is_a_new_one() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            first = (await w.get())["metadata"]["uid"]
            await w.delete("web")
            await w.apply(cell(**QUICK))
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=60)
            assert (await w.get())["metadata"]["uid"] != first
            assert status["rollouts"] == 0
            await w.when(lambda: route.owner == "okra/default/web", within=60)
            w.group("1.2.0")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=600)
            assert (route.weights.get(old, 0), route.weights.get(new, 0)) == (0, 0)


async def test_an_object_that_is_replaced_while_the_watch_is_down_is_a_new_one() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        await w.apply(lone_check("errors"))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            w.store.fault = lambda op, _: Unavailable("down") if op in ("watch", "list") else None
            await w.store.break_watches(Unavailable("reset"))
            for name, kind, obj in (("web", CELL, cell(**QUICK)), ("errors", CHECK, lone_check("errors"))):
                await w.delete(name, kind)
                await w.apply(obj)
            await asyncio.sleep(60)
            w.store.fault = lambda _op, _name: None
            status = await w.until(lambda s: s.get("phase") == "Synced", within=300)
            assert status["rollouts"] == 0
            await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)


async def test_objects_outside_of_the_namespace_or_selector_are_left_alone() -> None:
    async with world() as w:
        for role in ("web", "api"):
            w.two_versions(role)
        await w.apply(cell("web", role="web", **QUICK))
        obj: dict[str, Any] = cell("api", role="api", **QUICK)
        obj["metadata"]["labels"] = {"team": "a"}
        await w.apply(obj)
        async with w.running(selector="team=a"):
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "api", within=300)
        async with w.running(namespace="other"):
            await asyncio.sleep(300)
        assert await w.status("web") == {}


async def test_a_cell_describes_what_it_knows_and_no_other_is_asked() -> None:
    async with world() as w:
        await three_cells(w)
        async with w.running() as system:
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "web", within=300)
            described = await system.describe_cell("default", "web")
            assert described is not None
            assert described["state"].stable_version == "1.1.0"
            assert await system.describe_cell("default", "nobody") is None
