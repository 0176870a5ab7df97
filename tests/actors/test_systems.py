"""hotswap's kinds beside Okra's: the same actors, and never taken for one another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.kinds import HOTSWAP, OKRA
from okra.errors import KindNotInstalled, OkraError
from okra.ports import Object
from tests.actors.world import QUICK, cell, world

pytestmark = pytest.mark.looptime

BOTH = (OKRA, HOTSWAP)


def system(name: str, **spec: Any) -> Object:
    return {**cell(name, **spec), "apiVersion": HOTSWAP.cell.api_version, "kind": "System"}


async def test_a_system_with_a_route_of_its_own_moves_its_traffic_and_its_checks_are_of_its_own_group() -> None:
    async with world() as w:
        w.two_versions()
        asked = {"interval": "10s", "query": "errors", "max": 0.1, "provider": {"prometheus": {"address": "http://p"}}}
        await w.store.real.apply(HOTSWAP.cell, system("web", checks=[{"name": "dd", "analysis": asked}], **QUICK))
        async with w.running(families=BOTH) as running:
            await w.when(lambda: "RolloutCompleted" in w.reasons(), 300)
            assert (await running.describe_cell("default", "web")) is not None
            assert [each["kind"] for each in await running.cells()] == ["System"]
        made = await w.store.real.list(HOTSWAP.check)
        assert [each["metadata"]["name"] for each in made.items] == ["web-dd"]
        assert (await w.store.real.list(OKRA.check)).items == []


async def test_a_cell_and_a_system_of_one_name_on_one_route_are_two_and_the_older_has_it() -> None:
    async with world() as w:
        route, old, _ = w.two_versions()
        await w.apply(cell("web", paused=True, **QUICK))
        await asyncio.sleep(5)
        await w.store.real.apply(HOTSWAP.cell, system("web", **QUICK))
        async with w.running(families=BOTH):
            await w.until(lambda status: status.get("reason") == "RouteConflict", kind=HOTSWAP.cell)
        assert route.owner in ("", "okra/default/web")
        assert {arn for arn, weight in route.weights.items() if weight} == {old}
        assert (await w.status("web"))["reason"] != "RouteConflict"


async def test_kinds_of_hotswap_that_nobody_installed_are_not_waited_for_and_say_nothing() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        await w.apply(cell("web", **QUICK))

        def unknown(operation: str, plural: str) -> OkraError | None:
            return KindNotInstalled(f"no {plural}") if (operation, plural) == ("list", HOTSWAP.cell.plural) else None

        w.store.fault = unknown
        async with w.running(families=BOTH) as running:
            await w.when(lambda: route.weights.get(new), 300)
            assert running.missing() == []
        assert [each for each in w.logs if each["event"] == "WatchFailed"] == []
