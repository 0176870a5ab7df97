"""The specs that a complex Cell keeps, when somebody changes what it kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.complex_revisions import REVISION
from tests.actors.complex_world import ComplexWorld, complex_world

pytestmark = pytest.mark.looptime


async def kept(w: ComplexWorld, metadata: dict[str, Any]) -> str:
    """The name of the only one, which gets other metadata once nobody looks."""
    await w.web_on("v1")
    async with w.running():
        await w.phase("Synced")
        await asyncio.sleep(60)
    (name,) = await w.names(REVISION)
    await w.store.real.patch(REVISION, "default", name, {"metadata": metadata})
    return name


async def test_one_that_lost_its_label_gets_it_again() -> None:
    async with complex_world() as w:
        name = await kept(w, {"labels": {"okra.mumoshu.github.io/parent": None}})
        before = w.store.calls.total()
        async with w.running():
            await asyncio.sleep(60)
            await w.phase("Synced")
        found = await w.get(name, REVISION)
        assert found is not None
        assert found["metadata"]["labels"]["okra.mumoshu.github.io/parent"] == "sys"
        assert await w.names(REVISION) == {name}
        assert w.store.calls.total() - before < 500, "it isn't asked for again and again"


async def test_one_that_is_somebody_elses_now_is_said_and_left_alone() -> None:
    nobodys = {"labels": {"okra.mumoshu.github.io/parent": None}, "ownerReferences": []}
    async with complex_world() as w:
        name = await kept(w, nobodys)
        async with w.running():
            status = await w.until(lambda s: s["reason"] == "AlreadyExists")
            assert f"The ControllerRevision {name} isn't the Cell's any more: delete it." in status["message"]
            found = await w.get(name, REVISION)
            assert found is not None
            assert not found["metadata"].get("labels")
            await w.store.real.delete(REVISION, "default", name)
            await w.phase("Synced")


async def test_a_spec_whose_route_is_not_there_is_kept_for_nobody_and_never_said_to_be_synced() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("v1")
        await w.phase("Synced")
        await w.cell([w.cluster("v1", "web")], w.app("web", priority=99))
        status = await w.until(lambda s: s["observedGeneration"] == 2)
        assert status["phase"] == "Syncing", "its child hasn't looked yet"
        await w.until(lambda s: s["reason"] == "ListenerNotFound")
        await asyncio.sleep(300)
        assert ((await w.status())["phase"], await w.revisions()) == ("Pending", [1])
        w.route("v1", priority=99)
        await w.phase("Synced")
        assert await w.revisions() == [1, 2]
