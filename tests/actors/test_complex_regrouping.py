"""An edit of the target groups of clusters that serve is carried out like any move, by the application's child Cell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.errors import Throttled
from okra.ports_clusters import TargetGroupBinding
from tests.actors.complex_world import ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


def on(w: ComplexWorld, group: str, cluster: str = "v1") -> dict[str, Any]:
    """A cluster whose target group is that of this name."""
    body = w.cluster(cluster, "web")
    if group not in w.groups:
        w.groups[group] = w.aws.add_group(group, {})
    return {**body, "labels": {**body["labels"], "targetGroupARN": w.groups[group]}}


async def edited(w: ComplexWorld, **app: Any) -> None:
    await w.phase("Synced")
    await w.cell([on(w, "v1-b")], w.app("web", **app))


async def test_the_traffic_moves_step_by_step_with_checks_behind_health() -> None:
    async with complex_world() as w:
        route = await w.web_on("v1")
        async with w.running():
            await edited(w, checks=[check("dd")])
            await w.until(lambda _: w.traffic() == {"v1": 1, "v1-b": 1})
            assert (await w.status())["phase"] == "Syncing"
            status = await w.phase("Synced")
            assert (set(w.traffic()), await w.published()) == ({"v1-b"}, {"v1"})
            assert status["applications"][0]["synced"]["version"] == "v1"
            child = await w.status("sys-web")
            assert (child["stableVersion"], child["phase"]) == ("v1", "Synced")
            await asyncio.sleep(600)
            assert w.groups["v1"] not in route.weights, "detached after retainFor"
            assert await w.revisions() == [1, 2]
            w.store.writes.clear()
            await asyncio.sleep(600)
            assert not w.store.writes, "it is at rest"
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
            await w.until(lambda s: not s["applications"][0]["former"])
        assert (set(w.traffic()), await w.published()) == ({"v2"}, {"v2"})


async def test_a_failure_brings_the_traffic_back_and_the_former_spec_is_where_it_is() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            w.metrics.answer = lambda *_: 1.0
            await edited(w, checks=[check("dd")])
            status = await w.phase("Failed")
            assert (w.traffic(), await w.published(), await w.revisions()) == ({"v1": 100}, {"v1"}, [1])
            assert status["applications"][0]["blockedVersions"] == ["v1"]
            await w.cell([w.cluster("v1", "web")], w.app("web"))
            status = await w.phase("Synced")
            assert status["applications"][0]["blockedVersions"] == []
            await w.until(lambda s: (s["stableVersion"], s["phase"]) == ("v1", "Synced"), "sys-web")
            await asyncio.sleep(300)
            assert (await w.status())["phase"] == "Synced"
        assert w.traffic() == {"v1": 100}


async def test_it_goes_on_from_wherever_a_process_ends() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
        await w.cell([on(w, "v1-b")], w.app("web"))
        seen: list[tuple[Any, ...]] = []

        def moved(status: dict[str, Any]) -> bool:
            app = status["applications"][0]
            now = (app["synced"]["version"], app["stage"], bool(app["target"]))
            return now != (seen[-1] if seen else ("v1", "Completed", False))

        while not seen or seen[-1] != ("v1", "Completed", False):
            async with w.running():
                app = (await w.until(moved))["applications"][0]
                seen.append((app["synced"]["version"], app["stage"], bool(app["target"])))
        async with w.running():
            await w.phase("Synced")
        assert len(seen) > 3, seen
        assert set(w.traffic()) == {"v1-b"}


async def test_in_a_pause_nothing_moves_and_the_cell_says_so() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("v1")
        await w.phase("Synced")
        await w.cell([on(w, "v1-b")], w.app("web"), paused=True)
        await w.phase("Paused")
        await asyncio.sleep(600)
        status = await w.status()
        assert (status["phase"], w.traffic()) == ("Paused", {"v1": 100})
        await w.cell([on(w, "v1-b")], w.app("web"), paused=False)
        await w.phase("Synced")
        assert set(w.traffic()) == {"v1-b"}


async def test_soon_after_a_move_it_is_carried_out_too_and_the_clusters_from_before_are_left() -> None:
    async with complex_world(retain_for=300.0) as w, w.running():
        await w.web_on("v1")
        await w.phase("Synced")
        await w.cell([w.cluster("v2", "web")], w.app("web"))
        await w.phase("Synced")
        await w.cell([on(w, "v2-b", "v2")], w.app("web"))
        await w.until(lambda _: set(w.traffic()) == {"v2-b"})
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        assert (set(w.traffic()), await w.published()) == ({"v2-b"}, {"v2"})


async def test_a_binding_that_names_another_group_moves_the_traffic_and_none_is_said() -> None:
    async with complex_world() as w, w.running():
        await w.application_set("web")
        found, app = w.cluster("v1", "web"), w.app("web")
        on(w, "v1-b")
        w.eks.bindings["v1"] = [TargetGroupBinding("prod", "web", w.groups["v1"])]
        w.route("v1")
        app["alb"]["forwardConfig"]["targetGroup"] = {"targetgroupBindingSelector": "svc=web"}
        await w.cell([found], app)
        await w.phase("Synced")
        w.eks.bindings["v1"] = []
        status = await w.until(lambda s: s["phase"] == "Pending")
        assert (status["reason"], w.traffic()) == ("TargetGroupUnknown", {"v1": 100})
        w.eks.bindings["v1"] = [TargetGroupBinding("prod", "web", w.groups["v1-b"])]
        await w.until(lambda s: s["phase"] == "Synced")
        assert set(w.traffic()) == {"v1-b"}


async def test_one_of_several_groups_alone_is_held_and_said() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("a", "b")
        await w.phase("Synced")
        before = w.traffic()
        await w.cell([on(w, "a-b", "a"), w.cluster("b", "web")], w.app("web"))
        status = await w.until(lambda s: s["reason"] == "ClustersOverlap")
        assert status["message"] == (
            "web: b has the traffic already: it can only go to target groups that are all new. Name others."
        )
        await asyncio.sleep(300)
        assert ((await w.status())["phase"], w.traffic(), await w.revisions()) == ("Pending", before, [1])


async def test_while_the_tags_that_name_the_groups_cannot_be_read_all_is_as_it_was() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        body = {"name": w.cluster("v1", "web", up=False)["name"], "labels": {"role": "web"}}
        w.eks.add("v1", tags={"targetGroupARN": w.groups["v1"]})
        w.route("v1")
        await w.cell([body], w.app("web"))
        async with w.running():
            await w.phase("Synced")
        w.eks.refuses = Throttled("too many")
        async with w.running():
            await asyncio.sleep(600)
            assert ((await w.status())["phase"], w.traffic()) == ("Synced", {"v1": 100})
