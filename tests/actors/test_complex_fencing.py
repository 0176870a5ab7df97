"""A complex Cell's writes are of what it has just seen, and of a process that may write."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from okra.actors.cell import CELL
from okra.errors import OkraError, Unavailable
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


def closes(w: ComplexWorld, *at: tuple[str, str], nth: int = 1) -> Counter[tuple[str, str]]:
    """The gate closes in the middle of such an operation, the nth of them. What was written until then."""
    before: Counter[tuple[str, str]] = Counter()
    times = 0

    def close(operation: str, name: str) -> OkraError | None:
        nonlocal times
        times += (operation, name) in at
        if times == nth and w.gate.open:
            w.gate.open, w.gate.opens = False, w.clock.now() + 1e6
            before.update(w.store.writes)
        return None

    w.store.fault = close
    return before


def written(w: ComplexWorld, before: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    """Since then, beside what is told."""
    assert not w.gate.open, "it has closed"
    return {each for each in w.store.writes - before if each[0] != "patch_status"}


@pytest.mark.parametrize(
    ("operation", "name", "nth"),
    [
        ("get", "sys-v2", 1),
        ("get", "sys-first", 1),
        ("list", "cells", 1),
        *(("patch_status", "sys", nth) for nth in range(1, 5)),
    ],
)
async def test_a_gate_that_closes_in_the_middle_of_a_look_lets_nothing_more_be_written(
    operation: str, name: str, nth: int
) -> None:
    async with complex_world() as w:
        await w.web_on("a1", "b1")
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            before = closes(w, (operation, name), nth=nth)
            await w.cell([w.cluster("v2", "web")], w.app("web", prechecks=[check("first")]))
            await asyncio.sleep(60)
            assert written(w, before) == set()


async def test_a_command_is_not_handed_down_by_a_process_that_may_write_no_more() -> None:
    async with complex_world() as w:
        await w.web_on("a1", "b1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            before = closes(w, ("list", "cells"))
            await w.command("abort")
            await asyncio.sleep(60)
            assert written(w, before) == set()


async def test_of_what_is_left_no_more_is_deleted_by_a_process_that_may_write_no_more() -> None:
    async with complex_world() as w:
        await w.web_on("a1", "b1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
            before = closes(w, ("delete", "sys-a1"), ("delete", "sys-b1"))
            await asyncio.sleep(600)
            assert written(w, before) == {("delete", "ArgoCDCluster")}
            assert w.store.writes["delete", "ArgoCDCluster"] == 1, "the one in whose middle it closed"


@asynccontextmanager
async def frozen_in(operation: str, name: str) -> AsyncIterator[ComplexWorld]:
    """A process that has been about to do that for half a minute, and may write no more: what others do meanwhile."""
    frozen = asyncio.Event()

    def slow(done: str, to: str) -> float:
        if (done, to) != (operation, name):
            return 0.0
        frozen.set()
        return 30.0

    async with complex_world() as w:
        await w.web_on("a1", "b1")
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            w.store.slow = slow
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await frozen.wait()
            w.gate.open, w.gate.opens = False, w.clock.now() + 1e6
            yield w


async def test_a_child_that_another_process_has_told_more_since_is_not_told_what_was_decided_before() -> None:
    async with frozen_in("apply", "sys-web") as w:  # about to publish a1, b1 and v2
        further = {"spec": {"clusterNames": ["sys-v2"]}}
        await w.store.real.patch(DEPLOYMENT, "default", "sys-web", further)
        await asyncio.sleep(120)
        found = await w.get("sys-web", DEPLOYMENT)
        assert found is not None
        assert found["spec"]["clusterNames"] == ["sys-v2"]


async def test_a_child_that_another_process_has_told_more_since_is_not_deleted_as_it_was_before() -> None:
    async with frozen_in("delete", "sys-a1") as w:  # about to delete what was left
        await w.store.real.patch(CLUSTER, "default", "sys-a1", {"spec": {"labels": {"needed": "again"}}})
        await asyncio.sleep(120)
        assert "sys-a1" in await w.names(CLUSTER)


async def test_the_children_are_read_once_in_each_look() -> None:
    async with complex_world() as w:
        await w.web_on("a1", "b1")
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            w.store.calls.clear()
            await asyncio.sleep(3600)
        looks = w.store.calls["get", "Cell"]
        assert looks > 10
        assert {w.store.calls["list", each.kind] for each in (CELL, DEPLOYMENT)} == {looks}


async def test_nothing_is_published_before_a_deletion_would_wait_for_it() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.store.fault = lambda operation, name: (
                Unavailable("cut") if (operation, name) == ("patch", "sys") else None
            )
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await asyncio.sleep(300)
            assert await w.published() == {"v1"}
            w.store.fault = lambda operation, name: None
            await w.phase("Synced")
            assert "v2" in await w.published()
