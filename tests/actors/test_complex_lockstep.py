"""Applications in lockstep, with all actors: one child Cell moves their traffic, which comes and goes together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from okra.applications.route_children import CHECKS_OF
from tests.actors.complex_world import LISTENER, ComplexWorld, check, complex_world
from tests.actors.test_argocd_crashes import TrippingWrites
from tests.actors.test_cell_crashes import Tripwire

pytestmark = pytest.mark.looptime


def apps(w: ComplexWorld, **more: Any) -> list[dict[str, Any]]:
    """web on rule 10, api on rule 20, each on clusters of its own."""
    return [w.app("web", 10, **more.get("web", {})), w.app("api", 20, **more.get("api", {}))]


async def wanted(w: ComplexWorld, number: int, *, lockstep: bool = True, **more: Any) -> None:
    """The Cell: both on clusters of this number; web has two, api one."""
    named = [*((f"web-{each}-{number}", "web") for each in "ab"), (f"api-{number}", "api")]
    spec: dict[str, Any] = {"lockstep": ["web", "api"]} if lockstep else {}
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


def owned(w: ComplexWorld, by: list[str], _: Any = None) -> bool:
    return owners(w) == by


async def children(w: ComplexWorld) -> set[str]:
    return {each for each in await w.names(w.family.cell) if each != "sys"}


async def test_they_step_together_and_are_left_together() -> None:
    async with complex_world() as w:
        await begun(w)
        async with w.running():
            await w.phase("Synced")
            await w.until(lambda _: owners(w) == ["sys-web"] * 2)
            assert await children(w) == {"sys-web"}
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
                await w.until(partial(owned, w, own))
                await w.phase("Synced")
                assert await children(w) == {*own}
                assert [route.weights for route in w.aws.routes.values()] == weights
            await wanted(w, 2, lockstep=first)
            await w.phase("Synced")
            assert share(w, 2) == [100, 100]


def done(w: ComplexWorld) -> int:
    """What was written so far, to the store and to AWS."""
    return w.store.writes.total() + sum(w.aws.calls[each] for each in ("ModifyListener", "AddTags", "RemoveTags"))


async def with_kills(w: ComplexWorld, over: Callable[[], Any]) -> int:
    """A process that is killed right after each write, and another one, until it is so. How many there were."""
    w.aws.fault = lambda *_: w.store.changed.set()
    for count in range(500):
        before = done(w)
        async with w.running(), asyncio.timeout(3600):
            while done(w) == before and not over():
                w.store.changed.clear()
                await w.store.changed.wait()
        if over():
            return count
    raise AssertionError(w.told())


async def test_a_handover_goes_on_from_wherever_a_process_ends() -> None:
    """Also where it ends between a child that is deleted and the tags that it had."""
    async with complex_world() as w:
        await begun(w, lockstep=False)
        async with w.running():
            await w.phase("Synced")
            await w.until(lambda _: owners(w) == ["sys-web", "sys-api"])
        weights = [route.weights for route in w.aws.routes.values()]
        for lockstep in (True, False):
            await wanted(w, 1, lockstep=lockstep)
            own = ["sys-web", "sys-web" if lockstep else "sys-api"]
            assert await with_kills(w, partial(owned, w, own)) > 1
            async with w.running():
                await w.phase("Synced")
                await w.until(lambda s: s["phase"] == "Synced", "sys-web")
            assert (owners(w), await children(w)) == (own, {*own})
            assert [route.weights for route in w.aws.routes.values()] == weights


@pytest.mark.parametrize("fails", [True, False])
async def test_a_move_goes_on_from_wherever_a_process_ends(fails: bool) -> None:
    async with complex_world(step_interval=1.0, retain_for=5.0) as w:
        its = {"checks": [check("errors")]}
        await begun(w, web=its)
        async with w.running():
            await w.phase("Synced")
        w.metrics.answer = lambda *_: 1.0 if fails else 0.0
        await wanted(w, 2, web=its)
        seen: set[tuple[int, ...]] = set()

        def over() -> bool:
            seen.add(tuple(share(w, 2)))
            return tuple(share(w, 2)) == ((0, 0) if fails and (50, 50) in seen else (100, 100))

        assert await with_kills(w, over) > 5
        assert all(abs(one - other) <= 50 for one, other in seen), "never more than a step apart"
        async with w.running():
            await w.phase("Failed" if fails else "Synced")
            await w.until(lambda s: not any(each["former"] for each in s["applications"]))
        now = "1" if fails else "2"
        assert (await w.published("web"), await w.published("api")) == (
            {f"web-a-{now}", f"web-b-{now}"},
            {f"api-{now}"},
        )


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


async def story(w: ComplexWorld, wire: Tripwire) -> None:
    """Handed over, moved, where a check fails, back and there again, and handed over once more."""
    its = {"checks": [check("errors", query="{{.Vars.clusterName}}")]}
    await begun(w, lockstep=False, api=its)
    w.own_store = TrippingWrites(w.store, wire)
    async with w.running():
        await w.phase("Synced")
        await wanted(w, 1, api=its)
        await w.until(lambda _: owners(w) == ["sys-web"] * 2)
        w.metrics.answer = lambda *_: 1.0
        await wanted(w, 2, api=its)
        await w.phase("Failed")
        assert share(w, 1) == [100, 100]
        w.metrics.answer = lambda *_: 0.0
        await w.command("retry")
        await w.phase("Synced")
        await w.until(lambda s: not any(each["former"] for each in s["applications"]))
        await wanted(w, 2, lockstep=False, api=its)
        await w.until(lambda _: owners(w) == ["sys-web", "sys-api"])
        await w.phase("Synced")
    assert (share(w, 2), await children(w)) == ([100, 100], {"sys-web", "sys-api"})
    assert (await w.published("web"), await w.published("api")) == ({"web-a-2", "web-b-2"}, {"api-2"})
    assert w.argo.orphans == set()


async def test_a_crash_between_any_two_effects_ends_where_none_does() -> None:
    at, wire = 1, Tripwire()
    while wire.passed >= wire.at:
        async with complex_world() as w:
            wire = Tripwire(at)
            await story(w, wire)
        at += 17
    assert at > 100, "there are many effects"
