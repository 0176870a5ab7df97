"""A Cell leaves a route: by an edit, by its end, with a spec that turned bad. What it held there goes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.errors import AccessDenied, OkraError, Throttled, Unavailable
from okra.testing.fake_aws import FakeRoute
from tests.actors.test_cell_spec import broken
from tests.actors.world import QUICK, World, cell, listener, world

pytestmark = pytest.mark.looptime

SLOW: dict[str, Any] = {
    "updateStrategy": {"canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "10m"}},
    "propagationDelay": "1s",
}
OURS = "okra/default/web"


def nothing(_operation: str, _arn: str) -> OkraError | None:
    return None


async def synced(w: World, key: str, version: str = "1.1.0") -> None:
    await w.until(
        lambda s: s.get("stableVersion") == version and s["phase"] == "Synced" and s["routes"][0]["key"] == key,
        within=600,
    )


async def on_web(w: World) -> FakeRoute:
    """A Cell at rest on `web`, and `api` beside it."""
    route, _, _ = w.two_versions("web")
    w.two_versions("api")
    await w.apply(cell(role="web", **QUICK))
    return route


@asynccontextmanager
async def resting_on_web() -> AsyncIterator[tuple[World, FakeRoute]]:
    """The same, and Okra runs."""
    async with world() as w:
        route = await on_web(w)
        async with w.running():
            await synced(w, listener("web"))
            yield w, route


async def moving(w: World) -> tuple[FakeRoute, str]:
    """A Cell in mid-rollout."""
    route, _, new = w.two_versions()
    await w.apply(cell(**SLOW))
    return route, new


# -- to another route


async def test_a_cell_that_moves_to_another_route_takes_its_tag_along() -> None:
    async with resting_on_web() as (w, route):
        await w.apply(cell(role="api", **QUICK))
        await synced(w, listener("api"))
        assert (route.owner, w.aws.routes[listener("api")].owner) == ("", OURS)


async def test_a_route_that_was_left_is_not_read_any_more() -> None:
    async with world() as w:
        await on_web(w)
        async with w.running() as system:
            await synced(w, listener("web"))
            await w.apply(cell(role="api", **QUICK))
            await synced(w, listener("api"))
            described = await system.describe_cell("default", "web")
            assert described is not None
            assert described["routes"] == [listener("api")]
            assert list(described["observation"].readings) == [listener("api")]


async def test_a_route_that_is_left_in_mid_rollout_keeps_its_tag_until_its_traffic_is_back() -> None:
    async with world() as w:
        route, new = await moving(w)
        w.two_versions("api")
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(cell(role="api", **QUICK))
            await w.when(lambda: not route.owner, within=120)
            assert not route.weights.get(new)
            await synced(w, listener("api"))


@pytest.mark.parametrize("error", [Unavailable("no answer"), Throttled("Rate exceeded")])
async def test_an_untag_without_an_answer_is_made_again(error: OkraError) -> None:
    async with resting_on_web() as (w, route):
        w.aws.fault = lambda op, _: error if op == "RemoveTags" else None
        await w.apply(cell(role="api", **QUICK))
        await asyncio.sleep(60)
        assert route.owner == OURS
        w.aws.fault = nothing
        await w.when(lambda: not route.owner, within=35)
        await synced(w, listener("api"))


async def test_a_process_that_dies_before_the_untag_leaves_it_to_the_next_one() -> None:
    async with world() as w:
        route = await on_web(w)
        async with w.running():
            await synced(w, listener("web"))
            w.aws.fault = lambda op, _: Unavailable("no answer") if op == "RemoveTags" else None
            await w.apply(cell(role="api", **QUICK))
            await asyncio.sleep(30)
        w.aws.fault = nothing
        async with w.running():
            await w.when(lambda: not route.owner, within=60)
            await synced(w, listener("api"))


async def test_a_tag_that_may_not_be_removed_is_said_and_holds_up_nothing() -> None:
    async with resting_on_web() as (w, route):
        w.aws.fault = lambda op, _: AccessDenied("allow RemoveTags") if op == "RemoveTags" else None
        await w.apply(cell(role="api", **QUICK))
        await synced(w, listener("api"))
        assert route.owner == OURS
        assert w.reasons().count("TagNotRemoved") == 1


async def test_anothers_tag_stays() -> None:
    async with resting_on_web() as (w, route):
        route.owner = "other/default/web"
        await w.apply(cell(role="api", **QUICK))
        await synced(w, listener("api"))
        assert route.owner == "other/default/web"


async def test_a_cell_moves_away_from_a_route_that_is_anothers() -> None:
    async with world() as w:
        route = await on_web(w)
        route.owner = "other/default/web"
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteConflict")
            await w.apply(cell(role="api", **QUICK))
            await synced(w, listener("api"))


async def test_a_cell_moves_away_from_a_listener_that_is_gone() -> None:
    async with resting_on_web() as (w, _route):
        del w.aws.routes[listener("web")]
        await w.until(lambda s: s.get("reason") == "ListenerNotFound", within=60)
        await w.apply(cell(role="api", **QUICK))
        await synced(w, listener("api"))


# -- with a spec that turned bad


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_moving_cell_that_turned_bad_and_is_deleted_goes_back_on_what_status_knows(
    restarts: bool,
) -> None:
    async with world() as w:
        route, new = await moving(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(broken())
            await w.phase("Invalid")
            if not restarts:
                await w.delete("web")
                await w.gone("web", within=120)
        if restarts:
            await w.delete("web")
            async with w.running():
                await w.gone("web", within=120)
        assert not route.weights.get(new)
        assert route.owner == ""


async def test_a_bad_spec_does_not_hold_up_a_revert_that_has_begun() -> None:
    async with world() as w:
        route, new = await moving(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.fault = lambda op, _: Unavailable("no answer") if op == "ModifyListener" else None
            await w.command("web", '{"id":"1","verb":"abort"}')
            await w.phase("FailedReverting")
            await w.apply(broken())
            w.aws.fault = nothing
            await w.when(lambda: not route.weights.get(new), within=60)
            await w.phase("Invalid")


async def test_a_bad_cell_that_is_deleted_while_aws_is_away_says_so_and_goes_on_trying() -> None:
    async with world() as w:
        route, new = await moving(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(broken())
            await w.phase("Invalid")
        w.aws.fault = lambda _op, _arn: Unavailable("no answer from AWS")
        await w.delete("web")
        async with w.running():
            await w.until(lambda s: "no answer from AWS" in s.get("message", ""), within=60)
            await asyncio.sleep(600)
            assert await w.exists("web")
            w.aws.fault = nothing
            await w.gone("web", within=120)
            assert not route.weights.get(new)


async def test_a_bad_cell_at_rest_takes_its_tag_when_it_is_deleted() -> None:
    async with world() as w:
        route = await on_web(w)
        async with w.running():
            await synced(w, listener("web"))
            await w.apply(broken())
            await w.phase("Invalid")
        w.rests.clear()
        async with w.running():
            await w.when(lambda: w.rests)
            await w.delete("web")
            await w.when(lambda: not route.owner, within=30)


# -- for good


async def test_a_deleted_cell_whose_listener_is_gone_has_nothing_to_put_back() -> None:
    async with world() as w:
        route, new = await moving(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            del w.aws.routes[listener("web")]
            await w.delete("web")
            await w.gone("web", within=120)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_deleted_cell_whose_route_another_took_leaves_it_to_that_one(restarts: bool) -> None:
    async with world() as w:
        route, new = await moving(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            written, route.owner = len(route.history), "other/default/web"
            await w.until(lambda s: s.get("reason") == "RouteConflict", within=60)
            if not restarts:
                await w.delete("web")
                await w.gone("web", within=60)
        if restarts:
            await w.delete("web")
            async with w.running():
                await w.gone("web", within=60)
        assert (len(route.history), route.owner) == (written, "other/default/web")


async def test_the_untag_of_a_deleted_cell_is_made_again_when_nothing_answers() -> None:
    async with resting_on_web() as (w, route):
        at = w.clock.now()
        w.aws.fault = lambda op, _: (
            Throttled("Rate exceeded") if op == "RemoveTags" and w.clock.now() < at + 3 else None
        )
        await w.delete("web")
        await w.when(lambda: not route.owner, within=10)


async def test_who_only_looks_leaves_the_tag_and_says_so() -> None:
    async with resting_on_web() as (w, route):
        w.gate.open = False
        await w.apply(cell(role="api", **QUICK))
        await w.until(lambda s: s["routes"] and s["routes"][0]["key"] == listener("api"), within=60)
        assert route.owner == OURS
        assert w.reasons().count("TagNotRemoved") == 1
