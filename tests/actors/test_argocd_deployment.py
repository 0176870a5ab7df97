"""One ArgoCDApplicationDeployment: clusters are published to an application, beside a live Argo CD."""

import asyncio
from typing import Any, cast

import pytest

from okra.api.meta import HOTSWAP_GROUP
from okra.argocd.names import CLUSTER_SECRET
from okra.embedded.store import EmbeddedStore
from okra.errors import AccessDenied, OkraError, Unavailable
from okra.testing.fake_argocd import APPLICATION_SET, SECRET
from tests.actors.argo_deployments import because, deployed, phases, server
from tests.actors.argo_world import LABELS, argo_world, condition, eventually

pytestmark = pytest.mark.looptime


# -- publishing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["okra.mumoshu.github.io", HOTSWAP_GROUP])
async def test_published_clusters_are_ready_when_argo_cd_has_deployed_to_them(group: str) -> None:
    async with argo_world(group) as w:
        await deployed(w, "c1", "c2")
        async with w.running():
            status = await w.synced("c1", "c2")
        assert (status["ready"], status["phase"], status["observedGeneration"]) == (True, "Synced", 1)
        assert phases(status) == {"c1": "Ready", "c2": "Ready"}
        assert [each["applications"] for each in status["clusters"]] == [["web-c1"], ["web-c2"]]
        assert condition(status, "Ready") == ("True", "Synced")
        assert condition(status, "Reconciling")[0] == "False"
        assert w.argo.running(server("c1")) == {"web-c1"}
        assert w.reasons("web").count("Published") == 2


async def test_the_name_of_the_cluster_secret_is_a_label_too() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", clusterSecret={"name": "web-clusters", "labels": LABELS})
        async with w.running():
            await w.synced("c1")
        assert (await w.secret("c1"))["metadata"]["labels"][CLUSTER_SECRET] == "web-clusters"


async def test_application_sets_are_found_by_a_selector() -> None:
    async with argo_world() as w:
        await w.application_set("web")
        await w.application_set("web-sidecars")
        await w.cluster("c1")
        await w.deployment("c1", applicationSet={"selector": "app in (web,web-sidecars)"})
        async with w.running():
            status = await w.synced("c1")
        assert status["clusters"][0]["applications"] == ["web-c1", "web-sidecars-c1"]


async def test_at_rest_it_writes_nothing() -> None:
    async with argo_world() as w:
        await deployed(w, "c1")
        async with w.running():
            await w.synced("c1")
            await asyncio.sleep(60)
            w.store.writes.clear()
            await asyncio.sleep(600)
        assert not w.store.writes


async def test_it_waits_for_clusters_and_application_sets_that_come_later() -> None:
    async with argo_world() as w:
        await w.deployment("c1")
        async with w.running():
            status = await w.deployed(because("ClusterNotFound"))
            assert (status["ready"], status["phase"]) == (False, "Pending")
            await w.cluster("c1")
            await w.deployed(because("ApplicationSetNotFound"))
            assert await w.published() == set()
            await w.application_set()
            await w.synced("c1")


async def test_labels_taken_off_by_hand_are_put_back_at_once() -> None:
    async with argo_world() as w:
        await deployed(w, "c1")
        async with w.running():
            await w.synced("c1")
            w.argo.asleep = True
            await w.label("c1", **dict.fromkeys(LABELS))
            await asyncio.sleep(1)
            assert await w.published() == {"c1"}
            w.argo.asleep = False
            await w.synced("c1")
        assert w.argo.running(server("c1")) == {"web-c1"}
        assert "PublishedAgain" in w.reasons("web")


# -- what isn't well ---------------------------------------------------------------------------------------------------


async def test_a_degraded_application_is_told_and_recovers() -> None:
    async with argo_world() as w:
        await deployed(w, "c1")
        async with w.running():
            await w.synced("c1")
            w.argo.broken["web-c1"] = {
                "sync": {"status": "Synced"},
                "health": {"status": "Degraded", "message": "CrashLoopBackOff"},
            }
            status = await w.deployed(because("ApplicationDegraded"))
            assert status["ready"] is False
            assert "CrashLoopBackOff" in status["clusters"][0]["message"]
            w.argo.broken.clear()
            await w.synced("c1")


async def test_applications_that_are_synced_by_hand_are_a_condition() -> None:
    async with argo_world() as w:
        w.argo.manual = True
        await deployed(w, "c1")
        async with w.running():
            status = await w.deployed(because("NeedsSync"))
            assert condition(status, "NeedsSync") == ("True", "ManualSync")
            w.argo.manual = False
            status = await w.synced("c1")
        assert "NeedsSync" not in {each["type"] for each in status["conditions"]}


async def test_an_application_set_in_error_is_told() -> None:
    async with argo_world() as w:
        w.argo.error = "no such project"
        await deployed(w, "c1")
        async with w.running():
            status = await w.deployed(because("ApplicationSetError"))
            assert "no such project" in status["conditions"][0]["message"]
            w.argo.error = ""
            await w.synced("c1")


