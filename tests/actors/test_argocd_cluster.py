"""One ArgoCDCluster: its secret, whether it can be used, and what it says."""

import asyncio
import json

import pytest

from okra.argocd.names import MANAGED_BY, SECRET_TYPE
from okra.errors import (
    AccessDenied,
    Fatal,
    OkraError,
    Throttled,
    Unavailable,
)
from okra.testing.fake_argocd import APPLICATION, SECRET
from okra.testing.fake_clusters import ca
from tests.actors.argo_clusters import data, not_ready, ready
from tests.actors.argo_world import LABELS, argo_world, condition

pytestmark = pytest.mark.looptime


async def test_an_active_cluster_that_answers_has_a_secret_and_is_ready() -> None:
    async with argo_world() as w:
        await w.cluster("c1", eks="web-1", labels={"role": "web"})
        async with w.running():
            status = await w.cluster_until(ready)
        assert (status["phase"], status["endpoint"]) == ("Running", "https://web-1.eks.example")
        assert status["observedGeneration"] == 1
        assert condition(status, "Ready") == ("True", "Running")
        secret = await w.secret("c1")
        assert secret["metadata"]["labels"] == {SECRET_TYPE: "cluster", MANAGED_BY: "okra", "role": "web"}
        assert data(secret)["server"] == "https://web-1.eks.example"
        assert w.reasons("c1") == ["SecretCreated", "Running"]


async def test_at_rest_it_writes_nothing_and_asks_seldom() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            await asyncio.sleep(30)  # it hears of its own write of the secret
            w.store.writes.clear()
            w.clusters.calls.clear()
            await asyncio.sleep(600)
        assert not w.store.writes
        assert w.clusters.calls["cluster"] <= 21


async def test_a_rotated_ca_and_a_changed_endpoint_are_followed() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            w.clusters.change("c1", ca_data=ca(2), endpoint="https://new.eks.example")
            await w.cluster_until(lambda status: status["endpoint"] == "https://new.eks.example")
        found = data(await w.secret("c1"))
        assert found["server"] == "https://new.eks.example"
        assert json.loads(found["config"])["tlsClientConfig"]["caData"] == ca(2)


async def test_a_cluster_that_doesnt_exist_yet_is_waited_for() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        del w.clusters.infos["c1"]
        async with w.running():
            status = await w.cluster_until(not_ready)
            assert (status["phase"], condition(status, "Ready")) == ("Pending", ("False", "ClusterNotFound"))
            assert condition(status, "Stalled")[0] == "False"
            w.clusters.add("c1", status="CREATING", endpoint="", ca_data="")
            await w.cluster_until(lambda status: condition(status, "Ready")[1] == "ClusterNotActive")
            assert await w.names(SECRET) == set()
            w.clusters.add("c1")
            await w.cluster_until(ready)


async def test_a_cluster_that_isnt_active_any_more_isnt_ready_and_keeps_its_secret() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            w.clusters.change("c1", status="FAILED")
            status = await w.cluster_until(not_ready)
        assert (status["phase"], condition(status, "Stalled")) == ("Failed", ("True", "ClusterNotActive"))
        assert await w.names(SECRET) == {"c1"}


async def test_a_cluster_whose_api_doesnt_answer_isnt_ready() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.clusters.silent["c1"] = Unavailable("no route to host")
        async with w.running():
            status = await w.cluster_until(not_ready)
            assert condition(status, "Ready") == ("False", "ClusterUnreachable")
            assert condition(status, "Stalled")[0] == "False"
            w.clusters.silent.clear()
            await w.cluster_until(ready)


UNREADY: list[tuple[str, OkraError | None]] = [
    ("CREATING", None),
    ("UPDATING", None),
    ("ACTIVE", Unavailable("no route to host")),
    ("ACTIVE", Fatal("401: add an access entry", reason="ClusterUnauthorized")),
]


@pytest.mark.parametrize(("eks", "answer"), UNREADY)
async def test_a_cluster_is_told_to_argo_cd_when_it_is_ready_and_not_before(eks: str, answer: OkraError | None) -> None:
    """An ApplicationSet that its labels select it by would deploy to half a cluster."""
    async with argo_world() as w:
        await w.application_set()
        await w.cluster("c1", labels=LABELS)
        w.clusters.change("c1", status=eks)
        w.clusters.silent |= {"c1": answer} if answer is not None else {}
        async with w.running():
            await w.cluster_until(not_ready)
            await asyncio.sleep(600)
            assert (await w.names(SECRET), await w.names(APPLICATION)) == (set(), set())
            w.clusters.silent.clear()
            w.clusters.change("c1", status="ACTIVE")
            await w.cluster_until(ready)
            assert await w.published() == {"c1"}


async def test_a_cluster_that_eks_updates_stays_ready_while_its_api_answers() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            await w.cluster_until(ready)
            w.clusters.change("c1", status="UPDATING", ca_data=ca(2))
            await asyncio.sleep(300)
            status = await w.cluster_until(ready)
            assert condition(status, "Ready") == ("True", "Running")
            assert json.loads(data(await w.secret("c1"))["config"])["tlsClientConfig"]["caData"] == ca(2)
            w.clusters.silent["c1"] = Unavailable("no route to host")
            await w.cluster_until(not_ready)
            w.clusters.silent.clear()
            await w.cluster_until(ready)


