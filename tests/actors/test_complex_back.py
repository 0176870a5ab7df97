"""The way back of an application: by the spec that brought it there, and by nothing of the one that failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.errors import AccessDenied, OkraError
from okra.testing.application_controller import degraded
from tests.actors.complex_world import DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


async def on_v1(w: ComplexWorld, **more: Any) -> None:
    await w.web_on("v1", checks=[check("dd", query="old")], **more)


def newer(w: ComplexWorld, **argocd: Any) -> dict[str, Any]:
    """The application as it is wanted on v2: in other steps, with another check, and other things of Argo CD."""
    app = w.app("web", checks=[check("dd", query="new")])
    app["alb"]["updateStrategy"] |= {"stepWeight": 20}
    app["argocd"] |= argocd
    return app


async def child(w: ComplexWorld) -> dict[str, Any]:
    """What the application's child Cell is told."""
    found = await w.get("sys-web")
    assert found is not None
    spec = found["spec"]
    step = spec["updateStrategy"]["canary"]["stepWeight"]
    return {"version": spec["version"], "step": step, "query": spec["checks"][0]["analysis"]["query"]}


async def application_set_of(w: ComplexWorld) -> str:
    found = await w.get("sys-web", DEPLOYMENT)
    assert found is not None
    name: str = found["spec"]["applicationSet"]["name"]
    return name


OLD = {"version": "v1", "step": 50, "query": "old"}


def v2_fails(w: ComplexWorld) -> None:
    w.metrics.answer = lambda query, _: 1.0 if query == "new" else 0.0


@asynccontextmanager
async def serving(**defaults: Any) -> AsyncIterator[ComplexWorld]:
    """Synced on v1, where v2 would fail."""
    async with complex_world(**defaults) as w:
        await on_v1(w)
        async with w.running():
            await w.phase("Synced")
            v2_fails(w)
            yield w


async def test_after_a_failure_the_children_are_as_the_spec_that_worked_has_them() -> None:
    async with serving() as w:
        await w.cell([w.cluster("v2", "web")], newer(w))
        await w.until(lambda _: "v2" in w.traffic())
        assert await child(w) == {"version": "v2", "step": 20, "query": "new"}
        await w.phase("Failed")
        assert await child(w) == OLD
        await asyncio.sleep(300)
        assert await child(w) == OLD
        assert w.traffic() == {"v1": 100}
        assert await w.published() == {"v1"}


async def test_what_waits_to_begin_stays_as_it_is() -> None:
    async with serving() as w:
        await w.cell([w.cluster("v2", "web", up=False)], newer(w))
        await w.phase("Pending")
        await asyncio.sleep(60)
        assert await child(w) == OLD


async def test_the_way_back_does_not_wait_for_an_application_set_that_only_the_failed_spec_knows() -> None:
    async with serving(health_timeout=60.0) as w:
        labels = {"labels": {"role-of": "web", "tier": "new"}}
        theirs = newer(w, applicationSet={"name": "nobody"}, clusterSecret=labels)
        await w.cell([w.cluster("v2", "web")], theirs)
        await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
        await w.until(lambda s: s["applications"][0]["message"].startswith("Waiting for Argo CD"))
        assert await application_set_of(w) == "nobody"
        status = await w.phase("Failed")
        assert "Not Synced and Healthy within 60 s" in status["message"]
        await asyncio.sleep(60)
        assert (await application_set_of(w), await w.published()) == ("web", {"v1"})
        assert w.traffic() == {"v1": 100}
        assert w.argo.orphans == set()


async def test_a_process_that_begins_in_any_stage_goes_back_by_the_same_spec() -> None:
    async with complex_world() as w:
        await on_v1(w)
        async with w.running():
            await w.phase("Synced")
        v2_fails(w)
        await w.cell([w.cluster("v2", "web")], newer(w))
        where: list[tuple[str, str]] = [("Synced", "Completed")]

        def moved(status: dict[str, Any]) -> bool:
            app = status["applications"][0]
            return (app["phase"], app["stage"]) != where[-1]

        while where[-1] != ("Failed", "Error"):
            async with w.running():
                status = await w.until(moved)
            app = status["applications"][0]
            where.append((app["phase"], app["stage"]))
        async with w.running():
            await w.phase("Failed")
            await asyncio.sleep(60)
        assert {("Syncing", "Migrating"), ("Reverting", "Error")} <= {*where}, where
        assert await child(w) == OLD
        assert w.traffic() == {"v1": 100}


async def test_the_way_back_has_the_settings_of_the_spec_that_worked_and_is_connected_as_now() -> None:
    async with complex_world() as w:
        await on_v1(w)
        async with w.running():
            await w.phase("Synced")
            v2_fails(w)
            failing = {"bakeTime": "9m", "onDrift": "Reassert", "healthTimeout": "1h"}
            await w.cell([w.cluster("v2", "web")], newer(w), **failing)
            await w.until(lambda _: "v2" in w.traffic())
            there = await w.get("sys-web")
            assert there is not None
            assert failing.items() <= there["spec"].items()
            await w.phase("Failed")
            back = await w.get("sys-web")
            assert back is not None
            assert failing.keys() & back["spec"].keys() == {"healthTimeout"}
            assert w.traffic() == {"v1": 100}


