"""A 404 that names no object (a proxy before the API server, CRDs that are being replaced) says of no object that it
is gone: whoever looks after one stays."""

import asyncio

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.errors import AccessDenied, KindNotInstalled, OkraError
from tests.actors.test_cell_crashes import Defect
from tests.actors.world import QUICK, World, cell, check, lone_check, world

pytestmark = pytest.mark.looptime


class Once:
    """Fails one call of an operation on one object."""

    def __init__(self, w: World, operation: str, name: str = "web") -> None:
        self.operation, self.name, self.done = operation, name, False
        w.store.fault = self

    def __call__(self, operation: str, name: str) -> OkraError | None:
        if self.done or (operation, name) != (self.operation, self.name):
            return None
        self.done = True
        return KindNotInstalled("the API server knows no cells")


@pytest.mark.parametrize("operation", ["patch", "patch_status"])
async def test_a_cell_is_looked_after_though_its_kind_was_unknown_once(operation: str) -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        once = Once(w, operation)
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=900)
        assert once.done


async def test_a_canary_is_watched_though_the_kind_of_its_cell_was_unknown_once() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        slow = {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1h"}}
        await w.apply(cell(updateStrategy=slow))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            once = Once(w, "patch_status")
            await w.when(lambda: once.done)
            await asyncio.sleep(30)
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=120)


async def test_a_cell_whose_status_somebody_wrote_is_read_again_though_its_kind_is_unknown_once() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            once = Once(w, "get")
            block = {"version": "0.9.0", "reason": "by hand", "time": "2023-11-14T22:00:00Z"}
            await w.store.real.patch_status(CELL, "default", "web", {"blockedVersions": [block]})
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=900)
            assert once.done
        assert [each["version"] for each in status["blockedVersions"]] == ["0.9.0"]


def crash_once(w: World) -> None:
    """The first measurement: the actor that begins again reads, where the first had what was listed."""

    def defect(query: str, window: object) -> float:
        w.metrics.answer = lambda _query, _window: 0.0
        raise Defect(query)

    w.metrics.answer = defect


async def test_a_check_measures_though_its_kind_was_unknown_when_it_began_again() -> None:
    async with world() as w:
        await w.apply(lone_check("errors"))
        crash_once(w)
        once = Once(w, "get", "errors")
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "errors", within=300, kind=CHECK)
        assert once.done


async def test_a_check_that_may_not_be_read_after_a_crash_waits_and_never_crashes_again() -> None:
    async with world() as w:
        await w.apply(lone_check("errors"))
        crash_once(w)
        denied = AccessDenied("Okra may not get checks")
        w.store.fault = lambda operation, _name: denied if operation == "get" else None
        async with w.running():
            await asyncio.sleep(600)
            assert [each["event"] for each in w.logs if str(denied) in str(each)] == ["Retrying"]
            assert [each["event"] for each in w.logs].count("ActorFailed") == 1
            w.store.fault = lambda _operation, _name: None
            await w.until(lambda s: s.get("lastPassed"), "errors", within=300, kind=CHECK)


async def test_a_cell_with_checks_goes_on_though_their_kind_is_unknown_once() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(checks=[check("dd")], **QUICK))
        once = Once(w, "get", "web-dd")
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=900)
        assert once.done
