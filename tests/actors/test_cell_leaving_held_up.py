"""AWS doesn't take the tag off a route that a Cell gives up: that is said, tried again, and holds up nothing else."""

import asyncio
from typing import Any

import pytest

from okra.errors import OkraError, Throttled, Unavailable
from okra.ports import Object
from okra.rollout.rest import Rest
from okra.testing.fake_aws import FakeRoute
from tests.actors.world import QUICK, World, cell, check, listener, world

pytestmark = pytest.mark.looptime


def two_routes(**spec: Any) -> Object:
    """One Cell with the routes `web` and `api`."""
    obj = cell(**spec)
    one = obj["spec"].pop("ingress")
    other = {**one, "awsApplicationLoadBalancer": {**one["awsApplicationLoadBalancer"], "listenerARN": listener("api")}}
    obj["spec"]["ingresses"] = [one, other]
    return obj


async def leave_api(w: World) -> None:
    await w.patch("web", {"spec": {"ingresses": two_routes()["spec"]["ingresses"][:1]}})


async def reverted(w: World) -> tuple[FakeRoute, FakeRoute, str, str]:
    """The two routes on which 1.1.0 is about to fail its check."""
    old, new = w.group("1.0.0"), w.group("1.1.0")
    web, api = w.route({old: 100}, "web"), w.route({old: 100}, "api")
    w.metrics.answer = lambda _query, _window: 0.5
    await w.apply(two_routes(checks=[check("dd")], **QUICK))
    return web, api, old, new


@pytest.mark.parametrize("error", [Unavailable("no answer"), Throttled("Rate exceeded")])
async def test_a_late_write_is_put_back_while_the_tag_of_a_former_route_can_not_be_removed(error: OkraError) -> None:
    async with world() as w:
        web, api, old, new = await reverted(w)
        async with w.running():
            await w.phase("Failed")
            await asyncio.sleep(120)
            w.aws.fault = lambda op, _: error if op == "RemoveTags" else None
            await leave_api(w)
            await asyncio.sleep(10)
            for route in (web, api):
                route.weights = {old: 50, new: 50}
            await w.when(lambda: not web.weights.get(new) and not api.weights.get(new), within=60)
            await asyncio.sleep(600)
            assert api.owner == "okra/default/web"
            assert [each["key"] for each in (await w.status())["routes"]] == [listener("web"), listener("api")]
            assert w.reasons().count("TagNotRemoved") == 1, "said once"
            w.aws.fault = lambda _op, _arn: None
            await w.until(lambda s: [each["key"] for each in s["routes"]] == [listener("web")], within=60)
            assert api.owner == ""


async def test_a_tag_that_can_not_be_removed_is_asked_for_less_and_less_often() -> None:
    async with world() as w:
        await reverted(w)
        async with w.running():
            await w.phase("Failed")
            await asyncio.sleep(120)
            w.aws.fault = lambda op, _: Throttled("Rate exceeded") if op == "RemoveTags" else None
            w.forget_calls()
            await leave_api(w)
            await asyncio.sleep(600)
            assert 600 / 31 <= w.aws.calls["RemoveTags"] <= 600 / 15 + 8


async def test_nothing_begins_on_a_former_route_and_the_cell_is_not_at_rest_before_it_is_left() -> None:
    async with world() as w:
        old = w.group("1.0.0")
        web, api = w.route({old: 100}, "web"), w.route({old: 100}, "api")
        await w.apply(two_routes(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.0.0")
            await asyncio.sleep(60)
            w.aws.fault = lambda op, _: Throttled("Rate exceeded") if op == "RemoveTags" else None
            w.rests.clear()
            await leave_api(w)
            new = w.group("1.1.0")
            await asyncio.sleep(300)
            assert (web.weights, api.weights) == ({old: 100}, {old: 100})
            assert Rest.SYNCED not in w.rests.values()
            w.aws.fault = lambda _op, _arn: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert web.weights.get(new)
            assert api.weights == {old: 100}
            await w.when(lambda: w.rests.get("web") is Rest.SYNCED, within=600)


async def test_a_tag_that_is_not_removed_while_making_way_crashes_nobody_and_is_tried_again() -> None:
    async with world() as w:
        old = w.group("1.0.0")
        web = w.route({old: 100}, "web")
        w.route({old: 100}, "api")
        await w.apply(cell("elder", route=listener("api"), **QUICK))
        await asyncio.sleep(5)
        async with w.running():
            await asyncio.sleep(60)
            await w.apply(cell("young", route=listener("web"), **QUICK))
            await w.when(lambda: web.owner == "okra/default/young")
            w.aws.fault = lambda op, _: Throttled("Rate exceeded") if op == "RemoveTags" else None
            await w.patch("elder", {"spec": {"ingress": cell()["spec"]["ingress"]}})
            await asyncio.sleep(600)
            assert web.owner == "okra/default/young"
            assert "ActorFailed" not in [entry["event"] for entry in w.logs]
            assert w.reasons("young").count("TagNotRemoved") == 1
            w.aws.fault = lambda _op, _arn: None
            await w.when(lambda: web.owner == "okra/default/elder", within=300)
