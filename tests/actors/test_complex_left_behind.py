"""Clusters that an application serves on, and that the Cell knows nothing of any more: it was deleted, or its status
was lost, or the application was out of its spec for a while. They are left when the traffic is elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.actors.cell import CELL
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, complex_world

pytestmark = pytest.mark.looptime


@asynccontextmanager
async def serving() -> AsyncIterator[ComplexWorld]:
    """A Cell at rest on v1. The traffic never is where nothing runs."""
    async with complex_world() as w:
        await w.web_on("v1")

        def watch() -> None:
            for cluster in w.traffic():
                assert w.argo.running(f"https://{cluster}.eks.example"), w.told()

        async with w.running():
            await w.phase("Synced")
            w.argo.watch = watch
            yield w


async def moves_to_v2(w: ComplexWorld) -> None:
    await w.cell([w.cluster("v2", "web")], w.app("web"))
    await left(w)


async def left(w: ComplexWorld) -> None:
    """web goes to v2, and then leaves v1."""
    await w.until(lambda s: former(s) == ["v1"])
    await w.phase("Synced")
    await w.until(lambda s: former(s) == [])
    assert (set(w.traffic()), await w.published()) == ({"v2"}, {"v2"})


def former(status: dict[str, Any]) -> list[str] | None:
    return next((each["former"] for each in status.get("applications", ()) if each["name"] == "web"), None)


async def test_a_cell_applied_again_with_other_clusters_leaves_the_old_ones_when_the_traffic_has() -> None:
    async with serving() as w:
        await w.store.real.delete(CELL, "default", "sys")
        for kind in (CELL, DEPLOYMENT, CLUSTER):  # as the garbage collector does
            for name in await w.names(kind):
                await w.store.real.delete(kind, "default", name)
        await w.gone(CELL)
        await moves_to_v2(w)


async def test_an_application_that_comes_back_with_other_clusters_leaves_the_old_ones_when_the_traffic_has() -> None:
    async with serving() as w:
        await w.application_set("other")
        await w.cell([w.cluster("other", "other")], w.worker("other"))
        await w.phase("Synced")
        await asyncio.sleep(60)
        assert (await w.names(DEPLOYMENT), await w.names(CELL)) == ({"sys-other"}, {"sys"})
        await w.cell([w.cluster("v2", "web"), w.cluster("other", "other")], w.app("web"), w.worker("other"))
        await left(w)


async def test_a_cell_whose_status_was_lost_leaves_the_old_clusters_when_the_traffic_has() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
        await w.store.real.patch_status(CELL, "default", "sys", dict.fromkeys(await w.status()))
        async with w.running():
            await moves_to_v2(w)
