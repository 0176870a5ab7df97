"""A defect of ours ends the actor of a complex Cell anywhere: the next one goes on from its status and its children."""

import asyncio
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_finalizer import FINALIZER
from tests.actors.complex_world import CLUSTER, ComplexWorld, check, complex_world
from tests.actors.test_argocd_crashes import TrippingWrites
from tests.actors.test_cell_crashes import Tripwire

pytestmark = pytest.mark.looptime

PARTS = 4


def watch(w: ComplexWorld) -> None:
    """No cluster with traffic ever loses its Applications."""
    served: set[str] = set()

    def look() -> None:
        running = {server for server, _ in w.argo.workloads}
        for cluster in w.traffic():
            there = f"https://{cluster}.eks.example" in running
            assert there or cluster not in served, f"{cluster} has traffic and runs nothing"
            served.update({cluster} if there else ())

    w.argo.watch = look


async def move(w: ComplexWorld, wire: Tripwire) -> None:
    """From one cluster to another, where a check fails; back, and then once more, to the end."""
    await w.application_set("web")
    old = w.cluster("v1", "web")
    w.route("v1")
    app: dict[str, Any] = w.app("web", prechecks=[check("first")], checks=[check("dd", query="{{.Vars.clusterName}}")])
    await w.cell([old], app, retainFor="20s")
    watch(w)
    w.own_store = TrippingWrites(w.store, wire)
    async with w.running():
        await w.phase("Synced")
        w.metrics.answer = lambda query, _: 1.0 if query == "v2" else 0.0
        await w.cell([w.cluster("v2", "web")], app, retainFor="20s")
        await w.phase("Failed")
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})
        w.metrics.answer = lambda *_: 0.0
        await w.command("retry")
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        await asyncio.sleep(60)
    assert (set(w.traffic()), await w.published()) == ({"v2"}, {"v2"})
    assert await w.names(CLUSTER) == {"sys-v2"}
    assert (await w.app_status())["attempt"] == 3
    assert len(await w.revisions()) == 2
    assert w.argo.orphans == set()
    cell = await w.get("sys", CELL)
    assert cell is not None
    assert FINALIZER not in cell["metadata"].get("finalizers", ())


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_crash_between_any_two_effects_ends_where_none_does(part: int) -> None:
    """Every other moment: what is written after one effect is what is written before the next."""
    at, wire = 1 + 2 * part, Tripwire()
    while wire.passed >= wire.at:
        async with complex_world() as w:
            wire = Tripwire(at)
            await move(w, wire)
        at += 2 * PARTS
    assert at > 60, "there are many effects"
