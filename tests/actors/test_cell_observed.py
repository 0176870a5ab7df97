"""Of which spec a Cell's status is: who waits for an edit is told when it was looked at, though it changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from okra.actors.cell import CELL
from tests.actors.complex_world import ComplexWorld, complex_world

pytestmark = pytest.mark.looptime


async def edited(w: ComplexWorld, bake: str) -> int:
    """The generation of the Cell, after an edit that leads nowhere."""
    found = await w.store.real.patch(CELL, "default", "one", {"spec": {"bakeTime": bake}})
    w.store.changed.set()
    return int(found["metadata"]["generation"])


async def at_rest(w: ComplexWorld) -> None:
    w.cluster("v1", "web")
    w.route("v1")
    found = [{"arn": w.groups["v1"], "version": "1"}]
    balancer = {"listenerARN": next(iter(w.aws.routes)).partition("#")[0], "rule": {"priority": 10}}
    ingress = {
        "type": "AWSApplicationLoadBalancer",
        "awsApplicationLoadBalancer": {**balancer, "targetGroups": found},
    }
    body = {"apiVersion": CELL.api_version, "kind": "Cell", "metadata": {"namespace": "default", "name": "one"}}
    await w.store.real.apply(CELL, {**body, "spec": {"ingress": ingress}})


async def test_an_edit_that_changes_nothing_is_said_to_have_been_looked_at_once() -> None:
    async with complex_world() as w:
        await at_rest(w)
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced", "one")
            await asyncio.sleep(60)
            w.store.writes.clear()
            generation = await edited(w, "9m")
            await w.until(lambda s: s["observedGeneration"] == generation, "one")
            await asyncio.sleep(600)
        assert w.store.writes["patch_status", "Cell"] == 1


async def test_an_edit_that_nobody_saw_is_looked_at_before_it_is_said() -> None:
    async with complex_world() as w:
        await at_rest(w)
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced", "one")
        generation = await edited(w, "9m")
        w.aws.latency = 5.0
        async with w.running():
            await asyncio.sleep(1)
            assert (await w.status("one"))["observedGeneration"] == 1
            await w.until(lambda s: s["observedGeneration"] == generation, "one")
