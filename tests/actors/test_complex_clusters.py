"""Which clusters a complex Cell's applications are on, and where their target groups are found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.errors import Throttled, Unavailable
from okra.ports_clusters import TargetGroupBinding
from okra.testing.fake_argocd import APPLICATION, APPLICATION_SET, SECRET, application_set
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, LISTENER, ComplexWorld, complex_world

pytestmark = pytest.mark.looptime


def tagged(w: ComplexWorld, *names: str, up: bool = True, **tags: str) -> list[dict[str, Any]]:
    """Clusters that only their tags in EKS tell apart; these hold their target groups, too."""
    found = []
    for name in names:
        body = w.cluster(name, "", up=False)
        if up:
            w.eks.add(name, tags={"targetGroupARN": w.groups[name], **tags})
        found.append({"name": body["name"]})
    return found


def by_tags(w: ComplexWorld, **tags: str) -> dict[str, Any]:
    return {**w.app("web"), "clusterSelector": {"matchEKSTags": tags or {"role": "web"}}}


def placed(status: dict[str, Any]) -> list[str]:
    found: list[str] = (status["applications"][0]["synced"] or {"clusters": []})["clusters"]
    return found


async def test_clusters_are_found_by_their_tags_in_eks() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        found = [*tagged(w, "a", "b", role="web"), *tagged(w, "c", role="other")]
        w.route("a")
        await w.cell(found, by_tags(w))
        async with w.running():
            status = await w.phase("Synced")
            assert placed(status) == ["a", "b"]
            assert await w.published() == {"a", "b"}
            await w.until(lambda _: set(w.traffic()) == {"a", "b"})  # the second joins


async def test_nothing_is_decided_before_the_tags_of_every_cluster_are_known() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        first = tagged(w, "a", role="web")
        w.route("a")
        await w.cell(first, by_tags(w))
        async with w.running():
            await w.phase("Synced")
            await w.cell([*tagged(w, "b", role="web"), *tagged(w, "c", up=False)], by_tags(w))
            status = await w.phase("Pending")
            assert "There is no EKS cluster c." in status["message"]
            await asyncio.sleep(300)
            assert (set(w.traffic()), await w.published()) == ({"a"}, {"a"})
            w.eks.add("c", tags={"role": "web", "targetGroupARN": w.groups["c"]})
            assert placed(await w.phase("Synced")) == ["b", "c"]


async def test_an_eks_that_does_not_answer_changes_nothing_and_takes_nothing_back() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        first = tagged(w, "a", role="web")
        w.route("a")
        await w.cell(first, by_tags(w))
        async with w.running():
            await w.phase("Synced")
            w.eks.refuses = Throttled("too many")
            await asyncio.sleep(600)
            assert placed(await w.status()) == ["a"]
            assert (set(w.traffic()), await w.published()) == ({"a"}, {"a"})
        async with w.running():  # a process that never knew the tags
            await asyncio.sleep(600)
            assert (set(w.traffic()), await w.published()) == ({"a"}, {"a"})
            w.eks.refuses = None
            await w.phase("Synced")


async def test_what_moves_goes_on_while_the_tags_are_unknown() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        first = tagged(w, "a", role="web")
        w.route("a")
        await w.cell(first, by_tags(w))
        async with w.running():
            await w.phase("Synced")
            await w.cell(tagged(w, "b", role="web"), by_tags(w))
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
        w.eks.refuses = Unavailable("down")
        async with w.running():
            await w.until(lambda s: placed(s) == ["b"])
            w.eks.refuses = None
            await w.phase("Synced")
        assert set(w.traffic()) == {"b"}


async def test_target_groups_are_found_by_their_bindings_in_the_clusters() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        found = [w.cluster("a", "web"), w.cluster("b", "web")]
        for name in ("a", "b"):
            w.eks.bindings[name] = [TargetGroupBinding("prod", "web", w.groups[name])]
        w.route("a")
        app = w.app("web")
        app["alb"]["forwardConfig"]["targetGroup"] = {"targetgroupBindingSelector": "svc=web"}
        await w.cell(found, app)
        async with w.running():
            await w.phase("Synced")
            await w.until(lambda _: set(w.traffic()) == {"a", "b"})  # the second joins


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ({}, "a has no label targetGroupARN, which is to hold its target group's ARN."),
        ({"targetGroupARN": "web"}, "a: 'web' isn't the ARN of a target group."),
    ],
)
async def test_a_cluster_without_a_target_group_is_said_and_nothing_begins(label: dict[str, str], says: str) -> None:
    async with complex_world() as w:
        await w.application_set("web")
        body = w.cluster("a", "web")
        w.route("a")
        await w.cell([{**body, "labels": {"role": "web", **label}}], w.app("web"))
        async with w.running():
            await w.until(lambda s: says in s.get("message", ""))
            await asyncio.sleep(60)
            assert await w.names(DEPLOYMENT) == set()
            await w.cell([body], w.app("web"))
            await w.phase("Synced")


async def test_two_bindings_of_one_cluster_or_two_clusters_of_one_group_are_told_apart_by_nobody() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        found = [w.cluster("a", "web"), w.cluster("b", "web")]
        w.eks.bindings["a"] = [TargetGroupBinding("x", "one", w.groups["a"])]
        w.eks.bindings["a"] += [TargetGroupBinding("x", "two", w.groups["b"])]
        app = w.app("web")
        app["alb"]["forwardConfig"]["targetGroup"] = {"targetgroupBindingSelector": "svc=web"}
        w.route("a")
        await w.cell(found, app)
        async with w.running():
            await w.until(lambda s: "must name one target group; there are: x/one, x/two." in s.get("message", ""))
            for name in ("a", "b"):
                w.eks.bindings[name] = [TargetGroupBinding("x", "one", w.groups["a"])]
            await w.until(lambda s: "b has the target group of another cluster" in s.get("message", ""))
        assert set(w.traffic()) == {"a"}


async def test_the_one_cluster_of_an_application_may_have_its_group_in_the_spec() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        body = w.cluster("a", "web")
        app = w.app("web")
        app["alb"]["forwardConfig"] = {"targetGroup": {"arn": w.groups["a"]}}
        w.aws.add_route(LISTENER, {w.groups["a"]: 1})
        await w.cell([body], app)
        async with w.running():
            await w.phase("Synced")
        child = await w.get("sys-web")
        assert child is not None
        assert "rule" not in child["spec"]["ingress"]["awsApplicationLoadBalancer"]


# -- what is changed behind its back -----------------------------------------------------------------------------------


async def test_a_child_that_somebody_deleted_or_changed_is_made_as_it_was() -> None:
    async with complex_world() as w:
        await w.web_on("a")
        async with w.running():
            await w.phase("Synced")
            await w.store.real.delete(CELL, "default", "sys-web")
            await w.store.real.delete(CLUSTER, "default", "sys-a")
            await w.store.real.patch(DEPLOYMENT, "default", "sys-web", {"spec": {"clusterNames": ["sys-a", "sys-z"]}})
            await asyncio.sleep(120)
            assert await w.names(CELL) == {"sys", "sys-web"}
            assert await w.names(CLUSTER) == {"sys-a"}
            deployment = await w.get("sys-web", DEPLOYMENT)
            assert deployment is not None
            assert deployment["spec"]["clusterNames"] == ["sys-a"]
            await w.store.real.patch(CELL, "default", "sys-web", {"spec": {"retainFor": "9h"}})
            await asyncio.sleep(120)
            child = await w.get("sys-web")
            assert child is not None
            assert "retainFor" not in child["spec"]
        assert set(w.traffic()) == {"a"}


async def test_an_edit_that_moves_nothing_reaches_the_children() -> None:
    async with complex_world() as w:
        await w.web_on("a")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("a", "web")], w.app("web"), bakeTime="7m", deletionPolicy="Delete")
            await w.phase("Synced")
            child, cluster = await w.get("sys-web"), await w.get("sys-a", CLUSTER)
        assert child is not None
        assert cluster is not None
        assert (child["spec"]["bakeTime"], cluster["spec"]["deletionPolicy"]) == ("7m", "Delete")
        assert (await w.app_status())["attempt"] == 1


async def test_retain_keeps_the_secrets_of_clusters_too_that_are_being_left() -> None:
    async with complex_world() as w:
        await w.web_on("a")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("a", "web")], w.app("web"), deletionPolicy="Delete")
            await w.phase("Synced")
            await w.cell([w.cluster("b", "web")], w.app("web"), deletionPolicy="Delete", retainFor="10m")
            await w.phase("Synced")
            assert (await w.app_status())["former"] == ["a"]
            await w.cell([w.cluster("b", "web")], w.app("web"), deletionPolicy="Retain", retainFor="10m")
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(300)
        assert await w.names(CLUSTER) == {"sys-b"}
        assert await w.names(SECRET) >= {"sys-a", "sys-b"}


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_the_children_of_an_application_that_is_gone_go_and_its_traffic_stays(policy: str) -> None:
    async with complex_world() as w:
        await w.application_set("web")
        await w.application_set("api")
        w.route(w.cluster("a", "web")["name"])
        w.route(w.cluster("b", "api")["name"], priority=11)
        await w.cell(
            [w.cluster("a", "web"), w.cluster("b", "api")], w.app("web"), w.app("api", 11), deletionPolicy=policy
        )
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("a", "web")], w.app("web"), deletionPolicy=policy)
            await w.phase("Synced")
            await asyncio.sleep(60)
        assert await w.names(CELL) == {"sys", "sys-web"}
        assert await w.names(DEPLOYMENT) == {"sys-web"}
        assert await w.names(CLUSTER) == {"sys-a"}
        assert set(w.traffic(11)) == {"b"}
        assert await w.published("api") == {"b"}, "it goes on serving"


async def test_a_cluster_that_an_application_that_is_gone_runs_on_keeps_its_secret_when_the_others_leave_it() -> None:
    async with complex_world() as w:
        labels = {"api": "on"}
        await w.application_set("web")
        await w.store.real.apply(APPLICATION_SET, application_set("api", labels, own={"app": "api"}))
        a, b = w.cluster("a", "web"), w.cluster("b", "web")
        w.route("a")
        argocd = {"clusterSecret": {"labels": labels}, "applicationSet": {"name": "api"}}
        api = w.worker("api", clusterSelector={"role": "web"}, argocd=argocd)
        await w.cell([a], w.app("web"), api, deletionPolicy="Delete")
        async with w.running():
            await w.phase("Synced")
            await w.cell([a], w.app("web"), deletionPolicy="Delete")
            await w.phase("Synced")
            await w.cell([b], w.app("web"), deletionPolicy="Delete")
            await w.until(lambda s: s["phase"] == "Synced" and not s["applications"][0]["former"])
            status = await w.until(lambda s: s.get("phase") == "Deleting", "sys-a", CLUSTER)
            assert status["conditions"][0]["reason"] == "StillPublished"
            assert await w.published() == {"b"}
            await w.cell([b], w.app("web"), deletionPolicy="Retain")
            await asyncio.sleep(120)
        assert await w.names(CLUSTER) == {"sys-b"}
        secret = await w.store.real.get(SECRET, "argocd", "sys-a")
        assert (labels.items() <= secret["metadata"]["labels"].items(), w.argo.orphans) == (True, set())
        assert "api-sys-a" in await w.names(APPLICATION), "it goes on serving"


async def test_the_groups_of_clusters_that_were_left_are_listed_no_more() -> None:
    async with complex_world() as w:
        await w.web_on("a")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("b", "web")], w.app("web"))
            await w.phase("Synced")
            both = await w.get("sys-web")
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(120)
            one = await w.get("sys-web")
        listed = [
            [each["cluster"] for each in child["spec"]["ingress"]["awsApplicationLoadBalancer"]["targetGroups"]]
            for child in (both, one)
            if child is not None
        ]
        assert listed == [["a", "b"], ["b"]]
        assert set(w.traffic()) == {"b"}


async def test_ten_specs_are_kept() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        w.route(w.cluster("a", "web")["name"])
        async with w.running():
            for number in range(13):
                await w.cell([w.cluster("a", "web")], w.app("web"), bakeTime=f"{number + 1}m")
                await w.phase("Synced")
            assert await w.revisions() == [*range(4, 14)]
            await w.cell([w.cluster("a", "web")], w.app("web"), bakeTime="12m")
            await w.phase("Synced")
            assert await w.revisions() == [4, 5, 6, 7, 8, 9, 10, 11, 13, 14]


async def test_clusters_stay_published_as_long_as_a_rule_of_before_forwards_to_them() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("v1")
        w.route("v1", priority=20)
        await w.phase("Synced")
        found = w.cluster("v1", "web")
        await w.cell([found], w.app("web", priority=20))
        await w.until(lambda s: s["applications"][0]["routesBefore"] == [f"{LISTENER}#10"])
        await w.phase("Synced")
        await w.cell([w.cluster("v2", "web")], w.app("web", priority=20))
        await w.until(lambda s: s["reason"] == "RouteAndClusters")
        await asyncio.sleep(600)
        assert (w.traffic(10), w.traffic(20), await w.published()) == ({"v1": 100}, {"v1": 100}, {"v1"})
        del w.aws.routes[f"{LISTENER}#10"]
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        assert (set(w.traffic(20)), await w.published()) == ({"v2"}, {"v2"})
        assert (await w.app_status())["routesBefore"] == []