async def test_the_way_back_waits_for_no_spec_that_cannot_be_read_and_leaves_the_children_as_they_are() -> None:
    def forbidden(operation: str, name: str) -> OkraError | None:
        return AccessDenied("may not list") if (operation, name) == ("list", "controllerrevisions") else None

    async with complex_world() as w:
        await on_v1(w)
        async with w.running():
            await w.phase("Synced")
            v2_fails(w)
            w.metrics.answer = lambda *_: 0.0
            await w.cell([w.cluster("v2", "web")], newer(w))
            await w.until(lambda _: "v2" in w.traffic())
            w.store.fault = forbidden
            w.metrics.answer = lambda query, _: 1.0
            await w.until(lambda s: s["applications"][0]["phase"] == "Failed")
            await w.until(lambda _: w.traffic() == {"v1": 100})
            assert await child(w) == {"version": "v1", "step": 20, "query": "new"}
            assert await w.published() == {"v1"}
            w.store.fault = lambda _operation, _name: None
            await w.phase("Failed")
            await asyncio.sleep(60)
            assert await child(w) == OLD
        assert w.traffic() == {"v1": 100}


async def degraded_on_v2(w: ComplexWorld) -> None:
    """All traffic is on v2, where the application is Degraded by now. It is on v1, too, and well."""
    await w.web_on("v1")
    await w.phase("Synced")
    await w.cell([w.cluster("v2", "web")], w.app("web"), retainFor="20m")
    await w.phase("Synced")
    w.argo.broken["web-sys-v2"] = degraded()
    await asyncio.sleep(60)
    assert (w.traffic(), await w.published()) == ({"v2": 1}, {"v1", "v2"})


@pytest.mark.parametrize("to", ["rollback", "v1", "v3"])
async def test_clusters_that_are_degraded_are_left_without_anybody_waiting_for_their_health(to: str) -> None:
    async with complex_world(health_timeout=120.0) as w, w.running():
        await degraded_on_v2(w)
        if to == "rollback":
            await w.command("rollback")
        else:
            await w.cell([w.cluster(to, "web")], w.app("web"), retainFor="10m")
        goal = "v1" if to == "rollback" else to
        await w.until(lambda _: set(w.traffic()) == {goal}, within=120.0)
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        assert await w.published() == {goal}


@pytest.mark.parametrize("when", ["Migrating", "Error"])
async def test_what_fails_beside_clusters_that_are_degraded_holds_up_no_deletion(when: str) -> None:
    async with complex_world(health_timeout=120.0) as w, w.running():
        await degraded_on_v2(w)
        w.argo.broken["web-sys-v3"] = degraded()
        await w.cell([w.cluster("v3", "web")], w.app("web"), retainFor="20m")
        await w.until(lambda s: s["applications"][0]["stage"] == when)
        await w.store.real.delete(CELL, "default", "sys")
        await w.gone(CELL, within=300.0)
        assert set(w.traffic()) == {"v2"}


async def test_after_a_failure_beside_clusters_that_are_degraded_the_former_spec_leads_to_what_is_well() -> None:
    async with complex_world(health_timeout=120.0) as w, w.running():
        await degraded_on_v2(w)
        w.argo.broken["web-sys-v3"] = degraded()
        await w.cell([w.cluster("v3", "web")], w.app("web"), retainFor="20m")
        status = await w.phase("Failed", within=300.0)
        assert (status["applications"][0]["blockedVersions"], set(w.traffic())) == (["v3"], {"v2"})
        await w.cell([w.cluster("v1", "web")], w.app("web"), retainFor="1m")
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})


async def test_workers_that_get_another_strategy_with_the_move_run_once_on_the_way_back_too() -> None:
    async with complex_world(health_timeout=60.0) as w:
        await w.application_set("jobs")
        worker = w.worker("jobs")
        await w.cell([w.cluster("j1", "jobs")], worker)
        seen: list[set[str]] = []
        async with w.running():
            await w.phase("Synced")
            w.argo.watch = lambda: seen.append({server for server, _ in w.argo.workloads})
            w.argo.broken["jobs-sys-j2"] = degraded()
            worker["argocd"] |= {"updateStrategy": {"type": "DeleteBeforeCreate"}}
            await w.cell([w.cluster("j2", "jobs")], worker)
            await w.phase("Failed")
            await w.until(lambda s: s["phase"] == "Synced", "sys-jobs", DEPLOYMENT)
        assert max(map(len, seen)) == 1
        assert await w.published("jobs") == {"j1"}