async def test_an_application_set_that_is_never_reconciled_is_waited_for() -> None:
    async with argo_world() as w:
        w.argo.asleep = True
        await deployed(w, "c1")
        async with w.running():
            status = await w.deployed(because("ApplicationSetNotUpToDate"))
            await asyncio.sleep(600)
            assert (status["ready"], status["phase"]) == (False, "Updating")
            w.argo.asleep = False
            await w.synced("c1")


PROBLEMS: list[tuple[str, dict[str, Any], str]] = [
    ("keeps resources", {"syncPolicy": {"preserveResourcesOnDeletion": True}}, "PreservesResources"),
    (
        "selects all clusters as well",
        {"generators": [{"clusters": {"selector": {"matchLabels": LABELS}}}, {"clusters": {}}]},
        "StillSelected",
    ),
]


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize(("spec", "reason"), [p[1:] for p in PROBLEMS], ids=[p[0] for p in PROBLEMS])
async def test_it_is_said_before_anything_is_touched_when_the_application_set(
    spec: dict[str, Any], reason: str, delete_first: bool
) -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",), delete_first=delete_first)
        async with w.running():
            await w.synced("c1")
            w.argo.asleep = True
            good = (await w.store.real.get(APPLICATION_SET, "argocd", "web"))["spec"]
            await w.store.real.patch(APPLICATION_SET, "argocd", "web", {"spec": spec})
            before = {name: await w.secret(name) for name in ("c1", "c2")}
            await w.deployment("c2", delete_first=delete_first)
            status = await w.deployed(because(reason))
            assert (status["phase"], condition(status, "Stalled")[0]) == ("Failed", "True")
            await asyncio.sleep(300)
            assert {name: await w.secret(name) for name in ("c1", "c2")} == before
            await w.store.real.patch(APPLICATION_SET, "argocd", "web", {"spec": {**dict.fromkeys(spec), **good}})
            w.argo.asleep = False
            await w.synced("c2")


async def test_an_empty_list_takes_nothing_back() -> None:
    async with argo_world() as w:
        await deployed(w, "c1")
        async with w.running():
            await w.synced("c1")
            await w.deployment()
            status = await w.deployed(because("NoClusters"))
            await asyncio.sleep(300)
            assert (status["ready"], status["phase"]) == (False, "Failed")
            assert await w.published() == {"c1"}


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize("kind", ["Secret", "Application", "ApplicationSet", "ArgoCDCluster"])
@pytest.mark.parametrize("error", [Unavailable("down"), AccessDenied("forbidden")], ids=["down", "forbidden"])
async def test_what_cant_be_read_takes_nothing_back(kind: str, error: OkraError, delete_first: bool) -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",), delete_first=delete_first)
        async with w.running():
            await w.synced("c1")
            unreadable = {kind}
            w.store.real = cast(EmbeddedStore, Blind(w.store.real, unreadable, error))
            await w.deployment("c2", delete_first=delete_first)
            status = await w.deployed(because(error.reason))
            await asyncio.sleep(300)
            assert status["ready"] is False
            assert {each["phase"] for each in status["clusters"]} == {None}, "nobody has looked by this spec"
            assert w.argo.running(server("c1")) == {"web-c1"}
            assert w.argo.running(server("c2")) == set()
            unreadable.clear()
            await w.synced("c2")


class Blind:
    """A store in which objects of some kinds can't be read."""

    def __init__(self, real: Any, kinds: set[str], error: OkraError) -> None:
        self._real, self._kinds, self._error = real, kinds, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def list(self, kind: Any, *args: Any) -> Any:
        if kind.kind in self._kinds:
            raise self._error
        return await self._real.list(kind, *args)

    async def get(self, kind: Any, *args: Any) -> Any:
        if kind.kind in self._kinds:
            raise self._error
        return await self._real.get(kind, *args)


# -- what a person does -----------------------------------------------------------------------------------------------


async def test_read_only_says_what_it_would_do() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        async with w.running():
            await w.synced("c1")
            w.gate.open = False
            await w.deployment("c2")
            status = await w.deployed(because("ReadOnly"))
            assert "c2: the cluster secret c2 is labelled myservice-role=web." in status["conditions"][0]["message"]
            assert await w.published() == {"c1"}


async def test_an_invalid_spec_is_told() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", nonsense=1)
        async with w.running():
            status = await w.deployed(because("InvalidSpec"))
        assert condition(status, "Stalled")[0] == "True"
        assert await w.published() == set()


async def test_a_secret_deleted_by_hand_is_published_again() -> None:
    async with argo_world() as w:
        await deployed(w, "c1")
        async with w.running():
            await w.synced("c1")
            await w.store.real.delete(SECRET, "argocd", "c1")

            async def published() -> bool:
                return await w.published() == {"c1"}

            await eventually(published)
            await w.synced("c1")


async def test_a_changed_spec_is_heeded_at_once() -> None:
    async with argo_world() as w:
        await deployed(w, "c1", beside=("c2",))
        async with w.running():
            await w.synced("c1")
            await asyncio.sleep(1)
            await w.deployment("c1", "c2")
            await asyncio.sleep(1)
            assert await w.published() == {"c1", "c2"}
