"""An application moves from one cluster to another: who is taken back, when, and by whom."""

import asyncio
from collections.abc import Callable

import pytest

from okra.api.meta import HOTSWAP_GROUP
from okra.argocd.marks import Mark, Publisher, write_mark
from okra.errors import AccessDenied, KindNotInstalled, OkraError
from okra.testing.fake_argocd import APPLICATION, APPLICATION_SET, SECRET, application_set
from tests.actors.argo_deployments import because, deployed, never_both, never_none, phases, server
from tests.actors.argo_world import LABELS, argo_world

pytestmark = pytest.mark.looptime


async def test_old_clusters_are_taken_back_when_the_new_ones_are_ready() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        w.argo.watch = never_none(w)
        async with w.running():
            await w.synced("c1")
            await w.deployment("c2")
            leaving = await w.deployed(lambda status: status["ready"] and status["observedGeneration"] == 2)
            assert (leaving["phase"], phases(leaving)) == ("Updating", {"c2": "Ready", "c1": "Unpublishing"})
            assert w.argo.running(server("c1")) == {"web-c1"}
            await w.synced("c2")
        assert w.argo.workloads == {(server("c2"), "web-c2")}
        assert await w.names(APPLICATION) == {"web-c2"}
        assert await w.names(SECRET) == {"c1", "c2"}


async def test_an_old_cluster_is_retained_as_long_as_the_new_one_isnt_ready() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        w.argo.broken["web-c2"] = {"sync": {"status": "Synced"}, "health": {"status": "Progressing"}}
        async with w.running():
            await w.synced("c1")
            await w.deployment("c2")
            await asyncio.sleep(600)
            assert phases(await w.status(w.kinds[1], "web")) == {"c2": "Publishing", "c1": "Retained"}
            assert w.argo.running(server("c1")) == {"web-c1"}
            await w.deployment("c1")
            await w.synced("c1")
        assert w.argo.workloads == {(server("c1"), "web-c1")}


async def test_workers_are_never_on_two_clusters_at_once() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",), delete_first=True)
        w.argo.watch = never_both(w)
        async with w.running():
            await w.synced("c1")
            await w.deployment("c2", delete_first=True)
            await w.synced("c2")
            await w.deployment("c1", delete_first=True)
            await w.synced("c1")
        assert w.argo.workloads == {(server("c1"), "web-c1")}


async def test_a_cluster_that_two_publish_by_the_same_labels_is_taken_back_by_the_last() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        await w.deployment("c1", name="twin")
        async with w.running():
            await w.synced("c1")
            await w.deployed(lambda status: status.get("phase") == "Synced", "twin")
            await w.deployment("c2")
            await w.synced("c2")
            assert w.argo.running(server("c1")) == {"web-c1"}
            await w.deployment("c2", name="twin")
            await w.deployed(lambda s: s["observedGeneration"] == 2 and s["phase"] == "Synced", "twin")
        assert w.argo.workloads == {(server("c2"), "web-c2")}


async def test_labels_of_one_that_was_deleted_are_taken_off_by_whoever_publishes_by_them() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        await w.deployment("c1", name="before")
        async with w.running():
            await w.deployed(lambda status: status.get("phase") == "Synced", "before")
            await w.synced("c1")
            await w.store.real.delete(w.kinds[1], "default", "before")
            await w.deployment("c2")
            await w.synced("c2")
        assert w.argo.workloads == {(server("c2"), "web-c2")}


def of_hotswap(error: OkraError) -> Callable[[str, str], OkraError | None]:
    """Whoever asks for the hotswap object `other` hears this; nobody else has that name."""
    return lambda operation, name: error if (operation, name) == ("get", "other") else None


@pytest.mark.parametrize(
    ("error", "stays"), [(KindNotInstalled("no such kind"), False), (AccessDenied("may not get it"), True)]
)
async def test_publishers_of_another_group_that_cant_be_asked_for_hold_up_nobody(error: OkraError, stays: bool) -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        async with w.running():
            await w.synced("c1")
            await w.store.real.patch(SECRET, "argocd", "c1", {"metadata": {"annotations": published_by_hotswap("c1")}})
            w.store.fault = of_hotswap(error)
            await w.deployment("c2")
            await w.synced("c2")
        assert await w.published() == ({"c1", "c2"} if stays else {"c2"})


async def test_a_publisher_of_its_own_group_that_it_may_not_see_is_told() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        await w.deployment("c1", name="other")
        async with w.running():
            await w.synced("c1")
            w.store.fault = of_hotswap(AccessDenied("may not get it"))
            await w.deployment("c2")
            await w.deployed(because("AccessDenied"))
        assert await w.published() == {"c1"}


def published_by_hotswap(cluster: str) -> dict[str, str]:
    who = Publisher(HOTSWAP_GROUP, "default", "other")
    return {who.annotation: write_mark(who, Mark(cluster, LABELS, 0.0))}


async def test_two_applications_on_one_cluster_dont_concern_each_other() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        api = {"myservice-role-api": "api"}
        await w.store.real.apply(APPLICATION_SET, application_set("api", api))
        await w.deployment("c1", name="api", clusterSecret={"labels": api}, applicationSet={"name": "api"})
        async with w.running():
            await w.synced("c1")
            await w.deployed(lambda status: status.get("phase") == "Synced", "api")
            await w.deployment("c2")
            await w.synced("c2")
        assert w.argo.workloads == {(server("c2"), "web-c2"), (server("c1"), "api-c1")}


async def test_deleting_the_object_takes_nothing_back_and_one_made_again_does_only_of_what_it_has_listed() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        w.argo.watch = never_none(w)
        async with w.running():
            await w.synced("c1")
            await w.store.real.delete(w.kinds[1], "default", "web")
            await asyncio.sleep(300)
            assert await w.published() == {"c1"}
            await w.deployment("c2")
            status = await w.synced("c2", "c1")
            assert [each["phase"] for each in status["clusters"]] == ["Ready", "LeftBehind"]
            await asyncio.sleep(300)
            assert await w.published() == {"c1", "c2"}
            await w.deployment("c1", "c2")
            await w.synced("c1", "c2")
            assert w.reasons().count("Adopted") == 1
            await w.deployment("c2")
            await w.synced("c2")
        assert w.argo.workloads == {(server("c2"), "web-c2")}


async def test_what_must_not_run_twice_is_taken_back_whoever_published_it() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        async with w.running():
            await w.synced("c1")
            await w.store.real.delete(w.kinds[1], "default", "web")
            await w.deployment("c2", delete_first=True)
            await w.synced("c2")
        assert w.argo.workloads == {(server("c2"), "web-c2")}
