"""Two installations that know nothing of each other want one route: the tag is all that keeps them apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from okra.api.defaults import Defaults
from okra.errors import OkraError, Throttled, Unavailable
from okra.ports import OwnerReading, RouteRef
from okra.rollout.observation import RouteReading, Weights
from okra.rollout.rest import Rest
from okra.testing.fake_aws import FakeAws, FakeRoute
from tests.actors.world import QUICK, World, cell, world

pytestmark = pytest.mark.looptime

SETTLE = Defaults().claim_settle


@dataclass
class LateTags:
    """A router whose tags land so many seconds after the route was seen to be nobody's."""

    aws: FakeAws
    seconds: float

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        if found := (await self.owner(ref, arn)).owner:
            return found
        await asyncio.sleep(self.seconds)
        self.aws.routes[ref.key].owner = owner
        return (await self.owner(ref, arn)).owner

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self.aws.owner(ref, arn)

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        return await self.aws.read(refs)

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        await self.aws.write(ref, weights, basis, urgent=urgent)

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        await self.aws.release(ref, arn, owner)


@asynccontextmanager
async def two_installations() -> AsyncIterator[tuple[World, World]]:
    """Each with its own store and name, on one AWS."""
    async with world(install="blue") as one, world(install="green") as two:
        yield one, replace(two, aws=one.aws, clock=one.clock)


async def synced(w: World) -> None:
    await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced", within=600)


def moves(*worlds: World) -> list[World]:
    """Those that began to write."""
    return [w for w in worlds if "Attaching" in w.reasons()]


@pytest.mark.parametrize("late", [0.0, 0.01, 1.0, 4.9])
@pytest.mark.parametrize("between", [0.0, 0.02, 1.0])
async def test_of_two_that_claim_at_the_same_moment_one_moves_the_route_and_the_other_says_so(
    late: float, between: float
) -> None:
    async with two_installations() as (one, two):
        one.two_versions()
        for w in (one, two):
            await w.apply(cell(**QUICK))
        async with one.running():
            await asyncio.sleep(between)
            async with two.running(router=LateTags(two.aws, late)):
                for w in (one, two):
                    await w.until(lambda s: s.get("reason") == "RouteConflict" or s.get("stableVersion") == "1.1.0")
                assert len(moves(one, two)) == 1


async def test_the_first_write_waits_until_no_other_claim_can_land() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.owner)
            claimed_at = w.clock.now()
            status = await w.until(lambda s: s.get("reason") == "Claiming")
            assert "installation" in status["message"]
            assert status["phase"] == "Syncing"
            await w.when(lambda: route.history)
            assert SETTLE <= w.clock.now() - claimed_at < SETTLE + 1


async def test_a_route_that_was_ours_long_before_is_not_waited_for() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
        began, known = w.clock.now(), len(route.history)
        async with w.running():
            await synced(w)
            assert len(route.history) > known
            assert w.clock.now() - began < 2 * 12


async def test_a_cell_with_nothing_to_do_is_at_rest_while_its_claim_settles() -> None:
    async with world() as w:
        route = w.route({w.group("1.0.0"): 1})
        await w.apply(cell())
        async with w.running():
            await w.phase("Synced")
            await w.when(lambda: route.owner)
            await w.when(lambda: w.rests.get("web") is Rest.SYNCED, within=1)
            before = w.store.writes["patch_status", "Cell"]
            await asyncio.sleep(3 * SETTLE)
            assert w.store.writes["patch_status", "Cell"] == before


async def taken_in_mid_rollout(w: World) -> tuple[FakeRoute, str]:
    route, _, new = w.two_versions()
    slow = {"canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "2m"}}
    await w.apply(cell(updateStrategy=slow, propagationDelay="1s"))
    return route, new


async def test_a_route_that_another_took_in_mid_rollout_is_not_written_any_more() -> None:
    async with world() as w:
        route, new = await taken_in_mid_rollout(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            written, route.owner = len(route.history), "other/default/web"
            status = await w.until(lambda s: s.get("reason") == "RouteConflict", within=15)
            assert "other/default/web" in status["message"]
            w.aws.groups[new].healthy = 0
            await asyncio.sleep(600)
            assert len(route.history) == written, "neither a step nor a revert: the other one decides now"


async def test_a_route_that_was_given_back_goes_on_where_it_stood() -> None:
    async with world() as w:
        route, new = await taken_in_mid_rollout(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            route.owner = "other/default/web"
            await w.until(lambda s: s.get("reason") == "RouteConflict", within=15)
            route.owner = "okra/default/web"
            await synced(w)


async def test_a_tag_that_somebody_removed_in_mid_rollout_is_set_again_and_settles_before_the_next_raise() -> None:
    async with world() as w:
        route, new = await taken_in_mid_rollout(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(105)
            written, route.owner = len(route.history), ""
            await w.when(lambda: route.owner == "okra/default/web", within=20)
            at = w.clock.now()
            await w.when(lambda: len(route.history) > written)
            assert w.clock.now() - at >= SETTLE
            await synced(w)


@pytest.mark.parametrize("error", [Throttled("Rate exceeded"), Unavailable("no answer")])
async def test_nothing_is_raised_while_nobody_says_whose_the_route_is(error: OkraError) -> None:
    async with world() as w:
        route, new = await taken_in_mid_rollout(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.fault = lambda op, _: error if op == "DescribeTags" else None
            written = len(route.history)
            await asyncio.sleep(600)
            assert len(route.history) == written
            w.aws.fault = lambda _op, _arn: None
            await synced(w)


async def test_a_revert_does_not_wait_for_an_answer_about_the_owner() -> None:
    async with world() as w:
        route, new = await taken_in_mid_rollout(w)
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.fault = lambda op, _: Unavailable("no answer") if op == "DescribeTags" else None
            await w.command("web", '{"id":"1","verb":"abort"}')
            await w.when(lambda: not route.weights.get(new), within=2)
