"""What the spec says, before and in mid-rollout; and what it can't say."""

import asyncio
from typing import Any

import pytest

from okra.actors.argocd import ArgoCD
from okra.rollout.rest import Rest
from okra.testing.fake_clusters import FakeClusters
from tests.actors.world import LABEL, QUICK, cell, listener, world

pytestmark = pytest.mark.looptime


def broken() -> dict[str, Any]:
    obj = cell()
    obj["spec"]["replicas"] = 0
    return obj


@pytest.mark.parametrize(
    ("obj", "reason", "field"),
    [
        (broken(), "InvalidSpec", "spec.replicas"),
        (cell(ingress={"type": "AWSApplicationLoadBalancer"}), "InvalidSpec", "spec.ingress"),
        (cell(unknown=1), "InvalidSpec", "spec.unknown"),
    ],
)
async def test_a_spec_that_cannot_be_run_is_a_condition_and_no_aws_call(
    obj: dict[str, Any], reason: str, field: str
) -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(obj)
        async with w.running():
            status = await w.until(lambda s: s.get("conditions"), within=60)
            assert w.condition(status, "Ready") == ("False", reason)
            assert field in status["message"]
            assert status["phase"] == "Invalid"
            await asyncio.sleep(300)
            assert w.aws.calls.total() == 0
            assert w.rests["web"] is Rest.INVALID
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


@pytest.mark.parametrize(
    ("parts", "remedy"),
    [
        ({}, "give the Cell an ingress here"),
        ({"jobs": True}, "set OKRA_ARGOCD=true"),
        ({"jobs": True, "argocd": ArgoCD(FakeClusters(), FakeClusters())}, "give it that back; or delete it"),
    ],
    ids=["okra run", "without Argo CD", "it had a route"],
)
async def test_a_cell_that_becomes_one_of_whole_clusters_says_what_to_do(parts: dict[str, Any], remedy: str) -> None:
    argocd = {"clusterSecret": {"labels": {"a": "b"}}, "applicationSet": {"name": "a"}}
    whole = {"clusters": [{"name": "a"}], "applications": [{"name": "web", "argocd": argocd}]}
    async with world() as w:
        route, old, _ = w.two_versions()
        await w.apply(cell(version="1.0.0"))
        async with w.running(**parts):
            await w.phase("Synced", within=60)
            await w.apply({**cell(), "spec": whole})
            status = await w.phase("Invalid", within=60)
            assert remedy in status["message"]
            assert route.weights[old] == 100


async def test_a_spec_that_turns_bad_in_mid_rollout_moves_nothing_until_it_is_good_again() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(broken())
            await w.phase("Invalid")
            held = dict(route.weights)
            calls = w.aws.calls["ModifyListener"]
            await asyncio.sleep(300)
            assert (route.weights, w.aws.calls["ModifyListener"]) == (held, calls)
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert route.weights == {old: 0, new: 1}


async def test_an_edit_of_the_plan_in_mid_rollout_counts_from_the_next_rollout_on() -> None:
    """The plan is frozen when a rollout starts."""
    async with world() as w:
        route, _old, new = w.two_versions()
        canary = {"stepWeight": 50, "stepInterval": "20m"}
        slow: dict[str, Any] = {"updateStrategy": {"type": "Canary", "canary": canary}}
        await w.apply(cell(**slow))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            began = w.clock.now()
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=3600)
            assert w.clock.now() - began > 2 * 20 * 60
            w.group("1.2.0")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=120)


async def test_a_pause_in_the_spec_holds_a_rollout_and_its_end_lets_it_go_on() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(cell(paused=True, **QUICK))
            await asyncio.sleep(600)
            assert route.weights == {old: 1, new: 1}
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_pin_on_the_old_version_in_mid_rollout_takes_the_traffic_back() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(cell(version="1.0.0", **QUICK))
            await w.when(lambda: route.weights.get(new, 0) == 0, within=30)
            status = await w.phase("Synced", within=300)
            assert (status["stableVersion"], status["blockedVersions"]) == ("1.0.0", [])
            assert route.weights[old] > 0


async def test_another_route_in_mid_rollout_reverts_the_old_one_first() -> None:
    async with world() as w:
        route, old, new = w.two_versions("web")
        other, other_old, other_new = w.two_versions("api")
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.apply(cell(role="api", **QUICK))
            await w.when(lambda: route.weights.get(new, 0) == 0, within=60)
            assert other.weights == {other_old: 100}
            await w.until(
                lambda s: [r["key"] for r in s["routes"]] == [listener("api")] and s.get("stableVersion") == "1.1.0",
                within=600,
            )
            assert route.weights[old] > 0
            assert other.weights == {other_old: 0, other_new: 1}


async def test_a_newer_version_in_mid_rollout_starts_over_with_the_newer_one() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            newest = w.group("1.2.0")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=3600)
            assert route.weights[newest] > 0
            assert all(not weights.get(new) or not weights.get(newest) for weights in route.history)
            assert route.weights.get(old, 0) == 0


async def test_a_canary_that_loses_its_label_is_withdrawn_without_a_block() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.tag(new, {"role": "other"})
            await w.when(lambda: route.weights.get(new, 0) == 0, within=60)
            status = await w.until(lambda s: s.get("rollout", {}).get("outcome") == "Withdrawn", within=60)
            assert (status["blockedVersions"], status["stableVersion"]) == ([], "1.0.0")
            assert route.weights[old] > 0
            assert w.aws.groups[new].group.tags[LABEL] == "1.1.0"
