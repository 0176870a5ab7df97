"""One owner a route: the tag says whose, the older Cell wins, and nobody is kept out for ever."""

import asyncio

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_finalizer import FINALIZER
from okra.errors import AccessDenied, Throttled
from tests.actors.world import QUICK, World, cell, check, listener, world

pytestmark = pytest.mark.looptime


async def two_cells(w: World) -> None:
    """Both want the same route; `first` is a minute older."""
    await w.apply(cell("first", **QUICK))
    await asyncio.sleep(60)
    await w.apply(cell("second", **QUICK))


async def test_a_route_is_tagged_with_its_owner_before_the_first_write() -> None:
    async with world(install="prod") as w:
        route, *_ = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.history)
            assert route.owner == "prod/default/web"


async def test_a_route_of_another_installation_is_never_written() -> None:
    async with world() as w:
        route, *_ = w.two_versions()
        route.owner = "other/default/web"
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.phase("Failed", within=60)
            assert w.condition(status, "Stalled") == ("True", "RouteConflict")
            assert "other/default/web" in status["message"]
            await asyncio.sleep(600)
            assert (route.history, route.owner) == ([], "other/default/web")
            route.owner = ""
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_claim_that_is_refused_is_a_condition_and_tried_again() -> None:
    async with world() as w:
        route, *_ = w.two_versions()
        w.aws.fault = lambda op, _: AccessDenied("allow AddTags") if op == "AddTags" else None
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.until(lambda s: "allow AddTags" in s.get("message", ""), within=60)
            assert w.condition(status, "Ready")[0] == "False"
            assert route.history == []
            w.aws.fault = lambda _op, _arn: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_claim_that_is_not_answered_is_not_made_again_in_a_loop() -> None:
    async with world() as w:
        w.two_versions()
        w.aws.fault = lambda op, _: Throttled("Rate exceeded") if op == "AddTags" else None
        await w.apply(cell(**QUICK))
        async with w.running():
            await asyncio.sleep(60)
            assert 4 <= w.aws.calls["AddTags"] <= 15
            w.aws.fault = lambda _op, _arn: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)


@pytest.mark.parametrize("together", [True, False])
async def test_of_two_cells_on_one_route_the_older_one_rolls_out(together: bool) -> None:
    async with world() as w:
        route, *_ = w.two_versions()
        if together:
            await two_cells(w)
        async with w.running():
            if not together:
                await two_cells(w)
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "first", within=600)
            status = await w.until(lambda s: s.get("reason") == "RouteConflict", "second", within=600)
            assert "default/first" in status["message"]
            assert route.owner == "okra/default/first"


async def test_the_younger_cell_takes_over_when_the_older_one_is_deleted() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.aws.groups[new].healthy = 0
        await two_cells(w)
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteConflict", "second", within=600)
            await w.until(lambda s: s.get("rollout", {}).get("outcome") == "Failed", "first", within=600)
            await w.delete("first")
            await w.until(lambda s: s.get("rollout"), "second", within=120)
            assert route.owner == "okra/default/second"
            w.aws.groups[new].healthy = 2
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "second", within=600)
            assert route.weights == {old: 0, new: 1}
            assert await w.names(CELL) == {"second"}


async def test_an_older_cell_that_moves_to_a_route_gets_it_from_the_younger_one() -> None:
    async with world() as w:
        w.two_versions("api")
        route, *_ = w.two_versions("web")
        await w.apply(cell("first", role="api", **QUICK))
        await asyncio.sleep(60)
        await w.apply(cell("second", role="web", **QUICK))
        async with w.running():
            for name in ("first", "second"):
                await w.until(lambda s: s.get("stableVersion") == "1.1.0", name, within=600)
            await w.apply(cell("first", role="web", **QUICK))
            await w.until(lambda s: s.get("reason") == "RouteConflict", "second", within=600)
            await w.when(lambda: route.owner in ("", "okra/default/first"), within=600)
            status = await w.until(lambda s: s["phase"] == "Synced" and s["observedGeneration"] == 2, "first", 600)
            assert status["routes"][0]["key"] == listener("web")
            w.group("1.2.0")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", "first", within=600)
            assert route.owner == "okra/default/first"


async def test_a_cell_deleted_in_mid_rollout_reverts_first_and_then_goes() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            assert FINALIZER in (await w.get())["metadata"]["finalizers"]
            w.aws.fault = lambda op, _: AccessDenied("no") if op == "ModifyListener" else None
            await w.delete("web")
            await asyncio.sleep(300)
            assert await w.exists("web"), "it stays until its traffic is back"
            w.aws.fault = lambda _op, _arn: None
            await w.when(lambda: route.weights.get(new, 0) == 0, within=60)
            await w.gone("web")
            assert route.weights[old] > 0
            assert route.owner == ""


async def test_a_cell_deleted_at_rest_leaves_the_weights_and_takes_its_tag() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(retainFor="0s", **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            await asyncio.sleep(120)
            before = dict(route.weights)
            await w.delete("web")
            await w.when(lambda: route.owner == "", within=60)
            assert (route.weights, await w.exists("web")) == (before, False)
            assert before == {new: 1}
            assert old


async def test_a_cell_deleted_while_nobody_ran_is_let_go_by_the_next_process() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
        await w.delete("web")
        assert await w.exists("web")
        async with w.running():
            await w.when(lambda: route.owner == "", within=120)
            await asyncio.sleep(1)
            assert route.weights.get(new, 0) == 0
            assert not await w.exists("web")


async def test_the_checks_of_a_deleted_cell_go_with_it() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running() as system:
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            await w.delete("web")
            await asyncio.sleep(60)
            left = [
                each.path for each in system.actors().walk() if each.path.startswith(("okra/checks/", "okra/cells/"))
            ]
            assert left == []
