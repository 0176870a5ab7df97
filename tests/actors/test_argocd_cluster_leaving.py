"""An ArgoCDCluster is deleted: its secret stays, or goes when nothing runs there any more."""

import asyncio
import json

import pytest

from okra.api.meta import HOTSWAP_GROUP
from okra.argocd.marks import Mark, Publisher, write_mark
from okra.testing.fake_argocd import SECRET
from tests.actors.argo_clusters import gone, ready
from tests.actors.argo_world import LABELS, argo_world, condition

pytestmark = pytest.mark.looptime


async def test_a_retained_secret_outlives_its_object_and_is_found_again() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            await w.store.real.delete(w.kinds[0], "default", "c1")
            await asyncio.sleep(60)
            assert await w.names(SECRET) == {"c1"}
            await w.cluster("c1", labels={"role": "web"})
            await w.cluster_until(ready)
            assert (await w.secret("c1"))["metadata"]["labels"]["role"] == "web"


async def test_with_the_policy_delete_the_secret_goes_with_its_object() -> None:
    async with argo_world() as w:
        await w.cluster("c1", deletionPolicy="Delete")
        async with w.running():
            await w.cluster_until(ready)
            await w.store.real.delete(w.kinds[0], "default", "c1")
            await gone(w, "c1")
        assert await w.names(SECRET) == set()


async def test_a_published_secret_is_not_deleted_before_its_applications_are_gone() -> None:
    async with argo_world() as w:
        await w.application_set()
        await w.cluster("c1", deletionPolicy="Delete")
        await w.cluster("c2")
        await w.deployment("c1", "c2")
        async with w.running():
            await w.synced("c1", "c2")
            await w.store.real.delete(w.kinds[0], "default", "c1")
            status = await w.cluster_until(lambda status: status["phase"] == "Deleting")
            assert condition(status, "Ready") == ("False", "StillPublished")
            assert "default/web" in status["conditions"][0]["message"]
            await asyncio.sleep(300)
            assert w.argo.running("https://c1.eks.example") == {"web-c1"}
            await w.deployment("c2")
            await gone(w, "c1")
            assert w.argo.running("https://c1.eks.example") == set()
        assert await w.names(SECRET) == {"c2"}


async def test_a_published_secret_outlives_all_that_published_it_until_it_is_to_be_retained() -> None:
    """So it is when a Cell with the policy Delete is deleted as a whole: what runs there may have all traffic."""
    async with argo_world() as w:
        await w.application_set()
        await w.cluster("c1", deletionPolicy="Delete")
        await w.deployment("c1")
        async with w.running():
            await w.synced("c1")
            for kind in w.kinds:
                await w.store.real.delete(kind, "default", "c1" if kind == w.kinds[0] else "web")
            status = await w.cluster_until(lambda status: status["phase"] == "Deleting")
            message = status["conditions"][0]["message"]
            patch = '{"spec":{"deletionPolicy":"Retain"}}'
            command = f"kubectl -n default patch argocdclusters.okra.mumoshu.github.io c1 --type merge -p '{patch}'"
            assert command in message
            assert message.index(command) < message.index("once no traffic goes there") < message.index("role=web")
            await asyncio.sleep(300)
            assert w.argo.running("https://c1.eks.example") == {"web-c1"}
            await w.store.real.patch(w.kinds[0], "default", "c1", json.loads(patch))
            await gone(w, "c1")
            await asyncio.sleep(300)
            assert w.argo.running("https://c1.eks.example") == {"web-c1"}
        assert await w.names(SECRET) == {"c1"}


async def test_a_secret_that_somebody_publishes_in_the_last_moment_stays() -> None:
    """Somebody whom no lock of this process holds up."""
    async with argo_world() as w:
        await w.cluster("c1", deletionPolicy="Delete")
        async with w.running():
            await w.cluster_until(ready)
            w.store.slow = lambda operation, _: 5.0 if operation == "delete" else 0.0
            await w.store.real.delete(w.kinds[0], "default", "c1")
            await asyncio.sleep(2)
            who = Publisher(HOTSWAP_GROUP, "default", "web")
            mark = {who.annotation: write_mark(who, Mark("c1", LABELS, 0.0))}
            published = {"metadata": {"labels": LABELS, "annotations": mark}}
            await w.store.real.patch(SECRET, "argocd", "c1", published)
            status = await w.cluster_until(lambda status: status.get("phase") == "Deleting")
            assert condition(status, "Ready") == ("False", "StillPublished")
        assert await w.names(SECRET) == {"c1"}


async def test_applications_that_a_person_put_there_hold_it_up_too() -> None:
    async with argo_world() as w:
        await w.application_set()
        await w.cluster("c1", deletionPolicy="Delete")
        async with w.running():
            await w.cluster_until(ready)
            await w.label("c1", **LABELS)
            await asyncio.sleep(10)
            await w.store.real.delete(w.kinds[0], "default", "c1")
            status = await w.cluster_until(lambda status: status["phase"] == "Deleting")
            assert condition(status, "Ready") == ("False", "ApplicationsLeft")
            await w.label("c1", **dict.fromkeys(LABELS))
            await gone(w, "c1")


async def test_a_policy_changed_to_retain_lets_a_deleted_object_go() -> None:
    async with argo_world() as w:
        await w.application_set()
        await w.cluster("c1", deletionPolicy="Delete")
        await w.deployment("c1")
        async with w.running():
            await w.synced("c1")
            await w.store.real.delete(w.kinds[0], "default", "c1")
            await w.cluster_until(lambda status: status["phase"] == "Deleting")
            spec = {"spec": {"deletionPolicy": "Retain"}}
            await w.store.real.patch(w.kinds[0], "default", "c1", spec)
            await gone(w, "c1")
        assert await w.names(SECRET) == {"c1"}
