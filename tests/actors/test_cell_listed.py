"""A Cell whose spec names its target groups one by one: their tags don't count."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.ports import Object
from tests.actors.world import LABEL, QUICK, cell, check, world

pytestmark = pytest.mark.looptime


def listing(*groups: tuple[str, str, str], **spec: Any) -> Object:
    """A Cell with target groups of (ARN, version, cluster)."""
    obj = cell(**{**QUICK, **spec})
    block = obj["spec"]["ingress"]["awsApplicationLoadBalancer"]
    del block["targetGroupSelector"]
    block["targetGroups"] = [{"arn": arn, "version": version, "cluster": cluster} for arn, version, cluster in groups]
    return obj


async def test_listed_groups_without_tags_get_the_traffic_of_the_pinned_version() -> None:
    async with world() as w:
        old, new = w.aws.add_group("old", {}), w.aws.add_group("new", {LABEL: "0.0.1"})
        route = w.route({old: 100})
        await w.apply(listing((old, "blue", "web-blue"), (new, "green", "web-green"), version="green"))
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "green" and s["phase"] == "Synced")
        assert (route.weights[old], status["previousVersion"]) == (0, "blue")
        assert route.weights[new] > 0


async def test_a_group_that_is_listed_later_is_looked_for_at_once() -> None:
    async with world(discovery_interval=3600.0) as w:
        old, new = w.aws.add_group("old", {}), w.aws.add_group("new", {})
        route = w.route({old: 100})
        await w.apply(listing((old, "v1", "a")))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "v1")
            await asyncio.sleep(60)
            await w.apply(listing((old, "v1", "a"), (new, "v2", "b"), version="v2"))
            await w.until(lambda s: s.get("stableVersion") == "v2", within=120)
        assert route.weights[new] > 0
        assert (await w.status())["warnings"] == []


async def test_a_listed_group_that_does_not_exist_is_named_and_moves_nothing() -> None:
    async with world() as w:
        old = w.aws.add_group("old", {})
        missing = old.replace("/old/", "/web-v2/")
        route = w.route({old: 100})
        await w.apply(listing((old, "v1", "a"), (missing, "v2", "b"), version="v2"))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "v1")
            await asyncio.sleep(120)
            status = await w.status()
        assert any(missing in warning for warning in status["warnings"])
        assert "0 of 1 target groups" in status["message"]
        assert route.history == []


async def test_a_check_is_asked_of_the_cluster_that_the_list_names() -> None:
    async with world() as w:
        old, new = w.aws.add_group("old", {}), w.aws.add_group("new", {})
        w.route({old: 100})
        by_cluster = check("dd", query="errors{cluster:{{.Vars.clusterName}}}")
        await w.apply(listing((old, "v1", "web-v1"), (new, "v2", "web-v2"), version="v2", checks=[by_cluster]))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "v2")
            found = (await w.store.list(CHECK, "default")).items
        assert [obj["spec"]["analysis"]["query"] for obj in found] == ["errors{cluster:web-v2}"]


async def test_a_group_at_0_that_is_listed_no_more_is_let_go_once_it_has_no_traffic() -> None:
    """Its drainTimeout is for one that has."""
    async with world() as w:
        old, new = w.aws.add_group("old", {}), w.aws.add_group("new", {})
        route = w.route({old: 100})
        spec: dict[str, Any] = {"checks": [check("dd")], "retainFor": "1s", "drainTimeout": "10h"}
        w.metrics.answer = lambda *_: 1.0
        await w.apply(listing((old, "v1", "a"), (new, "v2", "b"), version="v2", onFailure={"action": "Stop"}, **spec))
        async with w.running():
            await w.until(lambda s: (s.get("rollout") or {}).get("outcome") == "Stopped")
            assert route.weights[new]
            await w.apply(listing((old, "v1", "a"), version="v1", **spec))
            await w.when(lambda: new not in route.weights, within=120)
        assert route.weights[old]
