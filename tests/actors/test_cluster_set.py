"""One ClusterSet: its ArgoCDClusters come with the clusters, and go late, few at a time, and never by mistake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from okra.actors.cluster_set import ClusterSetActor
from okra.actors.kinds import CLUSTER_SET as SET
from okra.actors.kinds import OKRA
from okra.errors import AccessDenied, Conflict, OkraError, Unavailable
from okra.ports import Account, Object
from okra.sets.children import EKS_CLUSTER
from okra.testing.fake_argocd import SECRET
from tests.actors.argo_world import ArgoWorld, argo_world, condition, eventually
from tests.actors.doubles import no_fault
from tests.actors.test_argocd_crashes import TrippingWrites
from tests.actors.test_cell_crashes import Tripwire

pytestmark = pytest.mark.looptime

CLUSTER = OKRA.cluster
EUROPE = Account("eu-west-1")
WEB = {"role": "web"}
GENERATOR = {"awseks": {"selector": {"matchTags": WEB}}}
IN_EUROPE = {"awseks": {"selector": {"matchTags": WEB}, "aws": {"region": "eu-west-1"}}}


@asynccontextmanager
async def set_world() -> AsyncIterator[ArgoWorld]:
    async with argo_world() as w:
        w.more = {SET: ClusterSetActor}
        yield w


async def apply(w: ArgoWorld, name: str = "prod", **spec: Any) -> Object:
    body = {"generators": [GENERATOR], **spec}
    made = {"apiVersion": SET.api_version, "kind": SET.kind, "metadata": {"namespace": "default", "name": name}}
    return await w.store.real.apply(SET, {**made, "spec": body})


def in_europe(w: ArgoWorld, key: str, name: str) -> None:
    w.clusters.add(key, arn=f"arn:aws:eks:eu-west-1:123456789012:cluster/{name}", tags=WEB)
    w.clusters.infos[key] = replace(w.clusters.infos[key], name=name)
    w.clusters.homes[key] = EUROPE


async def settled(w: ArgoWorld, reason: str = "Synced", name: str = "prod", count: int | None = None) -> dict[str, Any]:
    def holds(status: dict[str, Any]) -> bool:
        known = status.get("conditions")
        return bool(known and condition(status, "Ready")[1] == reason and count in (None, len(status["clusters"])))

    return await w.until(SET, name, holds)


async def child(w: ArgoWorld, name: str) -> Object:
    return await w.store.real.get(CLUSTER, "default", name)


async def test_clusters_with_the_tags_become_argocdclusters_and_cluster_secrets() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags={**WEB, "okra.mumoshu.github.io/version": "v1", "tier": "gold"})
        w.clusters.add("api-1", tags={"role": "api"})
        template = {"metadata": {"labels": {"env": "prod"}, "annotations": {"note": "x"}}, "labelsFromTags": ["tier"]}
        await apply(w, template=template, deletionPolicy="Delete")
        async with w.running():
            status = await settled(w, count=1)
            await w.cluster_until(lambda one: one.get("ready"), "prod-web-1")
        assert condition(status, "Ready") == ("True", "Synced")
        assert status["clusters"][0]["phase"] == "Present"
        made = await child(w, "prod-web-1")
        labels = {"env": "prod", "tier": "gold"}
        assert made["spec"] == {"eks": {"clusterName": "web-1"}, "labels": labels, "deletionPolicy": "Delete"}
        assert made["metadata"]["annotations"] == {
            "note": "x",
            EKS_CLUSTER: "arn:aws:eks:us-east-1:123456789012:cluster/web-1",
        }
        assert made["metadata"]["labels"] == {**labels, "okra.mumoshu.github.io/parent": "prod"}
        secret = (await w.secret("prod-web-1"))["metadata"]
        assert secret["labels"].items() >= labels.items()
        assert secret["annotations"]["okra.mumoshu.github.io/version"] == "v1"
        assert await w.names(CLUSTER) == {"prod-web-1"}
        assert w.reasons("prod") == ["ClusterFound", "Synced"]


async def test_a_new_cluster_is_found_within_the_discovery_interval() -> None:
    async with set_world() as w:
        await apply(w)
        async with w.running():
            await settled(w, "NoClusters")
            w.clusters.add("web-1", tags=WEB)
            async with asyncio.timeout(w.defaults.discovery_interval + 1):
                await settled(w, count=1)


async def test_accounts_and_regions_are_named_in_the_children_and_names_do_not_collide() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        in_europe(w, "eu/web-1", "web-1")
        await apply(w, generators=[GENERATOR, IN_EUROPE])
        async with w.running():
            status = await settled(w, count=2)
        names = [each["name"] for each in status["clusters"]]
        assert names[0] == "prod-web-1"
        assert (await child(w, names[1]))["spec"]["eks"] == {"clusterName": "web-1", "region": "eu-west-1"}


async def test_at_rest_it_writes_nothing_and_all_sets_share_their_looks() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        for number in range(5):
            await apply(w, f"set-{number}")
        moments: list[float] = []
        fleet = w.clusters.fleet

        async def noted(account: Account) -> Any:
            moments.append(w.clock.monotonic())
            return await fleet(account)

        w.clusters.fleet = noted  # type: ignore[method-assign]
        async with w.running():
            for number in range(5):
                await settled(w, name=f"set-{number}", count=1)
                await w.cluster_until(lambda one: one.get("ready"), f"set-{number}-web-1")
            await asyncio.sleep(60)
            w.store.writes.clear()
            moments.clear()
            await asyncio.sleep(600)
        assert not w.store.writes
        assert len({round(each) for each in moments}) <= 21
        assert len(moments) <= 5 * 21


@pytest.mark.looptime(start=63.001994)
async def test_a_set_that_is_woken_a_second_after_its_look_but_for_a_rounding_error_looks() -> None:
    """64.001994 - 63.001994 < 1.0: what is left of the second is no time at all, and a clock may stand still in it."""
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        await apply(w)
        async with w.running():
            await settled(w, count=1)
            await w.store.real.delete(CLUSTER, "default", "prod-web-1")

            async def there() -> bool:
                return await w.names(CLUSTER) == {"prod-web-1"}

            await eventually(there, within=2.0)


async def test_what_somebody_edits_in_a_child_is_put_back_and_a_deleted_one_made_again() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        await apply(w, template={"metadata": {"labels": {"env": "prod"}}})
        async with w.running():
            await settled(w, count=1)
            patch = {"spec": {"labels": {"env": "dev"}}, "metadata": {"annotations": {EKS_CLUSTER: None}}}
            await w.store.real.patch(CLUSTER, "default", "prod-web-1", patch)

            async def back() -> bool:
                there = await child(w, "prod-web-1")
                return there["spec"]["labels"] == {"env": "prod"} and EKS_CLUSTER in there["metadata"]["annotations"]

            await eventually(back)
            await w.store.real.delete(CLUSTER, "default", "prod-web-1")

            async def there() -> bool:
                return await w.names(CLUSTER) == {"prod-web-1"}

            await eventually(there)


async def test_an_object_of_a_childs_name_is_never_taken_over_and_the_others_are_made() -> None:
    async with set_world() as w:
        await w.cluster("prod-web-1", eks="other")
        before = await child(w, "prod-web-1")
        for number in (1, 2):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w)
        async with w.running():
            status = await settled(w, "NameTaken")
            assert condition(status, "Stalled")[0] == "True"
            assert [each["phase"] for each in status["clusters"]] == ["Refused", "Present"]
            assert "rename one" in status["clusters"][0]["message"]
            after = await child(w, "prod-web-1")
            assert (after["spec"], after["metadata"]["uid"]) == (before["spec"], before["metadata"]["uid"])
            await w.store.real.delete(CLUSTER, "default", "prod-web-1")
            await settled(w)
            assert (await child(w, "prod-web-1"))["spec"]["eks"] == {"clusterName": "web-1"}


# Clusters that vanish


async def test_a_cluster_that_vanishes_goes_after_the_grace_period_and_its_secret_stays() -> None:
    async with set_world() as w:
        for number in (1, 2):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w)
        async with w.running():
            await settled(w, count=2)
            await w.cluster_until(lambda one: one.get("ready"), "prod-web-1")
            gone_at = w.clock.now()
            del w.clusters.infos["web-1"]
            status = await settled(w, "ClustersMissing")
            assert "10 min" in condition_message(status)
            await settled(w, count=1)
            assert w.clock.now() - gone_at >= 600
        assert await w.names(CLUSTER) == {"prod-web-2"}
        assert "prod-web-1" in await w.names(SECRET), "deletionPolicy: Retain"
        assert "ClusterRemoved" in w.reasons("prod")


def condition_message(status: dict[str, Any]) -> str:
    return str(next(each["message"] for each in status["conditions"] if each["type"] == "Ready"))


async def test_with_delete_a_secret_that_is_in_use_keeps_its_place_until_it_is_not() -> None:
    """One at a time: what waits for its Applications holds up the others."""
    async with set_world() as w:
        await w.application_set()
        for number in (1, 2, 3):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w, deletionPolicy="Delete")
        async with w.running():
            await settled(w, count=3)
            await w.deployment("prod-web-1", "prod-web-2")
            await w.synced("prod-web-1", "prod-web-2")
            for number in (1, 2):
                w.clusters.forgotten.add(f"web-{number}")
            await w.until(SET, "prod", lambda s: "Removing" in {each["phase"] for each in s["clusters"]})
            await asyncio.sleep(3600)
            status = await w.status(SET, "prod")
            assert sorted(each["phase"] for each in status["clusters"]) == ["Due", "Present", "Removing"]
            assert await w.names(SECRET) == {"prod-web-1", "prod-web-2", "prod-web-3"}
            await w.deployment("prod-web-3")

            async def gone() -> bool:
                return await w.names(SECRET) == await w.names(CLUSTER) == {"prod-web-3"}

            await eventually(gone, within=3600)
        assert w.argo.orphans == set()


async def test_a_listing_that_is_empty_by_mistake_takes_nothing_if_it_is_right_in_time() -> None:
    async with set_world() as w:
        for number in (1, 2, 3):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w)
        async with w.running():
            await settled(w, count=3)
            w.clusters.forgotten.update(w.clusters.infos)
            await settled(w, "NothingFound")
            await asyncio.sleep(540)
            w.clusters.forgotten.clear()
            status = await settled(w, count=3)
            assert {each.get("missingSeconds") for each in status["clusters"]} == {None}
            await asyncio.sleep(3600)
        assert ("delete", "ArgoCDCluster") not in w.store.writes


async def test_an_empty_listing_that_lasts_takes_them_one_at_a_time() -> None:
    async with set_world() as w:
        for number in (1, 2, 3):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w, removal={"gracePeriod": "1m"})
        async with w.running():
            await settled(w, count=3)
            w.clusters.infos.clear()
            counts = []
            for left in (2, 1, 0):
                await w.until(SET, "prod", partial(has_left, left))
                counts.append(len(await w.names(CLUSTER)))
            assert counts == [2, 1, 0]


@pytest.mark.parametrize("most", [1, 2])
async def test_however_fast_they_go_so_many_go_between_two_listings(most: int) -> None:
    """With Retain an ArgoCDCluster is gone at once: somebody must have the time to see it and say stop."""
    async with set_world() as w:
        for number in range(7):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w, removal={"gracePeriod": "1m", "maxRemovals": most})
        async with w.running():
            await settled(w, count=7)
            w.clusters.infos.clear()
            await w.until(SET, "prod", lambda s: "Removing" in {each["phase"] for each in s["clusters"]})
            began = w.clock.monotonic()
            await settled(w, "NoClusters")
            turns = -(-7 // most) - 1
            assert 0 <= w.clock.monotonic() - began - turns * w.defaults.discovery_interval < 5


def has_left(number: int, status: dict[str, Any]) -> bool:
    return bool(sum(each["phase"] != "Removing" for each in status["clusters"]) == number)


async def test_retain_reaches_what_is_missing_unknown_and_being_removed_before_anything_goes() -> None:
    """What a person does at once who sees that a listing is wrong."""
    async with set_world() as w:
        await w.application_set()
        for number in (1, 2, 3):
            w.clusters.add(f"web-{number}", tags=WEB)
        in_europe(w, "eu/web-4", "web-4")
        places: dict[str, Any] = {"generators": [GENERATOR, IN_EUROPE]}
        await apply(w, deletionPolicy="Delete", **places)
        async with w.running():
            await settled(w, count=4)
            await w.deployment("prod-web-1")
            await w.synced("prod-web-1")
            w.clusters.forgotten.update(("web-1", "web-2"))
            w.clusters.unlisted[EUROPE] = Unavailable("EKS doesn't answer")
            await w.until(SET, "prod", lambda s: "Removing" in {each["phase"] for each in s["clusters"]})
            secrets = await w.names(SECRET)
            await apply(w, deletionPolicy="Retain", **places)

            async def told() -> bool:
                return {(await child(w, name))["spec"]["deletionPolicy"] for name in await w.names(CLUSTER)} == {
                    "Retain"
                }

            await eventually(told, within=5)
            w.clusters.unlisted.clear()

            async def gone() -> bool:
                return len(await w.names(CLUSTER)) == 2

            await eventually(gone, within=3600)
            await w.deployment()
            await asyncio.sleep(600)
            assert await w.names(SECRET) == secrets


FAILURES: list[tuple[OkraError, str, str]] = [
    (Unavailable("EKS doesn't answer"), "Reconciling", "Unavailable"),
    (AccessDenied("eks:ListClusters is missing"), "Stalled", "AccessDenied"),
]


@pytest.mark.parametrize(("error", "type_", "reason"), FAILURES)
async def test_a_listing_that_fails_takes_nothing_however_long_and_says_so(
    error: OkraError, type_: str, reason: str
) -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        in_europe(w, "eu/web-2", "web-2")
        await apply(w, generators=[GENERATOR, IN_EUROPE], removal={"gracePeriod": "0s", "maxRemovals": 100})
        async with w.running():
            await settled(w, count=2)
            w.clusters.unlisted[EUROPE] = error
            del w.clusters.infos["eu/web-2"]
            status = await w.until(SET, "prod", lambda s: condition(s, type_) == ("True", reason))
            assert [each["phase"] for each in status["clusters"]] == ["Present", "Unknown"]
            assert condition(status, "Ready")[0] == ("True" if type_ == "Reconciling" else "False")
            await asyncio.sleep(7200)
            assert len(await w.names(CLUSTER)) == 2
            w.clusters.add("web-3", tags=WEB)
            await w.until(SET, "prod", lambda s: len(s["clusters"]) == 3)
            w.clusters.unlisted.clear()
            await settled(w, count=2)
        assert await w.names(CLUSTER) == {"prod-web-1", "prod-web-3"}


async def test_time_in_which_nobody_watched_does_not_count() -> None:
    async with set_world() as w:
        for number in (1, 2):
            w.clusters.add(f"web-{number}", tags=WEB)
        await apply(w)
        async with w.running():
            await settled(w, count=2)
            w.clusters.forgotten.add("web-1")
            await settled(w, "ClustersMissing")
            await asyncio.sleep(300)
        await asyncio.sleep(7200)
        async with w.running():
            await asyncio.sleep(200)
            assert len(await w.names(CLUSTER)) == 2
            await settled(w, count=1)


async def test_while_everything_is_paused_what_is_new_is_made_and_nothing_is_removed() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        await apply(w, removal={"gracePeriod": "1m"})
        async with w.running():
            await settled(w, count=1)
            w.held = "The ConfigMap okra pauses every Cell."
            del w.clusters.infos["web-1"]
            w.clusters.add("web-2", tags=WEB)
            await asyncio.sleep(3600)
            assert await w.names(CLUSTER) == {"prod-web-1", "prod-web-2"}
            assert "pauses every Cell" in condition_message(await w.status(SET, "prod"))
            w.held = ""
            await settled(w, count=1)


async def test_a_set_that_is_deleted_takes_its_children_and_leaves_the_secrets() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        await apply(w)
        async with w.running():
            await settled(w, count=1)
            await w.cluster_until(lambda one: one.get("ready"), "prod-web-1")
            await w.store.real.delete(SET, "default", "prod")

            async def gone() -> bool:
                return await w.names(CLUSTER) == set()

            await eventually(gone)
            assert await w.names(SECRET) == {"prod-web-1"}
            await apply(w)
            await settled(w, count=1)
            await w.cluster_until(lambda one: one.get("ready"), "prod-web-1")
        assert await w.names(SECRET) == {"prod-web-1"}


# What is in the way


async def test_read_only_says_what_it_would_do_and_does_nothing() -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        w.gate.open = False
        await apply(w)
        async with w.running():
            status = await settled(w, "ReadOnly")
            assert "create the ArgoCDCluster prod-web-1" in condition_message(status)
            assert await w.names(CLUSTER) == set()


async def test_an_invalid_set_says_so_and_asks_nobody() -> None:
    async with set_world() as w:
        await apply(w, generators=[{"awseks": {"selector": {"matchTags": {}}}}])
        async with w.running():
            await settled(w, "InvalidSpec")
        assert not w.clusters.calls


@pytest.mark.parametrize("error", [Conflict("it changed"), Unavailable("no answer"), AccessDenied("no")])
async def test_a_store_that_refuses_is_asked_again(error: OkraError) -> None:
    async with set_world() as w:
        w.clusters.add("web-1", tags=WEB)
        await apply(w)
        w.store.fault = lambda operation, name: error if operation == "apply" else None
        async with w.running():
            await asyncio.sleep(30)
            assert await w.names(CLUSTER) == set()
            w.store.fault = no_fault
            await settled(w, count=1)


async def story(w: ArgoWorld, wire: Tripwire) -> None:
    """Two clusters come, one goes, one comes back in time."""
    for number in (1, 2):
        w.clusters.add(f"web-{number}", tags=WEB)
    await apply(w, removal={"gracePeriod": "1m"})
    removed: list[str] = []
    real = w.store.delete

    async def deleting(kind: Any, namespace: str, name: str, **guard: Any) -> None:
        removed.append(name)
        await real(kind, namespace, name, **guard)

    w.store.delete = deleting  # type: ignore[method-assign]
    async with w.running(store=TrippingWrites(w.store, wire)):
        await settled(w, count=2)
        w.clusters.forgotten.update(("web-1", "web-2"))
        await settled(w, "NothingFound")
        w.clusters.forgotten.remove("web-2")
        await settled(w, count=1)
    assert await w.names(CLUSTER) == {"prod-web-2"}
    assert set(removed) == {"prod-web-1"}


async def test_a_crash_before_or_after_any_write_ends_where_none_does() -> None:
    at, wire = 1, Tripwire()
    while wire.passed >= wire.at:
        async with set_world() as w:
            wire = Tripwire(at)
            await story(w, wire)
        at += 1
    assert at > 20, "there are many writes"
