"""Several routes of one application: its child Cell steps them together, and takes all of them back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.errors import AccessDenied
from tests.actors.complex_world import LISTENER, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


def routed(w: ComplexWorld, *priorities: int, **more: Any) -> dict[str, Any]:
    """The application web on rules of these priorities; each has target groups of its own, as on several load
    balancers."""
    app = w.app("web", **more)
    albs = [
        {
            **app["alb"],
            "forwardConfig": {"priority": each, "targetGroup": {"arnFromLabel": f"targetGroup{each}"}},
        }
        for each in priorities
    ]
    return {**app, "alb": albs if len(albs) > 1 else albs[0]}


def on(w: ComplexWorld, name: str, role: str = "web") -> dict[str, Any]:
    """A cluster with a target group for each of the rules."""
    body, groups = w.cluster(name, role), {}
    for each in (10, 20):
        arn = w.groups.setdefault(f"{name}/{each}", "") or w.aws.add_group(f"{name}-{each}", {})
        w.groups[f"{name}/{each}"] = groups[f"targetGroup{each}"] = arn
    return {**body, "labels": {**body["labels"], **groups}}


def shown(w: ComplexWorld) -> list[dict[str, int]]:
    """Cluster → weight, on each rule."""
    return [{name.partition("/")[0]: weight for name, weight in w.traffic(each).items()} for each in (10, 20)]


async def begun(w: ComplexWorld, *priorities: int, **app: Any) -> None:
    """The Cell on v1, whose rules forward there."""
    await w.application_set("web")
    found = on(w, "v1")
    for each in (10, 20):
        w.route(f"v1/{each}", priority=each)
    await w.cell([found], routed(w, *priorities, **app))


async def test_they_step_together_and_are_left_together() -> None:
    async with complex_world() as w:
        await begun(w, 10, 20)
        async with w.running():
            await w.phase("Synced")
            await w.cell([on(w, "v2")], routed(w, 10, 20))
            await w.until(lambda _: shown(w) == [{"v1": 1, "v2": 1}] * 2, "sys-web")
            status = await w.phase("Synced")
            assert {key for each in shown(w) for key in each} == {"v2"}
            synced = status["applications"][0]["synced"]
            assert synced["route"].split() == [f"{LISTENER}#10", f"{LISTENER}#20"]
            assert [each["route"] for each in synced["targetGroups"]] == synced["route"].split()
            await w.until(lambda s: not s["applications"][0]["former"])
            assert await w.published() == {"v2"}
            await asyncio.sleep(600)
            child = await w.get("sys-web")
            assert child is not None
            assert len(child["spec"]["ingresses"]) == 2
            assert {each["version"] for one in child["spec"]["ingresses"] for each in targets(one)} == {"v2"}
            w.store.writes.clear()
            await asyncio.sleep(600)
            assert not w.store.writes, "it is at rest"


def targets(ingress: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ingress["awsApplicationLoadBalancer"]["targetGroups"]
    return found


async def test_a_check_that_fails_takes_all_of_them_back() -> None:
    async with complex_world() as w:
        await begun(w, 10, 20, checks=[check("dd")])
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda *_: 1.0
            await w.cell([on(w, "v2")], routed(w, 10, 20, checks=[check("dd")]))
            await w.phase("Failed")
            assert (shown(w), await w.published()) == ([{"v1": 100}] * 2, {"v1"})


async def test_a_route_that_refuses_its_weights_for_good_takes_the_others_back() -> None:
    async with complex_world() as w:
        await begun(w, 10, 20)
        async with w.running():
            await w.phase("Synced")
            await w.cell([on(w, "v2")], routed(w, 10, 20))
            await w.until(lambda _: shown(w) == [{"v1": 1, "v2": 1}] * 2, "sys-web")
            refusing = w.aws.routes[f"{LISTENER}#20"].arn
            denied = AccessDenied("not allowed")
            w.aws.fault = lambda operation, arn: denied if (operation, arn) == ("ModifyListener", refusing) else None
            await w.until(lambda _: shown(w)[0] == {"v1": 100}, "sys-web")
            assert (await w.app_status())["target"]["version"] == "v2", "one of them isn't back yet"
            w.aws.fault = lambda *_: None
            status = await w.until(lambda s: s["applications"][0]["blockedVersions"] == ["v2"])
            assert (shown(w), await w.published()) == ([{"v1": 100}] * 2, {"v1"})
            assert "refuses its weights" in status["message"]


@pytest.mark.parametrize("to", [(10,), (20,)])
async def test_a_route_that_is_taken_away_and_comes_back_at_rest_moves_no_traffic(to: tuple[int, ...]) -> None:
    async with complex_world() as w:
        await begun(w, 10, 20)
        async with w.running():
            await w.phase("Synced")
            before = [dict(each.weights) for each in w.aws.routes.values()]
            await w.cell([on(w, "v1")], routed(w, *to))
            await w.until(lambda s: len((s.get("applications") or [{}])[0]["synced"]["route"].split()) == 1)
            await w.phase("Synced")
            (left,) = {10, 20} - {*to}
            assert not w.aws.routes[f"{LISTENER}#{left}"].owner
            await w.cell([on(w, "v1")], routed(w, 10, 20))
            await w.until(lambda s: len(s["applications"][0]["synced"]["route"].split()) == 2)
            await w.phase("Synced")
            assert [dict(each.weights) for each in w.aws.routes.values()] == before
            await w.cell([on(w, "v2")], routed(w, 10, 20))
            await w.phase("Synced")
            assert {key for each in shown(w) for key in each} == {"v2"}
