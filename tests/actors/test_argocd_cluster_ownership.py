"""Whose the secret of an ArgoCDCluster is: of a name or a server that others have, shared, or changed by hand."""

import asyncio

import pytest

from okra.api.meta import HOTSWAP_GROUP, VERSION_LABEL
from okra.argocd.marks import Mark, Publisher, write_mark
from okra.argocd.names import OWNER, SECRET_TYPE, SHARED_WITH
from okra.errors import (
    AccessDenied,
    KindNotInstalled,
    OkraError,
)
from okra.testing.fake_argocd import SECRET
from okra.testing.fake_clusters import ca
from tests.actors.argo_clusters import data, foreign, not_ready, ready
from tests.actors.argo_world import LABELS, ArgoWorld, argo_world, condition, eventually
from tests.actors.doubles import no_fault

pytestmark = pytest.mark.looptime


async def test_a_name_that_another_secret_has_is_never_touched() -> None:
    async with argo_world() as w:
        before = await w.store.real.create(SECRET, foreign("c1", "https://x.example"))
        await w.cluster("c1")
        async with w.running():
            status = await w.cluster_until(not_ready)
            assert condition(status, "Stalled") == ("True", "NameTaken")
            assert await w.secret("c1") == before
            await w.store.real.delete(SECRET, "argocd", "c1")
            await w.cluster_until(ready)


async def test_a_secret_of_that_name_which_isnt_argo_cds_is_never_touched_either() -> None:
    async with argo_world() as w:
        body = foreign("c1", "https://x.example")
        body["metadata"]["labels"] = {}
        before = await w.store.real.create(SECRET, body)
        await w.cluster("c1")
        async with w.running():
            status = await w.cluster_until(not_ready)
        assert condition(status, "Stalled") == ("True", "NameTaken")
        assert await w.secret("c1") == before


async def test_a_second_secret_of_the_same_server_is_told_and_left_alone() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            added = await w.store.real.create(SECRET, foreign("prod", "https://c1.eks.example/"))
            status = await w.cluster_until(not_ready)
            assert condition(status, "Stalled") == ("True", "DuplicateServer")
            assert await w.secret("prod") == added
            await w.store.real.delete(SECRET, "argocd", "prod")
            await w.cluster_until(ready)


async def test_a_server_that_somebody_elses_secret_has_gets_no_second_one() -> None:
    async with argo_world() as w:
        await w.store.real.create(SECRET, foreign("prod", "https://c1.eks.example"))
        await w.cluster("c1")
        async with w.running():
            status = await w.cluster_until(not_ready)
        assert condition(status, "Stalled") == ("True", "ServerTaken")
        assert await w.names(SECRET) == {"prod"}


async def test_two_clusters_of_one_server_share_the_secret_of_the_first() -> None:
    async with argo_world() as w:
        w.clusters.latency = 0.1
        await w.cluster("c1", eks="web-1")
        await w.cluster("c2", eks="web-1")
        async with w.running():
            await w.cluster_until(ready, "c1")
            await w.cluster_until(ready, "c2")
            (first,) = await w.names(SECRET)
            other = ({"c1", "c2"} - {first}).pop()
            said = (await w.status(w.kinds[0], other))["conditions"][0]["message"]
            assert first in said


async def test_whoever_shares_a_secret_goes_on_with_it_when_its_owner_is_gone() -> None:
    async with argo_world() as w:
        await w.cluster("c1", eks="web-1")
        async with w.running():
            await w.cluster_until(ready, "c1")
            await w.cluster("c2", eks="web-1")
            await w.cluster_until(ready, "c2")
            await w.store.real.delete(w.kinds[0], "default", "c1")
            w.clusters.change("web-1", ca_data=ca(2))

            async def followed() -> bool:
                return ca(2) in data(await w.secret("c1"))["config"]

            await eventually(followed)
        assert await w.names(SECRET) == {"c1"}
        assert data(await w.secret("c1"))["name"] == "c1"


