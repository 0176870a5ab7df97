"""A complex Cell: its applications move to other clusters through its children."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.ports import Object
from okra.rollout.rest import Rest
from tests.actors.argo_world import condition
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime

OLD, NEW = ("web-1-v1", "web-2-v1"), ("web-1-v2", "web-2-v2")


def clusters(w: ComplexWorld, *names: str, role: str = "web") -> list[dict[str, Any]]:
    return [w.cluster(name, role) for name in names]


async def move(w: ComplexWorld, *names: str, **more: Any) -> None:
    await w.cell(clusters(w, *(names or NEW)), w.app("web", **more))


# -- the good way ------------------------------------------------------------------------------------------------------


async def test_an_application_is_brought_to_its_clusters_and_says_so() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            status = await w.phase("Synced")
            await asyncio.sleep(60)
        assert await w.names(CLUSTER) == {"sys-web-1-v1", "sys-web-2-v1"}
        assert await w.names(DEPLOYMENT) == {"sys-web"}
        assert await w.names(CELL) == {"sys", "sys-web"}
        assert await w.published() == {*OLD}
        assert w.traffic() == {OLD[0]: 100, OLD[1]: 100}
        found = status["applications"][0]
        assert (found["name"], found["phase"], found["stage"]) == ("web", "Synced", "Completed")
        ready = {each["type"]: each["status"] for each in status["conditions"]}
        assert ready == {"Ready": "True", "Reconciling": "False", "Stalled": "False"}
        assert (await w.revisions(), w.rests["sys"]) == ([1], Rest.SYNCED)


async def test_new_clusters_get_the_traffic_and_the_old_ones_are_left_when_nothing_can_go_back() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            moving = await w.until(lambda s: s.get("applications", [{}])[0].get("stage") == "Migrating")
            assert moving["phase"] == "Syncing"
            await w.phase("Synced")
            assert set(w.traffic()) == {*NEW}
            assert await w.published() == {*OLD, *NEW}, "in one write the traffic could go back"
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(60)
        assert await w.published() == {*NEW}
        assert await w.names(CLUSTER) == {"sys-web-1-v2", "sys-web-2-v2"}
        assert await w.revisions() == [1, 2]
        assert w.argo.orphans == set()


async def test_a_cluster_is_left_when_its_applications_are_gone_and_may_be_deleted_then() -> None:
    async with complex_world() as w:
        w.argo.deletes_in = 300.0
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            await w.until(lambda s: s["applications"][0].get("synced", {}).get("clusters") == [*NEW])
            await w.until(lambda s: not s["applications"][0]["former"])
            assert not any(w.argo.running(f"https://{name}.eks.example") for name in OLD)


async def test_it_is_completing_while_all_traffic_is_there_and_postchecks_are_asked_for() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            app = w.app("web", postchecks=[check("last")])
            await w.cell(clusters(w, *NEW), app, bakeTime="1m")
            status = await w.until(lambda s: s["applications"][0]["stage"] == "Completing")
            assert (status["phase"], status["applications"][0]["phase"]) == ("Syncing", "Syncing")
            assert (await w.status("sys-web"))["machine"] == "Bake"
            assert set(w.traffic()) == {*NEW}
            await w.phase("Synced")
        assert "sys-last" in await w.names(CHECK)


async def test_nothing_moves_before_every_cluster_is_ready() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await w.cell([*clusters(w, NEW[0]), w.cluster(NEW[1], "web", up=False)], w.app("web"))
            status = await w.phase("Pending")
            await asyncio.sleep(300)
            assert status["reason"] == "WaitingForClusters"
            assert (
                "1 of 2 clusters are ready; waiting for web-2-v2: There is no EKS cluster web-2-v2."
                in (await w.status())["message"]
            )
            assert set(w.traffic()) == {*OLD}
            w.eks.add(NEW[1])
            await w.phase("Synced")
        assert set(w.traffic()) == {*NEW}


async def test_applications_go_one_after_the_other() -> None:
    async with complex_world() as w:
        for role in ("web", "api"):
            await w.application_set(role)
        found = [*clusters(w, "web-v1"), *clusters(w, "api-v1", role="api")]
        w.route("web-v1")
        w.route("api-v1", priority=11)
        await w.cell(found, w.app("web"), w.app("api", 11))
        async with w.running():
            await w.phase("Synced")
            found = [*clusters(w, "web-v2"), *clusters(w, "api-v2", role="api")]
            await w.cell(found, w.app("web"), w.app("api", 11))
            await w.until(lambda s: s["applications"][0]["synced"]["version"] == "web-v2")
            assert (await w.app_status("api"))["synced"]["version"] == "api-v1"
            await w.phase("Synced")
        assert (set(w.traffic(10)), set(w.traffic(11))) == ({"web-v2"}, {"api-v2"})


async def test_workers_never_run_on_old_and_new_clusters_at_once() -> None:
    async with complex_world() as w:
        await w.application_set("jobs")
        strategy = {"updateStrategy": {"type": "DeleteBeforeCreate"}}
        worker = w.worker("jobs", postchecks=[check("alive")])
        worker["argocd"] |= strategy
        await w.cell(clusters(w, "jobs-v1", role="jobs"), worker)
        seen: list[int] = []
        w.argo.watch = lambda: seen.append(len({server for server, _ in w.argo.workloads}))
        async with w.running():
            await w.phase("Synced")
            await w.cell(clusters(w, "jobs-v2", role="jobs"), worker)
            await w.phase("Synced")
            await asyncio.sleep(60)
        assert max(seen) == 1
        assert await w.published("jobs") == {"jobs-v2"}
        assert await w.names(CELL) == {"sys"}, "it has no route"
        assert "sys-alive" in await w.names(CHECK)


async def test_names_of_clusters_that_count_downwards_are_no_older_version() -> None:
    """web-2 gives way to web-1, as where two names take turns: still step by step, and checked."""
    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("web-2", "web")
        route = w.route("web-2")
        app = w.app("web", checks=[check("dd")])
        await w.cell(clusters(w, "web-2"), app)
        async with w.running():
            await w.phase("Synced")
            route.history.clear()
            await w.cell(clusters(w, "web-1"), app)
            await w.phase("Synced")
        assert {each for weights in route.history if (each := share(w, weights, "web-1"))} == {50, 100}
        assert "sys-dd" in await w.names(CHECK)


def share(w: ComplexWorld, weights: dict[str, int], cluster: str) -> int:
    return round(100 * weights.get(w.groups[cluster], 0) / sum(weights.values()))


# -- failures ----------------------------------------------------------------------------------------------------------


async def test_a_failed_check_puts_the_traffic_back_and_then_the_clusters() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda query, _: 1.0 if "v2" in query else 0.0
            by_cluster = check("dd", query="errors {{.Vars.clusterName}}")
            await move(w, checks=[by_cluster])
            await w.until(lambda s: s["applications"][0]["phase"] == "CheckFailed")
            status = await w.phase("Failed")
            assert set(w.traffic()) == {*OLD}
            await asyncio.sleep(60)
            assert await w.published() == {*OLD}
            assert status["message"].startswith("web: Check dd failed at 50 %: 1 > max 0.1.")
            assert "okra retry sys" in status["message"]
            w.metrics.answer = lambda *_: 0.0
            await w.command("retry")
            await w.until(lambda s: s.get("phase") == "Synced" and s["commands"])
        assert set(w.traffic()) == {*NEW}
        assert w.argo.orphans == set()


async def test_a_first_move_that_fails_leaves_the_traffic_where_it_was_and_begins_again_on_command() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("before", "")
        route = w.route("before")
        w.metrics.answer = lambda *_: 1.0
        await w.cell(clusters(w, *NEW), w.app("web", checks=[check("dd")]))
        async with w.running():
            await w.phase("Failed")
            assert w.traffic() == {"before": 100}
            w.metrics.answer = lambda *_: 0.0
            await asyncio.sleep(300)
            assert w.traffic() == {"before": 100}, "a person decides"
            await w.command("retry")
            await w.until(lambda s: s.get("phase") == "Synced" and s["commands"])
        assert set(w.traffic()) == {*NEW}
        assert len(route.history) > 4


async def test_a_route_that_is_taken_away_in_the_middle_of_a_move_is_put_back_before_any_cluster_is_left() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            await w.until(lambda _: set(w.traffic()) == {*OLD, *NEW})
            await w.cell(clusters(w, *NEW), w.worker("web"))
            status = await w.until(lambda s: s["reason"] == "RouteRemoved")
            assert (status["phase"], set(w.traffic()), await w.published()) == ("Pending", {*OLD}, {*OLD})
            await asyncio.sleep(600)
            assert (set(w.traffic()), await w.published()) == ({*OLD}, {*OLD})
            await move(w)
            await w.phase("Synced")
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(60)
        assert (set(w.traffic()), await w.published()) == ({*NEW}, {*NEW})
        assert w.argo.orphans == set()


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_first_move_in_its_middle_gives_way_to_other_clusters_and_goes_back_with_its_cell(
    deleted: bool,
) -> None:
    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("before", "")
        w.route("before")
        await w.cell(clusters(w, *OLD), w.app("web"))
        async with w.running():
            await w.until(lambda _: set(w.traffic()) == {"before", *OLD})
            if deleted:
                await w.store.delete(CELL, "default", "sys")
                await w.gone(CELL)
            else:
                await move(w)
                await w.until(lambda _: w.traffic().keys() == {"before"})
                assert await w.published() == {*OLD}, "its traffic comes back first, and at once"
                await w.phase("Synced")
                assert await w.published() == {*NEW}, "nothing can go back there"
                await asyncio.sleep(60)
        assert set(w.traffic()) == ({"before"} if deleted else {*NEW})
        assert await w.published() == {*(OLD if deleted else NEW)}
        assert w.argo.orphans == set()


@asynccontextmanager
async def stopped() -> AsyncIterator[ComplexWorld]:
    """A Cell whose move failed under traffic, with onFailure Stop."""
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda *_: 1.0
            app = w.app("web", checks=[check("dd")])
            await w.cell(clusters(w, *NEW), app, onFailure={"action": "Stop"})
            await w.phase("Failed")
            yield w


async def test_with_stop_a_failure_freezes_everything_where_it_is() -> None:
    async with stopped() as w:
        await asyncio.sleep(300)
        assert "onFailure is Stop: nothing is put back." in (await w.status())["message"]
        assert set(w.traffic()) == {*OLD, *NEW}
        assert await w.published() == {*OLD, *NEW}
        w.metrics.answer = lambda *_: 0.0
        await w.cell(clusters(w, *OLD), w.app("web"))  # what a person does: back to the former spec
        await w.until(lambda s: s.get("phase") == "Synced" and s["observedGeneration"] == 3)
        await asyncio.sleep(600)
        assert set(w.traffic()) == {*OLD}
        assert await w.published() == {*OLD}


async def test_an_abort_of_what_stopped_reaches_the_child_that_holds_it_and_puts_the_traffic_back() -> None:
    async with stopped() as w:
        assert set(w.traffic()) == {*OLD, *NEW}
        await w.command("abort")
        status = await w.until(lambda s: s["commands"])
        assert status["commands"][0]["outcome"].startswith("web: reverting")
        await w.until(lambda _: set(w.traffic()) == {*OLD})
        assert (await w.status())["phase"] == "Failed"


async def test_a_failing_precheck_is_counted_down_and_changes_nothing() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda query, _: 1.0 if query == "run-test" else 0.0
            await move(w, prechecks=[check("run-test")])
            said: set[str] = set()

            def failed(status: dict[str, Any]) -> bool:
                said.add(status["applications"][0]["message"])
                return bool(status["phase"] == "Failed")

            await w.until(failed)
        assert "run-test failed. Waiting 60 seconds before starting a rollback" in said
        assert "run-test failed. Waiting 10 seconds before starting a rollback" in said
        assert (await w.published(), set(w.traffic())) == ({*OLD}, {*OLD})
        assert "sys-run-test" in await w.names(CHECK)


async def test_prechecks_that_passed_count_while_the_route_is_the_same() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w, prechecks=[check("run-test", query="{{.Vars.targetGroupName}} {{.Vars.loadBalancer}}")])
            await w.phase("Synced")
            made = await w.names(CHECK)
        assert made == {"sys-run-test-web-1-v2", "sys-run-test-web-2-v2"}
        assert w.reasons().count("CheckPassed") == 1
        assert set(w.traffic()) == {*NEW}


async def test_a_deployment_that_never_gets_healthy_is_taken_back() -> None:
    async with complex_world(health_timeout=60.0) as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            w.argo.broken["web-sys-web-1-v2"] = {"sync": {"status": "Synced"}, "health": {"status": "Degraded"}}
            await move(w)
            status = await w.phase("Failed")
            assert (await w.published(), set(w.traffic())) == ({*OLD}, {*OLD})
            await asyncio.sleep(60)
        assert condition(status, "Ready") == ("False", "RolledBack")
        assert "NotDeployed" in w.reasons()
        assert (await w.published(), set(w.traffic())) == ({*OLD}, {*OLD})


async def test_an_invalid_spec_is_said_and_nothing_is_forgotten() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            broken = {**w.app("web"), "argocd": None, "alb": None}
            await w.cell(clusters(w, *OLD), broken)
            status = await w.phase("Invalid")
            assert "spec.applications[0]" in status["message"]
            assert status["applications"][0]["synced"]["clusters"] == [*OLD]
            await w.cell(clusters(w, *OLD), w.app("web"))
            status = await w.phase("Synced")
        assert status["applications"][0]["attempt"] == 1


async def test_a_name_that_another_has_is_said_and_never_taken_over() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        theirs: Object = {"apiVersion": CLUSTER.api_version, "kind": "ArgoCDCluster"}
        theirs |= {"metadata": {"namespace": "default", "name": "sys-web-1-v1"}, "spec": {"eks": {"clusterName": "x"}}}
        await w.store.real.create(CLUSTER, theirs)
        async with w.running():
            status = await w.phase("Failed")
            assert status["reason"] == "AlreadyExists"
            assert "The ArgoCDCluster sys-web-1-v1 exists and isn't the Cell's" in status["message"]
            kept = await w.get("sys-web-1-v1", CLUSTER)
            assert kept is not None
            assert kept["spec"] == {"eks": {"clusterName": "x"}}
            await w.store.real.delete(CLUSTER, "default", "sys-web-1-v1")
            await w.phase("Synced")


# -- restarts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1.0, 12.0, 25.0, 40.0, 55.0, 90.0])
async def test_a_restart_at_any_time_leads_to_the_same_end(seconds: float) -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
        await move(w, prechecks=[check("run-test")], postchecks=[check("last")])
        async with w.running():
            await asyncio.sleep(seconds)
        async with w.running():
            await w.phase("Synced")
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(60)
        assert (set(w.traffic()), await w.published()) == ({*NEW}, {*NEW})
        assert (await w.app_status())["attempt"] == 2
        assert w.argo.orphans == set()


# -- people ------------------------------------------------------------------------------------------------------------


async def test_a_command_goes_to_the_child_that_moves_and_its_answer_is_told() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            await w.command("abort")
            status = await w.until(lambda s: s["commands"])
            assert status["commands"][0]["outcome"].startswith("web: reverting")
            await w.phase("Failed")
        assert set(w.traffic()) == {*OLD}


async def test_a_command_about_traffic_is_refused_where_none_moves() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await w.command("promote")
            status = await w.until(lambda s: s["commands"])
        assert status["commands"][0]["outcome"].startswith("Refused: no traffic moves.")


async def test_a_paused_cell_holds_its_children_too() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            await w.cell(clusters(w, *NEW), w.app("web"), paused=True)
            await w.until(lambda s: s.get("phase") == "Paused", name="sys-web")
            await asyncio.sleep(600)
            assert set(w.traffic()) == {*OLD, *NEW}
            await w.cell(clusters(w, *NEW), w.app("web"))
            await w.phase("Synced")
        assert set(w.traffic()) == {*NEW}


async def test_a_cell_that_is_deleted_in_mid_move_is_put_back_and_takes_its_children_along() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        async with w.running():
            await w.phase("Synced")
            await move(w)
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL)
        assert set(w.traffic()) == {*OLD}
        assert (await w.names(CLUSTER), await w.names(DEPLOYMENT)) == (set(), set())
        assert await w.published() == {*OLD}


async def test_a_cell_that_loses_what_moves_and_is_deleted_before_it_looks_puts_it_back_and_goes() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        await w.application_set("jobs")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.until(lambda _: w.traffic().get("v2", 0) > 0)
            await w.cell([w.cluster("j1", "jobs")], w.worker("jobs"))
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL)
        assert set(w.traffic()) == {"v1"}


async def test_a_read_only_okra_writes_no_child() -> None:
    async with complex_world() as w:
        await w.web_on(*OLD)
        w.gate.open = False
        async with w.running():
            await w.until(lambda s: s.get("reason") == "ReadOnly")
            await asyncio.sleep(120)
        assert (await w.names(CLUSTER), await w.names(CELL)) == (set(), {"sys"})
