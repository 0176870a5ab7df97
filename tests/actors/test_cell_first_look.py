"""What a Cell's first actor begins with: the object as it was listed, which is no older than the term; and what keeps
that safe. A later actor reads: its predecessor's last write may be on the way still."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.errors import OkraError, Unavailable
from okra.ports import Kind, Listing
from okra.testing.fake_aws import FakeRoute
from tests.actors.test_cell_crashes import TrippingExecutor, Tripwire
from tests.actors.world import QUICK, World, cell, world

pytestmark = pytest.mark.looptime

LONG: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1h"}},
    "propagationDelay": "1s",
}
INVALID: dict[str, Any] = {"checks": [{"name": "errors", "analysis": {"query": "errors", "max": 0.1}}]}
"""Nothing says which provider to ask."""


def down_but_for_lists(operation: str, name: str) -> OkraError | None:
    return None if operation == "list" else Unavailable("the API server doesn't answer")


def takes_no_status(operation: str, name: str) -> OkraError | None:
    return Unavailable("the API server doesn't answer") if operation == "patch_status" else None


async def half_way(w: World) -> tuple[FakeRoute, str]:
    """The route with half of its traffic on a canary, recorded and confirmed; nobody works on it any more."""
    route, _old, new = w.two_versions()
    await w.apply(cell(**LONG))
    async with w.running():
        await w.until(lambda s: route.weights.get(new) and s["routes"][0].get("confirmedAt"))
    return route, new


async def test_from_the_watch_to_the_status_a_cell_costs_one_request() -> None:
    async with world() as w:
        await w.apply(cell("listed", **INVALID))
        async with w.running():
            await w.phase("Invalid", "listed")
            await w.apply(cell("watched", role="api", **INVALID))
            await w.phase("Invalid", "watched")
            await asyncio.sleep(60)
        assert {key: count for key, count in w.store.calls.items() if key[1] == "Cell"} == {
            ("list", "Cell"): 1,
            ("watch", "Cell"): 1,
            ("patch_status", "Cell"): 2,
        }


async def test_what_somebody_wrote_after_the_list_is_found_before_any_traffic_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world() as w:
        route, new = await half_way(w)
        before = copy.deepcopy(await w.store.real.list(CELL))
        async with w.running():
            w.aws.groups[new].healthy = 0
            await w.phase("Failed", within=300)
            await asyncio.sleep(300)
        since = len(route.history)

        async def old_list(kind: Kind, *_: object) -> Listing:
            return before if kind == CELL else Listing([], before.resource_version)

        monkeypatch.setattr(w.store, "list", old_list)
        w.store.watch_lag = 3600.0
        w.aws.groups[new].healthy = 2
        w.forget_calls()
        async with w.running():
            await asyncio.sleep(600)
        assert w.store.calls["get", "Cell"] == 1, "the first write was refused, and the Cell read"
        assert all(not weights.get(new) for weights in route.history[since:])
        status = await w.status()
        assert (status["phase"], [each["version"] for each in status["blockedVersions"]]) == ("Failed", ["1.1.0"])


async def test_an_actor_that_begins_again_knows_what_its_predecessor_wrote_though_no_watch_told_of_it() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        wire, w.store.watch_lag = Tripwire(), 3600.0
        await w.apply(cell(**LONG))
        async with w.running(wrap=lambda real: TrippingExecutor(real, wire)):
            await w.until(lambda s: route.weights.get(new) and s["routes"][0].get("confirmedAt"))
            wire.at = wire.passed + 1
            await w.when(lambda: "ActorFailed" in {line["event"] for line in w.logs}, within=60)
            w.store.fault = takes_no_status
            await asyncio.sleep(60)
            w.aws.groups[new].healthy = 0
            await w.when(lambda: not route.weights.get(new), within=120)


async def test_a_store_that_goes_down_after_the_list_makes_no_cell_blind() -> None:
    async with world() as w:
        route, new = await half_way(w)
        w.store.fault = down_but_for_lists
        w.aws.groups[new].healthy = 0
        async with w.running():
            await w.when(lambda: not route.weights.get(new), within=120)


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_cell_that_is_deleted_and_comes_again_is_read_and_looked_after(at_once: bool) -> None:
    """Its former actor wrote last, and the directory may not know."""
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)
            await w.delete("web")
            if not at_once:
                await w.gone("web")
                w.forget_calls()
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)
            assert at_once or w.store.calls["get", "Cell"] == 1
            w.group("1.2.0", name="third")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=240)
