"""Edits that a move, or a rest, of whole clusters doesn't expect: each is said, none is asked for again without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.api.meta import VERSION_LABEL
from okra.errors import NotFound
from okra.testing.application_controller import degraded
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime

A_MINUTE = 400
"""Calls to the store that a Cell which waits, with all its children, may make in a minute."""


def of_version(w: ComplexWorld, name: str, version: str) -> dict[str, Any]:
    made = w.cluster(name, "web")
    return {**made, "labels": {**made["labels"], VERSION_LABEL: version}}


def ever_published(w: ComplexWorld) -> set[str]:
    return {message.partition(":")[0] for _, reason, message in w.told() if reason == "Published"}


class Calls:
    def __init__(self, w: ComplexWorld) -> None:
        self.made = 0
        w.store.fault = self._count

    def _count(self, _operation: str, _name: str) -> None:
        self.made += 1

    async def in_a_minute(self) -> int:
        before = self.made
        await asyncio.sleep(60)
        return self.made - before


async def test_a_cluster_that_an_edit_takes_out_of_the_version_in_mid_move_is_arrived_at_and_said() -> None:
    async with complex_world(health_timeout=900.0) as w:
        await w.application_set("web")
        w.cluster("v1", "web")
        w.route("v1")
        await w.cell([of_version(w, "v1", "1.0")], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            w.argo.generates = False
            both = [of_version(w, "v2a", "2.0"), of_version(w, "v2b", "2.0")]
            await w.cell(both, w.app("web"))
            await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
            await w.cell(both[:1], w.app("web"))
            calls = Calls(w)
            await asyncio.sleep(30)
            assert await calls.in_a_minute() < A_MINUTE, "it is told once where to go"
            assert set(w.traffic()) == {"v1"}, "nothing runs there yet"
            w.argo.generates = True
            await w.until(lambda s: s["reason"] == "SameVersion")
            assert set(w.traffic()) == {"v2a", "v2b"}


@asynccontextmanager
async def deployed_by_hand() -> AsyncIterator[ComplexWorld]:
    """The application is on v1, and Argo CD has no part in it."""
    async with complex_world() as w:
        await w.application_set("web")
        first = w.cluster("v1", "web")
        w.route("v1")
        by_hand = w.app("web")
        del by_hand["argocd"]
        await w.cell([first], by_hand)
        async with w.running():
            await w.phase("Synced")
            yield w


async def test_argo_cd_that_comes_with_new_clusters_deploys_nothing_where_the_traffic_is() -> None:
    async with deployed_by_hand() as w:
        await w.cell([w.cluster("v2", "web")], w.app("web"))
        await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
        await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}
        assert await w.published() == {"v2"}
        assert "sys-v1" not in ever_published(w)


async def test_argo_cd_that_comes_with_a_version_that_fails_is_gone_back_from() -> None:
    async with deployed_by_hand() as w:
        w.metrics.answer = lambda query, _: 1.0 if query == "errors" else 0.0
        await w.cell([w.cluster("v2", "web")], w.app("web", checks=[check("dd", query="errors")]))
        await w.phase("Failed")
        assert set(w.traffic()) == {"v1"}
        assert (await w.app_status())["blockedVersions"] == ["v2"]
        w.metrics.answer = lambda query, _: 0.0
        await w.cell([w.cluster("v3", "web")], w.app("web"))
        await w.phase("Synced")
        assert set(w.traffic()) == {"v3"}
        await w.until(lambda s: not s["applications"][0]["former"])
        assert await w.published() == {"v3"}, "what failed is left with the next version"
        assert "sys-v1" not in ever_published(w)


async def test_clusters_that_another_naming_left_behind_stay_published_and_hold_up_nobody() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        first = w.cluster("v1", "web")
        w.route("v1")
        await w.cell([first], {**w.app("web"), "name": "b-c"}, name="a")
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced", name="a")
            for kind in (CELL, DEPLOYMENT, CLUSTER):
                for name in await w.names(kind):
                    with suppress(NotFound):  # it went with its owner
                        await w.store.real.delete(kind, "default", name)
                await w.gone(kind)
            await w.cell([w.cluster("v2", "web")], {**w.app("web"), "name": "c"}, name="a-b")
            status = await w.until(lambda s: s.get("phase") == "Synced", name="a-b")
            assert set(w.traffic()) == {"v2"}
            assert await w.published() == {"a-v1", "a-b-v2"}
            assert status["applications"][0].get("former", []) == []


async def test_an_alb_that_an_application_gets_holds_up_no_other() -> None:
    async with complex_world() as w:
        for role in ("web", "api"):
            await w.application_set(role)
        v1, a1, a2 = w.cluster("v1", "web"), w.cluster("a1", "api"), w.cluster("a2", "api")
        w.route("v1")
        w.route("a1", priority=11)
        api = w.app("api", priority=11)
        await w.cell([v1, a1], w.worker("web"), api)
        async with w.running():
            await w.phase("Synced")
            await w.cell([v1, a2], w.app("web"), api)
            await w.until(lambda _: set(w.traffic(11)) == {"a2"})
            status = await w.until(lambda s: s["reason"] == "RouteAdded")
            assert "the traffic is moved with the next clusters" in status["message"]


async def test_a_version_that_is_at_rest_where_it_is_wanted_is_blocked_no_more() -> None:
    """A rollback that failed leaves both versions blocked, until an edit ends it."""
    async with complex_world(health_timeout=60.0, retain_for=3600.0) as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
            w.argo.broken["web-sys-v1"] = degraded()
            await asyncio.sleep(60)  # until that was seen
            await w.command("rollback")
            await w.until(lambda s: {*s["applications"][0].get("blockedVersions", ())} == {"v1", "v2"})
            await w.until(lambda s: not s["applications"][0].get("target"))
            await w.cell([w.cluster("v2", "web")], w.app("web"), bakeTime="1s")
            await w.until(lambda s: s["phase"] == "Synced" and s.get("rolledBackTo") is None)
            assert (await w.app_status())["blockedVersions"] == ["v1"]
            w.argo.broken["web-sys-v2"] = degraded()
            status = await w.until(lambda s: s["phase"] == "Syncing")
            assert "Waiting for Argo CD" in status["message"]
        assert set(w.traffic()) == {"v2"}


async def test_a_version_that_fails_goes_back_by_the_one_before_it_though_another_application_is_degraded() -> None:
    async with complex_world(retain_for=60.0) as w:
        for role in ("web", "api"):
            await w.application_set(role)
        api_cluster, api = w.cluster("a1", "api"), w.app("api", priority=11)
        v1, v2, v3 = (w.cluster(name, "web") for name in ("v1", "v2", "v3"))
        w.route("v1")
        w.route("a1", priority=11)
        await w.cell([v1, api_cluster], w.app("web", checks=[check("dd", query="first")]), api)
        async with w.running():
            await w.phase("Synced")
            w.argo.broken["api-sys-a1"] = degraded()
            await w.until(lambda s: s["reason"] == "ApplicationDegraded")
            await w.cell([v2, api_cluster], w.app("web", checks=[check("dd", query="second")]), api)
            await w.until(lambda _: set(w.traffic()) == {"v2"})
            await w.until(lambda s: not s["applications"][0]["former"])
            w.metrics.answer = lambda query, _: 1.0 if query == "third" else 0.0
            await w.cell([v3, api_cluster], w.app("web", checks=[check("dd", query="third")]), api)
            await w.until(lambda s: s["applications"][0]["phase"] == "Failed")
            child = await w.get("sys-web")
            assert child is not None
            assert child["spec"]["checks"][0]["analysis"]["query"] == "second"
            await w.command("rollback")
            await w.until(lambda s: s["commands"])
            assert "(web v2, api a1)" in (await w.status())["commands"][0]["outcome"]
        assert set(w.traffic()) == {"v2"}


@pytest.mark.parametrize("then", ["former", "other", "deleted", "it is well"])
async def test_what_stopped_is_tried_again_by_a_retry_and_gone_back_from_by_an_edit(then: str) -> None:
    async with complex_world() as w:
        app = w.app("web", checks=[check("dd", query="errors")])
        stop = {"action": "Stop"}
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda _query, _: 1.0
            await w.cell([w.cluster("v2", "web")], app, onFailure=stop)
            await w.phase("Failed")
            assert set(w.traffic()) == {"v1", "v2"}
            if then == "it is well":
                w.metrics.answer = lambda _query, _: 0.0
            await w.command("retry")
            await w.until(lambda _: set(w.traffic()) == {"v1"})
            await w.until(lambda _: "v2" in w.traffic())
            if then == "it is well":
                await w.phase("Synced")
                assert set(w.traffic()) == {"v2"}
                return
            await w.phase("Failed")
            w.metrics.answer = lambda _query, _: 0.0
            if then == "deleted":
                await w.store.real.delete(CELL, "default", "sys")
                await w.gone(CELL)
            else:
                await w.cell([w.cluster("v3" if then == "other" else "v1", "web")], app, onFailure=stop)
                await w.phase("Synced")
            assert set(w.traffic()) == {"v3" if then == "other" else "v1"}
