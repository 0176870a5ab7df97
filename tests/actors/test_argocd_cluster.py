"""One ArgoCDCluster: its secret, and whether it can be used."""

import asyncio
import base64
import json
from typing import Any

import pytest

from okra.actors.messages import Describe, Lookup
from okra.api.meta import HOTSWAP_GROUP, VERSION_LABEL
from okra.argocd.marks import Mark, Publisher, write_mark
from okra.argocd.names import MANAGED_BY, OWNER, SECRET_TYPE, SHARED_WITH
from okra.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    Fatal,
    KindNotInstalled,
    OkraError,
    Throttled,
    Unavailable,
)
from okra.testing.fake_argocd import APPLICATION, SECRET
from okra.testing.fake_clusters import ca
from tests.actors.argo_world import LABELS, ArgoWorld, argo_world, condition, eventually
from tests.actors.doubles import no_fault

pytestmark = pytest.mark.looptime


def ready(status: dict[str, Any]) -> bool:
    return status.get("ready") is True


def not_ready(status: dict[str, Any]) -> bool:
    return status.get("ready") is False


def data(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def foreign(name: str, server: str) -> dict[str, Any]:
    content = {"name": name, "server": server, "config": "{}"}
    return {
        "metadata": {"namespace": "argocd", "name": name, "labels": {SECRET_TYPE: "cluster"}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }


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


# -- deletion --------------------------------------------------------------------------------------------------------


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


async def gone(w: ArgoWorld, name: str) -> None:
    async def is_gone() -> bool:
        return name not in await w.names(w.kinds[0])

    await eventually(is_gone)


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


# -- trouble ---------------------------------------------------------------------------------------------------------


async def test_an_aws_that_never_answers_is_told_and_holds_up_nobody_else() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        await w.cluster("c2")
        w.clusters.hangs.add("c1")
        async with w.running():
            await w.cluster_until(ready, "c2")
            status = await w.cluster_until(not_ready)
            assert condition(status, "Ready") == ("False", "Unavailable")
            w.clusters.hangs.clear()
            await w.cluster_until(ready)


async def test_whoever_was_quicker_to_create_a_secret_is_seen_at_the_next_look() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        failures = [AlreadyExists("c1 is there")]
        w.store.fault = lambda operation, name: failures.pop() if operation == "create" and failures else None
        async with w.running():
            await w.cluster_until(ready)
        assert await w.names(SECRET) == {"c1"}
        assert w.reasons("c1") == ["SecretCreated", "Running"]


async def test_a_status_that_the_store_doesnt_take_is_written_later() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.store.fault = lambda operation, _: Unavailable("down") if operation == "patch_status" else None
        async with w.running():
            await asyncio.sleep(60)
            assert await w.status(w.kinds[0], "c1") == {}
            w.store.fault = no_fault
            await w.cluster_until(ready)


async def test_whoever_else_writes_the_object_meanwhile_is_heeded() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        conflicts = [Conflict("changed"), Conflict("changed")]
        w.store.fault = lambda operation, _: conflicts.pop() if operation == "patch_status" and conflicts else None
        async with w.running():
            await asyncio.sleep(5)
            assert ready(await w.status(w.kinds[0], "c1"))


async def test_what_it_knows_can_be_asked() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running() as root:
            await w.cluster_until(ready)
            directory = root.get("clusters")
            assert directory is not None
            ref = await directory.ask(Lookup(("default", "c1")), timeout=1)
            assert ref is not None
            assert (await ref.ask(Describe(), timeout=1))["status"]["phase"] == "Running"