@pytest.mark.parametrize("answer", [each[1] for each in UNREADY if each[1]])
@pytest.mark.parametrize("once", [False, True])
async def test_a_cluster_that_eks_updates_is_ready_if_it_once_was(once: bool, answer: OkraError) -> None:
    """Not if its API was only asked in vain before."""
    async with argo_world() as w:
        await w.cluster("c1")
        w.clusters.silent |= {} if once else {"c1": answer}
        async with w.running():
            await w.cluster_until(ready if once else not_ready)
            w.clusters.silent["c1"] = answer
            await w.cluster_until(lambda status: condition(status, "Ready")[1] in ("ClusterUnreachable", answer.reason))
            w.clusters.change("c1", status="UPDATING")
            w.clusters.silent.clear()
            await asyncio.sleep(600)
            assert ready(await w.status(w.kinds[0], "c1")) is once
            assert await w.names(SECRET) == ({"c1"} if once else set())


@pytest.mark.parametrize(("eks", "answer"), [each for each in UNREADY if each[0] != "UPDATING"])
async def test_a_cluster_that_isnt_ready_for_a_while_keeps_its_secret_as_it_is(
    eks: str, answer: OkraError | None
) -> None:
    async with argo_world() as w:
        await w.cluster("c1", labels={"role": "web"})
        async with w.running():
            await w.cluster_until(ready)
            before = await w.secret("c1")
            w.clusters.change("c1", status=eks, ca_data=ca(2))
            w.clusters.silent |= {"c1": answer} if answer is not None else {}
            await w.cluster_until(not_ready)
            await w.cluster("c1", labels={"role": "other"})
            await w.cluster_until(lambda status: status["observedGeneration"] == 2)
            assert await w.secret("c1") == before
            w.clusters.silent.clear()
            w.clusters.change("c1", status="ACTIVE")
            await w.cluster_until(ready)
            found = await w.secret("c1")
            assert found["metadata"]["labels"]["role"] == "other"
            assert json.loads(data(found)["config"])["tlsClientConfig"]["caData"] == ca(2)


async def test_a_cluster_that_doesnt_let_okra_in_needs_a_person() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.clusters.silent["c1"] = Fatal("401: add an access entry", reason="ClusterUnauthorized")
        async with w.running():
            status = await w.cluster_until(not_ready)
        assert (status["phase"], condition(status, "Stalled")) == ("Failed", ("True", "ClusterUnauthorized"))


async def test_one_throttled_look_says_nothing_about_a_ready_cluster_and_a_second_is_told() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running():
            before = await w.cluster_until(ready)
            await asyncio.sleep(1)  # its own write of the secret woke it once more
            w.clusters.refuses = Throttled("Rate exceeded")
            w.clusters.calls.clear()
            await asyncio.sleep(35)
            assert w.clusters.calls["cluster"] == 1
            assert await w.status(w.kinds[0], "c1") == before
            told = await w.cluster_until(lambda status: condition(status, "Reconciling")[0] == "True")
            assert (told["ready"], condition(told, "Reconciling")[1]) == (True, "Throttled")
            assert condition(told, "Ready") == ("True", "Running")
            w.clusters.refuses = None
            await w.cluster_until(lambda status: condition(status, "Reconciling")[0] == "False")


async def test_a_missing_permission_is_told_and_tried_again() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.clusters.refuses = AccessDenied("eks:DescribeCluster is missing")
        async with w.running():
            status = await w.cluster_until(not_ready)
            assert condition(status, "Stalled") == ("True", "AccessDenied")
            w.clusters.refuses = None
            await w.cluster_until(ready)


async def test_an_invalid_spec_is_told_and_nothing_is_asked_of_aws() -> None:
    async with argo_world() as w:
        await w.cluster("c1", nonsense=1)
        async with w.running():
            status = await w.cluster_until(not_ready)
            assert condition(status, "Stalled") == ("True", "InvalidSpec")
            assert "spec.nonsense" in status["conditions"][0]["message"]
            assert not w.clusters.calls
            await w.cluster("c1")
            assert (await w.cluster_until(ready))["observedGeneration"] == 2


async def test_read_only_says_what_it_would_do() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.gate.open = False
        async with w.running():
            status = await w.cluster_until(not_ready)
        assert condition(status, "Ready") == ("False", "ReadOnly")
        assert "create the cluster secret c1" in status["conditions"][0]["message"]
        assert await w.names(SECRET) == set()


async def test_a_gate_that_opens_later_says_nothing_and_is_waited_for() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.gate.open, w.gate.opens = False, w.clock.now() + 20
        async with w.running():
            await asyncio.sleep(19)
            assert (await w.status(w.kinds[0], "c1"), await w.names(SECRET)) == ({}, set())
            w.gate.open = True
            await asyncio.sleep(2)
            assert ready(await w.status(w.kinds[0], "c1"))
