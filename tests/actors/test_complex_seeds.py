"""The long examples, a Cell's and hotswap's System, as the two source pages describe them, line by line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.kinds import HOTSWAP, OKRA
from okra.testing.fake_argocd import SECRET
from okra.testing.fake_aws import REGION, FakeRoute
from tests.actors.seeds_world import JOB, Long, SeedsWorld, on_the_older, seeds_world, told

pytestmark = pytest.mark.looptime


CELL = Long(OKRA, "06-whole-clusters", "mysystem", "mycluster", "store")
SYSTEM = Long(HOTSWAP, "07-hotswap-system", "shop", "shop", "shop")
both = pytest.mark.parametrize("example", [pytest.param(CELL, id="Cell"), pytest.param(SYSTEM, id="System")])


def serves(w: SeedsWorld, route: FakeRoute) -> set[str]:
    names = {arn: name for name, arn in w.groups.items()}
    return {names[arn] for arn, weight in route.weights.items() if weight}


def phases(w: SeedsWorld) -> list[tuple[str, ...]]:
    """Of the applications, each time that one changed."""
    found = [tuple(each["phase"] for each in status["applications"]) for status in w.seen]
    return [each for index, each in enumerate(found) if index == 0 or each != found[index - 1]]


# -- the good way ------------------------------------------------------------------------------------------------------


@both
async def test_the_long_example_brings_each_application_to_its_clusters_one_after_the_other(example: Long) -> None:
    async with on_the_older(example) as story:
        w, web, api = story.w, story.web, story.api
        await story.new()
        await story.settled()
        assert [each for each in phases(w) if "Syncing" in each] == [
            ("Syncing", "Pending", "Pending"),
            ("Synced", "Syncing", "Pending"),
            ("Synced", "Synced", "Syncing"),
        ]
        await asyncio.sleep(1200)
        prefix = example.prefix
        new, old = [[f"{prefix}-web-{number}-v{version}" for number in (1, 2)] for version in (2, 1)]
        moved = [(share.get(new[0], 0), share.get(new[1], 0), share.get(old[0], 0)) for share in w.shares(web)]
        tenths = [(part, part, 50 - part) for part in range(0, 51, 5)]
        assert [each for index, each in enumerate(moved) if index == 0 or each != moved[index - 1]] == tenths
        assert [each for each in w.shares(api) if f"{prefix}-api-v1" in each][:1] == [{f"{prefix}-api-v1": 100}]
        assert (serves(w, web), serves(w, api)) == ({*new}, {f"{prefix}-api-v1"})
        assert w.argo.orphans == set()
        jobs = "backgroundjobs" if example is CELL else "shop-jobs"
        assert w.argo.most_clusters_at_once(jobs) == 1
        assert story.running() == {*new, *example.clusters("api-v1", "backgroundjobs-v1")}, "the older ones are left"


@both
async def test_the_children_are_those_that_the_pages_show(example: Long) -> None:
    async with told(example) as story:
        w, family, name = story.w, example.family, example.name
        async with w.running():
            await story.new()
            await story.settled(1)
            await asyncio.sleep(60)
        first, second = sorted(example.clusters("web-1-v2", "web-2-v2"))
        cluster = await w.get(f"{name}-{first}", family.cluster)
        assert cluster is not None
        assert cluster["apiVersion"] == f"{family.cell.group}/v1alpha1"
        assert cluster["metadata"]["labels"]["role"] == "web"
        assert cluster["spec"]["eks"] == {"clusterName": first}
        assert (cluster["status"]["ready"], cluster["status"]["phase"]) == (True, "Running")
        deployment = await w.get(f"{name}-web", family.deployment)
        assert deployment is not None
        role = "web" if example is CELL else "shop-web"
        named = {} if example is CELL else {"name": "web-clusters"}
        assert deployment["spec"] == {
            "clusterNames": [f"{name}-{first}", f"{name}-{second}"],
            "clusterSecret": {"labels": {"myservice-role": role}, **named},
            "applicationSet": {"name": role},
        }
        assert deployment["status"]["ready"] is True
        assert await w.names(family.cell) == {name, f"{name}-web", f"{name}-api"}


@both
async def test_each_cluster_has_one_secret_which_carries_the_labels_of_its_application(example: Long) -> None:
    async with told(example) as story:
        async with story.w.running():
            await story.new()
            await story.settled(1)
        listing = await story.w.store.real.list(SECRET, "argocd")
        labels = {each["metadata"]["name"]: each["metadata"]["labels"] for each in listing.items}
        clusters = example.clusters("web-1-v2", "web-2-v2", "api-v1", "backgroundjobs-v1")
        assert set(labels) == {f"{example.name}-{each}" for each in clusters}
        found = labels[f"{example.name}-{example.prefix}-web-1-v2"]
        assert found["argocd.argoproj.io/secret-type"] == "cluster"
        assert found["myservice-role"] == ("web" if example is CELL else "shop-web")
        assert found.get("okra.mumoshu.github.io/cluster-secret") == (None if example is CELL else "web-clusters")


async def test_a_check_is_made_for_each_cluster_that_is_asked_something_of_its_own() -> None:
    async with on_the_older(CELL) as story:
        w = story.w
        await story.new()
        await story.settled()
        names = {f"mysystem-dd-mycluster-web-{number}-v2" for number in (1, 2)}
        assert await w.names(CHECK) == {*names, "mysystem-dd", "mysystem-run-test"}
        for name, query in ((min(names), "mycluster-web-1-v2"), ("mysystem-dd", "mycluster-api-v1")):
            found = await w.get(name, CHECK)
            assert found is not None
            analysis, status = found["spec"]["analysis"], found["status"]
            assert (analysis["interval"], analysis["max"]) == ("10s", 0.1)
            assert f"{{cluster:{query}}}" in analysis["query"]
            assert f"targetgroup:{w.groups[query]}" in analysis["query"]
            assert (
                "listener:arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/store" in analysis["query"]
            )
            assert status["analysis"]["observedHash"] == found["metadata"]["annotations"]["analysis-hash"]
            assert status["lastPassed"] is True
            assert status["lastRunTime"] == status["analysis"]["results"][-1]["time"]


async def test_nothing_moves_before_every_cluster_of_the_example_is_there() -> None:
    async with on_the_older(CELL) as story:
        before = set(story.w.argo.workloads)
        await story.new()
        story.w.eks.infos.pop("mycluster-backgroundjobs-v1")
        status = await story.ends("Pending")
        await asyncio.sleep(900)
        assert "There is no EKS cluster mycluster-backgroundjobs-v1." in status["message"]
        assert (story.web.history, story.api.history, set(story.w.argo.workloads)) == ([], [], before)
        story.w.eks.add("mycluster-backgroundjobs-v1")
        await story.settled()


async def test_a_cluster_that_is_not_there_in_its_time_fails_the_cell_and_nothing_has_moved() -> None:
    async with on_the_older(CELL) as story:
        await story.new()
        story.w.eks.change("mycluster-web-1-v2", status="CREATING")
        status = await story.ends("Failed")
        assert (status["reason"], story.web.history, story.api.history) == ("ClusterNotReady", [], [])
        assert "Not ready in time: mycluster-web-1-v2. Nothing has moved." in status["message"]
        story.w.eks.change("mycluster-web-1-v2", status="ACTIVE")
        await story.settled()


# -- failures ----------------------------------------------------------------------------------------------------------


@both
async def test_a_failing_precheck_counts_down_in_the_words_of_the_pages_and_the_workers_stay(example: Long) -> None:
    async with on_the_older(example) as story:
        w = story.w
        w.jobs = lambda _name: "Failed"
        await story.new()
        status = await story.ends("Failed")
        await asyncio.sleep(600)
        said = [each for status in w.seen for each in status["applications"] if each["phase"] == "PrecheckFailed"]
        assert said[0]["message"] == "run-test failed. Waiting 60 seconds before starting a rollback"
        assert {each["name"] for each in said} == {"backgroundjobs"}
        assert [each["phase"] for each in status["applications"]] == ["Synced", "Synced", "Failed"]
        assert story.running("jobs") == example.clusters("backgroundjobs-v0")
        assert (await w.store.real.list(JOB)).items, "it really ran one"


@both
async def test_a_check_that_fails_on_the_way_puts_the_very_weights_back_and_holds_up_what_comes_after(
    example: Long,
) -> None:
    async with on_the_older(example) as story:
        w, web = story.w, story.web
        before, new = dict(web.weights), example.clusters("web-1-v2", "web-2-v2")

        def answer(query: str, _window: Any) -> float:
            third = w.shares(web) and sum(w.shares(web)[-1].get(each, 0) for each in new) >= 30
            return 1.0 if third and "-v2" in query else 0.0

        w.metrics.answer = answer
        await story.new()
        status = await story.ends("Failed")
        await asyncio.sleep(900)
        assert [each["phase"] for each in status["applications"]] == ["Failed", "Pending", "Pending"]
        assert status["applications"][0]["stage"] == "Error"
        assert "Check dd failed at 30 %" in status["message"]
        assert {"CheckFailed", "Syncing"} <= {each[0] for each in phases(w)}
        assert "Reverting" in {each["phase"] for each in w.seen}
        assert {arn: weight for arn, weight in web.weights.items() if weight} == before
        assert story.api.history == []
        assert story.running() == example.clusters("web-1-v1", "web-2-v1", "api-v0", "backgroundjobs-v0")


async def test_one_arn_for_two_clusters_that_tags_select_is_said_and_nothing_moves() -> None:
    async with told(CELL) as story:
        w = story.w
        w.text = lambda text: text.replace("arnFromLabel: targetGroupARN", f"arn: {w.aws.add_group('one', {})}", 1)
        async with w.running():
            await story.new()
            shared = "has the target group of another cluster"
            status = await w.until(lambda status: shared in status.get("message", ""), "mysystem")
            await asyncio.sleep(600)
        assert status["message"].startswith(f"web: mycluster-web-2-v2 {shared}")
        assert (story.web.history, w.argo.workloads) == ([], set())


# -- the other examples ------------------------------------------------------------------------------------------------


async def test_the_blue_green_example_moves_all_at_once_and_keeps_the_way_back_for_an_hour() -> None:
    async with seeds_world() as w:
        route = w.forwards(f"{REGION}:listener/app/payments/0123456789abcdef/0123456789abcdef", "payments-blue")
        async with w.running():
            name = await w.example("08-blue-green-clusters")
            await w.settled(name, 1, "app")
            route.history.clear()
            w.text = lambda text: text.replace("payments-blue", "payments-green")
            await w.example("08-blue-green-clusters")
            await w.settled(name, 2, "app")
            assert w.shares(route) == [{"payments-blue": 100}, {"payments-green": 100}]
            await asyncio.sleep(1800)
            assert len(w.argo.workloads) == 2, "the way back is open"
            await asyncio.sleep(3600)
        assert {server for server, _ in w.argo.workloads} == {w.eks.infos["payments-green"].endpoint}


async def test_the_example_of_workers_never_runs_them_twice_and_brings_them_back_when_a_postcheck_fails() -> None:
    async with seeds_world() as w:
        async with w.running():
            name = await w.example("09-background-workers")
            w.metrics.answer = lambda query, _window: 1.0 if "mails_sent" in query else 0.0
            await w.settled(name, 1, "workers")
            w.metrics.answer = lambda _query, _window: 0.0
            w.text = lambda text: text.replace("mailer-2026-11", "mailer-2026-12")
            await w.example("09-background-workers")
            status = await w.until(lambda status: status["phase"] == "Failed", name)
            await asyncio.sleep(60)
            assert {server for server, _ in w.argo.workloads} == {w.eks.infos["mailer-2026-11"].endpoint}
            assert "PostcheckFailed" in {each[0] for each in phases(w)}
            assert "mails-are-sent failed" in status["message"]
            w.metrics.answer = lambda query, _window: 1.0 if "mails_sent" in query else 0.0
            await w.command("retry", name=name)
            await w.until(lambda status: status["phase"] == "Synced", name)
            await asyncio.sleep(60)
        assert {server for server, _ in w.argo.workloads} == {w.eks.infos["mailer-2026-12"].endpoint}
        assert w.argo.most_clusters_at_once("mailer") == 1


# -- from hotswap to Okra ----------------------------------------------------------------------------------------------


async def test_a_system_that_becomes_a_cell_moves_no_traffic_and_stops_no_workload() -> None:
    """docs/migrating-from-hotswap.md: delete the one, and apply the other."""
    async with told(SYSTEM) as story:
        w, web, api = story.w, story.web, story.api
        async with w.running():
            await story.new()
            await story.settled(1)
            await asyncio.sleep(1200)
            await w.store.real.delete(HOTSWAP.cell, "default", "shop")
            await w.gone(HOTSWAP.cell)
            await asyncio.sleep(60)
        assert await w.names(HOTSWAP.cluster) == set()
        running, history = w.argo.workloads, len(w.argo.history)
        web.history.clear()
        api.history.clear()
        w.family = OKRA
        w.text = lambda text: text.replace("hotswap.mumoshu.github.io", "okra.mumoshu.github.io").replace(
            "System", "Cell"
        )
        async with w.running():
            await story.new()
            await story.settled(1)
            await asyncio.sleep(1200)
        assert (web.history, api.history) == ([], [])
        assert (w.argo.workloads, len(w.argo.history)) == (running, history)
        secrets = (await w.store.real.list(SECRET, "argocd")).items
        owners = {each["metadata"]["annotations"]["okra.mumoshu.github.io/owner"].split("/")[0] for each in secrets}
        assert owners == {"okra.mumoshu.github.io"}
