"""Applications in lockstep, with all actors: one child Cell moves their traffic, which comes and goes together."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from okra.applications.children import CHECKS_OF
from tests.actors.complex_world import LISTENER, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


def apps(w: ComplexWorld, **more: Any) -> list[dict[str, Any]]:
    """web on rule 10, api on rule 20, each on clusters of its own."""
    return [w.app("web", 10, **more.get("web", {})), w.app("api", 20, **more.get("api", {}))]


async def wanted(w: ComplexWorld, number: int, *, lockstep: bool = True, **more: Any) -> None:
    """The Cell: both on clusters of this number; web has two, api one."""
    named = [*((f"web-{each}-{number}", "web") for each in "ab"), (f"api-{number}", "api")]
    spec = {"lockstep": ["web", "api"]} if lockstep else {}
    await w.cell([w.cluster(*each) for each in named], *apps(w, **more), **spec)


async def begun(w: ComplexWorld, *, lockstep: bool = True, **more: Any) -> None:
    await w.application_set("web")
    await w.application_set("api")
    await wanted(w, 1, lockstep=lockstep, **more)
    w.route("web-a-1", "web-b-1", priority=10)
    w.route("api-1", priority=20)


def share(w: ComplexWorld, number: int) -> list[int]:
    """What clusters of this number have of the traffic, in percent, on each rule."""
    found = [w.traffic(each) for each in (10, 20)]
    of = [sum(weight for name, weight in each.items() if name.endswith(f"-{number}")) for each in found]
    return [100 * part // sum(each.values()) for part, each in zip(of, found, strict=True)]


def owners(w: ComplexWorld) -> list[str]:
    return [w.aws.routes[f"{LISTENER}#{each}"].owner.rpartition("/")[2] for each in (10, 20)]


async def children(w: ComplexWorld) -> set[str]:
    return {each for each in await w.names(w.family.cell) if each != "sys"}


async def test_they_step_together_and_are_left_together() -> None:
    async with complex_world() as w:
        await begun(w)
        async with w.running():
            await w.phase("Synced")
            assert (await children(w), owners(w)) == ({"sys-web"}, ["sys-web"] * 2)
            await wanted(w, 2)
            await w.until(lambda _: share(w, 2) == [50, 50], "sys-web")
            assert (await w.published("web"), await w.published("api")) == (
                {"web-a-1", "web-b-1", "web-a-2", "web-b-2"},
                {"api-1", "api-2"},
            )
            status = await w.phase("Synced")
            assert share(w, 2) == [100, 100]
            assert [each["synced"]["version"] for each in status["applications"]] == ["web-a-2+web-b-2", "api-2"]
            assert [each["movedBy"] for each in status["applications"]] == ["", "web"]
            await w.until(lambda s: not any(each["former"] for each in s["applications"]))
            assert (await w.published("web"), await w.published("api")) == ({"web-a-2", "web-b-2"}, {"api-2"})
            await asyncio.sleep(600)
            w.store.writes.clear()
            await asyncio.sleep(600)
            assert not w.store.writes, "it is at rest"


async def test_a_check_of_one_is_asked_of_its_own_target_groups_and_takes_all_back() -> None:
    async with complex_world() as w:
        its = {"checks": [check("errors", query="errors of {{.Vars.clusterName}}")]}
        await begun(w, api=its)
        asked: set[str] = set()

        def answer(query: str, *_: Any) -> float:
            asked.add(query)
            return 1.0

        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = answer
            await wanted(w, 2, api=its)
            child = await w.until(lambda s: s.get("phase") == "Reverting", "sys-web") and await w.get("sys-web")
            assert child is not None
            assert json.loads(child["metadata"]["annotations"][CHECKS_OF]) == {"errors": [f"{LISTENER}#20"]}
            status = await w.phase("Failed")
            assert share(w, 1) == [100, 100]
            assert (await w.published("web"), await w.published("api")) == ({"web-a-1", "web-b-1"}, {"api-1"})
            assert [each["blockedVersions"] for each in status["applications"]] == [["web-a-2+web-b-2"], ["api-2"]]
            assert asked == {"errors of api-2"}
            w.metrics.answer = lambda *_: 0.0
            await w.command("retry")
            await w.phase("Synced")
            assert share(w, 2) == [100, 100]


@pytest.mark.parametrize("first", [True, False])
async def test_an_edit_at_rest_hands_the_routes_over_and_moves_no_traffic(first: bool) -> None:
    async with complex_world() as w:
        await begun(w, lockstep=first)
        weights = [route.weights for route in w.aws.routes.values()]
        async with w.running():
            await w.phase("Synced")
            for lockstep in (not first, first):
                await wanted(w, 1, lockstep=lockstep)
                own = ["sys-web", "sys-web" if lockstep else "sys-api"]
                await w.until(lambda _, own=own: owners(w) == own)
                await w.phase("Synced")
                assert await children(w) == {*own}
                assert [route.weights for route in w.aws.routes.values()] == weights
            await wanted(w, 2, lockstep=first)
            await w.phase("Synced")
            assert share(w, 2) == [100, 100]


async def test_a_handover_goes_on_from_wherever_a_process_ends() -> None:
    """Also where it ends between a child that is deleted and the tags that it had."""
    async with complex_world() as w:
        await begun(w, lockstep=False)
        async with w.running():
            await w.phase("Synced")
        for lockstep in (True, False):
            await wanted(w, 1, lockstep=lockstep)
            own = ["sys-web", "sys-web" if lockstep else "sys-api"]
            for _ in range(200):
                writes = len(w.store.writes)
                async with w.running():
                    async with asyncio.timeout(600):
                        while len(w.store.writes) == writes and owners(w) != own:
                            w.store.changed.clear()
                            await w.store.changed.wait()
                if owners(w) == own:
                    break
            async with w.running():
                await w.phase("Synced")
            assert (owners(w), await children(w)) == (own, {*own})
            assert share(w, 1) == [100, 100]


async def test_a_move_goes_on_from_wherever_a_process_ends() -> None:
    async with complex_world() as w:
        await begun(w)
        async with w.running():
            await w.phase("Synced")
        await wanted(w, 2)
        seen = set()
        for _ in range(400):
            writes = len(w.store.writes)
            async with w.running():
                async with asyncio.timeout(3600):
                    while len(w.store.writes) == writes:
                        w.store.changed.clear()
                        await w.store.changed.wait()
            seen.add(tuple(share(w, 2)))
            if (await w.status())["phase"] == "Synced":
                break
        assert share(w, 2) == [100, 100]
        assert (0, 0) in seen
        assert all(abs(one - other) <= 50 for one, other in seen)


async def test_a_cell_that_is_deleted_in_mid_move_has_all_put_back() -> None:
    async with complex_world() as w:
        await begun(w)
        async with w.running():
            await w.phase("Synced")
            await wanted(w, 2)
            await w.until(lambda _: share(w, 2) == [50, 50], "sys-web")
            await w.store.real.delete(w.family.cell, "default", "sys")
            await w.gone(w.family.cell)
            assert share(w, 1) == [100, 100]


async def test_an_abort_is_handed_to_the_cell_that_moves_them() -> None:
    async with complex_world() as w:
        await begun(w)
        async with w.running():
            await w.phase("Synced")
            await wanted(w, 2)
            await w.until(lambda _: share(w, 2) == [50, 50], "sys-web")
            await w.command("abort")
            await w.phase("Failed")
            assert (share(w, 1), await w.published("api")) == ([100, 100], {"api-1"})
            await w.command("retry", "2")
            await w.phase("Synced")
            await w.command("rollback", "3")
            await w.until(lambda s: s["reason"] == "RolledBack" and s["phase"] == "Synced")
            assert share(w, 1) == [100, 100]