@pytest.mark.parametrize("shared", [False, True])
async def test_a_secret_of_another_namespace_is_gone_on_with_only_if_it_was_shared(shared: bool) -> None:
    async with argo_world() as w:
        labels = {SHARED_WITH: "default"} if shared else {}
        await w.cluster("c1", eks="web-1", namespace="team-b", labels=labels)
        async with w.running():
            await eventually(lambda: _has_secret(w, "c1"))
            await w.cluster("c2", eks="web-1")
            status = await w.cluster_until(ready, "c2")
            assert ("doesn't share" in status["conditions"][0]["message"]) is not shared
            await w.store.real.delete(w.kinds[0], "team-b", "c1")
            w.clusters.change("web-1", ca_data=ca(2))
            await asyncio.sleep(120)
        assert (ca(2) in data(await w.secret("c1"))["config"]) is shared


@pytest.mark.parametrize(
    ("error", "followed"), [(KindNotInstalled("no such kind"), True), (AccessDenied("may not get it"), False)]
)
async def test_an_owner_of_another_group_that_cant_be_asked_for_holds_up_nobody(
    error: OkraError, followed: bool
) -> None:
    async with argo_world() as w:
        await w.cluster("c1", eks="web-1")
        async with w.running():
            await w.cluster_until(ready, "c1")
        owner = {OWNER: f"{HOTSWAP_GROUP}/default/before"}
        await w.store.real.patch(SECRET, "argocd", "c1", {"metadata": {"annotations": owner}})
        w.store.fault = lambda operation, name: error if (operation, name) == ("get", "before") else None
        w.clusters.change("web-1", ca_data=ca(2))
        await w.cluster("c2", eks="web-1")
        async with w.running():
            await w.cluster_until(ready, "c2")
        assert (ca(2) in data(await w.secret("c1"))["config"]) is followed


async def _has_secret(w: ArgoWorld, name: str) -> bool:
    return name in await w.names(SECRET)


@pytest.mark.parametrize("label", [SECRET_TYPE, "role"])
async def test_a_label_taken_off_its_secret_by_hand_is_put_back_at_once(label: str) -> None:
    async with argo_world() as w:
        await w.cluster("c1", labels={"role": "web"})
        async with w.running():
            await w.cluster_until(ready)
            await w.label("c1", **{label: None})
            await asyncio.sleep(2)
            assert label in (await w.secret("c1"))["metadata"]["labels"]


async def test_a_secret_that_is_deleted_by_hand_is_made_again() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            await w.store.real.delete(SECRET, "argocd", "c1")
            await asyncio.sleep(2)
            assert await w.names(SECRET) == {"c1"}


@pytest.mark.parametrize("error", [AccessDenied("may not list"), KindNotInstalled("no applicationsets")])
async def test_where_the_application_sets_cant_be_read_a_version_is_one_of_the_labels_in_use(error: OkraError) -> None:
    who = Publisher(HOTSWAP_GROUP, "default", "web")
    async with argo_world() as w:
        await w.cluster("c1", labels={VERSION_LABEL: "1.0"})
        async with w.running():
            await w.cluster_until(ready)
            mark = {who.annotation: write_mark(who, Mark("c1", LABELS, 0.0))}
            await w.store.real.patch(SECRET, "argocd", "c1", {"metadata": {"labels": LABELS, "annotations": mark}})
            w.store.fault = lambda operation, name: error if (operation, name) == ("list", "applicationsets") else None
            await w.cluster("c1", labels={VERSION_LABEL: "1.1"})
            status = await w.cluster_until(lambda status: status["observedGeneration"] == 2)
            assert (status["ready"], condition(status, "LabelsInUse")) == (True, ("True", "StillPublished"))
            assert (await w.secret("c1"))["metadata"]["labels"][VERSION_LABEL] == "1.0"
            w.store.fault = no_fault
            await w.cluster_until(lambda status: all(each["type"] != "LabelsInUse" for each in status["conditions"]))
        metadata = (await w.secret("c1"))["metadata"]
        assert (metadata["labels"][VERSION_LABEL], LABELS.items() <= metadata["labels"].items()) == ("1.1", True)
