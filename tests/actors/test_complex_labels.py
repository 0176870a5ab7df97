"""An edit of the labels that publish an application, while the clusters that have them serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.api.meta import VERSION_LABEL
from okra.testing.application_controller import degraded
from okra.testing.fake_argocd import APPLICATION, APPLICATION_SET, SECRET, application_set
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


async def applications(w: ComplexWorld) -> set[str]:
    listing = await w.store.real.list(APPLICATION)
    return {each["metadata"]["name"] for each in listing.items if not each["metadata"].get("deletionTimestamp")}


def published_by(labels: dict[str, str]) -> dict[str, Any]:
    return {"argocd": {"clusterSecret": {"labels": labels}, "applicationSet": {"name": "web2"}}}


async def labels(w: ComplexWorld, cluster: str = "v1") -> set[str]:
    """By which it is published."""
    found = await w.store.real.get(SECRET, "argocd", f"sys-{cluster}")
    return {"role-of", "role2"}.intersection(found["metadata"]["labels"])


@asynccontextmanager
async def edited(argocd: dict[str, str], **spec: Any) -> AsyncIterator[ComplexWorld]:
    """A Cell that serves, published by `role-of`, and is told to publish by other labels, which an ApplicationSet web2
    selects. Whatever comes of it, the traffic never is where nothing runs."""
    async with complex_world() as w:
        await w.web_on("v1")
        await w.store.real.apply(APPLICATION_SET, application_set("web2", argocd, own={"app": "web2"}))
        async with w.running():
            await w.phase("Synced")

            def watch() -> None:
                for cluster in w.traffic():
                    assert w.argo.running(f"https://{cluster}.eks.example"), w.told()

            w.argo.watch = watch
            await w.cell([w.cluster("v1", "web")], w.app("web", **published_by(argocd)), **spec)
            yield w


async def test_other_labels_come_beside_the_former_ones_which_come_off_when_all_is_ready() -> None:
    async with edited({"role2": "web2"}) as w:
        w.argo.broken["web2-sys-v1"] = degraded()
        await w.until(lambda s: s["clusters"][0]["message"].startswith("The Application web2"), "sys-web", DEPLOYMENT)
        await asyncio.sleep(600)
        assert (await applications(w), await labels(w)) == ({"web-sys-v1", "web2-sys-v1"}, {"role-of", "role2"})
        assert ((await w.status())["reason"], await w.revisions()) == ("ApplicationDegraded", [1])
        del w.argo.broken["web2-sys-v1"]
        await w.until(lambda s: s["phase"] == "Synced", "sys-web", DEPLOYMENT)
        assert (await applications(w), await labels(w)) == ({"web2-sys-v1"}, {"role2"})
        await w.phase("Synced")
        assert w.traffic() == {"v1": 100}


async def test_an_edit_that_is_taken_back_in_the_middle_goes_back() -> None:
    async with edited({"role2": "web2"}) as w:
        w.argo.broken["web2-sys-v1"] = degraded()
        await w.until(lambda s: s["clusters"][0]["message"].startswith("The Application web2"), "sys-web", DEPLOYMENT)
        await w.cell([w.cluster("v1", "web")], w.app("web"))
        await w.until(lambda s: s["observedGeneration"] == 3 and s["phase"] == "Synced", "sys-web", DEPLOYMENT)
        assert (await applications(w), await labels(w)) == ({"web-sys-v1"}, {"role-of"})


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_paused_cell_keeps_its_labels(everybody: bool) -> None:
    async with edited({"role2": "web2"}, paused=not everybody) as w:
        w.held = "Every Cell is paused by somebody." if everybody else ""
        status = await w.until(lambda s: s["conditions"][0]["reason"] == "Paused", "sys-web", DEPLOYMENT)
        said = "Every Cell is paused by somebody." if everybody else "The Cell sys is paused (spec.paused)."
        assert status["conditions"][0]["message"] == f"sys-v1 keeps the labels that it is published by: {said}"
        await asyncio.sleep(600)
        assert (await applications(w), await labels(w)) == ({"web-sys-v1"}, {"role-of"})
        w.held = ""
        await w.cell([w.cluster("v1", "web")], w.app("web", **published_by({"role2": "web2"})), paused=False)
        await w.until(lambda s: s["phase"] == "Synced", "sys-web", DEPLOYMENT)
        assert await labels(w) == {"role2"}


async def test_a_pause_in_the_middle_keeps_the_former_labels() -> None:
    async with edited({"role2": "web2"}) as w:
        w.argo.slow["web2-sys-v1"] = 60
        await w.until(lambda s: s["phase"] == "Updating", "sys-web", DEPLOYMENT)
        spec = ([w.cluster("v1", "web")], w.app("web", **published_by({"role2": "web2"})))
        await w.cell(*spec, paused=True)
        await asyncio.sleep(600)
        assert await labels(w) == {"role-of", "role2"}
        await w.cell(*spec, paused=False)
        await w.until(lambda s: s["phase"] == "Synced", "sys-web", DEPLOYMENT)
        assert await labels(w) == {"role2"}


async def test_a_move_to_other_clusters_by_other_labels() -> None:
    async with edited({"role2": "web2"}) as w:
        await w.cell([w.cluster("v2", "web")], w.app("web", **published_by({"role2": "web2"})))
        await w.until(lambda s: s["applications"][0].get("synced", {}).get("version") == "v2")
        await w.until(lambda s: not s["applications"][0]["former"])
        await w.until(lambda s: s["phase"] == "Synced", "sys-web", DEPLOYMENT)
        assert await applications(w) == {"web2-sys-v2"}
        assert (await labels(w, "v1"), await labels(w, "v2"), set(w.traffic())) == (set(), {"role2"}, {"v2"})


@pytest.mark.parametrize("paused", [True, False])
async def test_a_label_in_use_never_gets_another_value(paused: bool) -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            before = await applications(w)
            other = application_set("web2", {"role-of": "web2"}, own={"app": "web2"})
            await w.store.real.apply(APPLICATION_SET, other)
            await w.cell([w.cluster("v1", "web")], w.app("web", **published_by({"role-of": "web2"})), paused=paused)
            status = await w.until(lambda s: s.get("reason") == "LabelsInUse")
            assert "would replace role-of=web on clusters that it is published to" in status["message"]
            await asyncio.sleep(600)
            assert (await applications(w), await w.published()) == (before, {"v1"})
            await w.cell([w.cluster("v2", "web")], w.app("web", **published_by({"role-of": "web2"})))
            await w.until(lambda s: s["applications"][0]["synced"]["version"] == "v2")
            assert (set(w.traffic()), await w.published(), await w.published("web2")) == ({"v2"}, {"v1"}, {"v2"})
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.until(lambda s: s.get("reason") == "LabelsInUse")


async def test_an_edit_that_argo_cd_knows_no_application_set_for_is_said_and_kept_for_nobody_to_go_back_to() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("v1")
        await w.phase("Synced")
        await w.cell([w.cluster("v1", "web")], w.app("web", **published_by({"role2": "web2"})))
        await w.phase("Syncing")
        await asyncio.sleep(600)
        status = await w.status()
        ready = next(each for each in status["conditions"] if each["type"] == "Ready")
        assert (status["phase"], ready["status"], ready["reason"]) == ("Syncing", "False", "ApplicationSetNotFound")
        assert ready["message"] == "web: Waiting for Argo CD: There is no ApplicationSet web2 yet."
        assert (w.traffic(), await labels(w), await w.revisions()) == ({"v1": 100}, {"role-of"}, [1])


async def test_an_application_set_that_is_deleted_at_rest_is_said() -> None:
    async with complex_world() as w, w.running():
        await w.web_on("v1")
        await w.phase("Synced")
        await w.store.real.delete(APPLICATION_SET, "argocd", "web")
        status = await w.until(lambda s: s["phase"] != "Synced")
        assert (status["phase"], status["reason"]) == ("Syncing", "ApplicationSetNotFound")
        await w.application_set("web")
        await w.phase("Synced")


@pytest.mark.parametrize("paused", [False, True])
async def test_a_label_of_a_cluster_that_serves_changes_when_it_is_left(paused: bool) -> None:
    """The ApplicationSet selects by it beside the clusterSecret's."""
    async with complex_world() as w:
        selector = {"role-of": "web", "env": "prod"}
        await w.store.real.apply(APPLICATION_SET, application_set("web", selector, own={"app": "web"}))
        v1, v2 = w.cluster("v1", "web"), w.cluster("v2", "web")
        w.route("v1")
        v1["labels"]["env"] = v2["labels"]["env"] = "prod"
        await w.cell([v1], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            v1["labels"] |= {"env": "production", "team": "b"}
            await w.cell([v1], w.app("web"), paused=paused)
            status = await w.until(lambda s: s["reason"] == "LabelsInUse")
            said = "The cluster secret sys-v1 keeps env=prod as long as default/sys-web publishes it: an ApplicationSet"
            assert status["message"].startswith(said)
            assert (status["conditions"][0]["status"], await applications(w)) == ("False", {"web-sys-v1"})
            found = await w.store.real.get(SECRET, "argocd", "sys-v1")
            assert (found["metadata"]["labels"]["env"], found["metadata"]["labels"]["team"]) == ("prod", "b")
            await w.cell([v2], w.app("web"))
            await w.phase("Synced")
            await w.until(lambda s: s["applications"][0]["former"] == [])
            assert (set(w.traffic()), await applications(w)) == ({"v2"}, {"web-sys-v2"})


@pytest.mark.parametrize("gone_by", [False, True])
async def test_a_version_that_is_renamed_in_place_follows_unless_an_application_set_goes_by_it(gone_by: bool) -> None:
    async with complex_world() as w:
        v1 = w.cluster("v1", "web")
        w.route("v1")
        v1["labels"][VERSION_LABEL] = "1.0"
        selector = {"role-of": "web", **({VERSION_LABEL: "1.0"} if gone_by else {})}
        await w.store.real.apply(APPLICATION_SET, application_set("web", selector, own={"app": "web"}))
        await w.cell([v1], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            v1["labels"][VERSION_LABEL] = "1.1"
            await w.cell([v1], w.app("web"))
            await w.until(lambda s: s["applications"][0]["synced"]["version"] == "1.1")
            if gone_by:
                said = f"The cluster secret sys-v1 keeps {VERSION_LABEL}=1.0 as long as default/sys-web publishes it"
                await w.until(lambda s: s["message"].startswith(said))
                await asyncio.sleep(600)
                assert (await w.status())["reason"] == "LabelsInUse"
                await w.store.real.apply(
                    APPLICATION_SET, application_set("web", {"role-of": "web"}, own={"app": "web"})
                )

            def followed(status: dict[str, Any]) -> bool:
                held = any(each["type"] == "LabelsInUse" for each in status["conditions"])
                return status["observedGeneration"] == 2 and not held

            await w.until(followed, "sys-v1", CLUSTER)
            await w.phase("Synced")
            secret = await w.store.real.get(SECRET, "argocd", "sys-v1")
            assert secret["metadata"]["labels"][VERSION_LABEL] == "1.1"
            assert (await applications(w), w.traffic()) == ({"web-sys-v1"}, {"v1": 100})


@asynccontextmanager
async def moving(**app: Any) -> AsyncIterator[ComplexWorld]:
    """A Cell that serves on v1, published by `role-of`, and goes to v2, published by `role2`. Whoever has all of the
    traffic keeps what it serves by."""
    async with complex_world(health_timeout=120.0) as w:
        await w.web_on("v1")
        await w.store.real.apply(APPLICATION_SET, application_set("web2", {"role2": "web2"}, own={"app": "web2"}))
        async with w.running():
            await w.phase("Synced")

            def watch() -> None:
                for cluster in w.traffic():
                    made = {name for server, name in w.argo.workloads if server == f"https://{cluster}.eks.example"}
                    assert made == {f"web-sys-{cluster}" if cluster == "v1" else f"web2-sys-{cluster}"}, w.told()

            w.argo.watch = watch
            w.argo.broken["web2-sys-v1"] = degraded("an old cluster")
            await w.cell(
                [w.cluster("v2", "web")], w.app("web", **published_by({"role2": "web2"}), **app), retainFor="3h"
            )
            yield w


async def test_a_cluster_that_is_left_keeps_the_labels_that_it_has() -> None:
    async with moving() as w:
        await w.phase("Synced")
        assert (await labels(w, "v1"), await labels(w, "v2")) == ({"role-of"}, {"role2"})
        status = await w.status("sys-web", DEPLOYMENT)
        assert [(each["name"], each["phase"]) for each in status["clusters"]] == [
            ("sys-v1", "Retained"),
            ("sys-v2", "Ready"),
        ]


@pytest.mark.parametrize("paused", [False, True])
async def test_a_move_to_other_labels_that_fails_finds_the_former_ones_in_place(paused: bool) -> None:
    async with moving(checks=[check("dd")]) as w:
        await w.until(lambda _: "v2" in w.traffic(), "sys-web")
        app = w.app("web", **published_by({"role2": "web2"}), checks=[check("dd")])
        await w.cell([w.cluster("v2", "web")], app, retainFor="3h", paused=paused)
        w.metrics.answer = lambda *_: 1.0
        await w.until(lambda s: s["applications"][0]["phase"] == "Failed")
        await asyncio.sleep(600)
        assert (set(w.traffic()), await labels(w, "v1"), await labels(w, "v2")) == ({"v1"}, {"role-of"}, set())


async def test_a_rollback_across_labels_changes_none() -> None:
    async with moving() as w:
        await w.phase("Synced")
        await asyncio.sleep(60)
        await w.command("rollback")
        await w.until(lambda s: s["applications"][0]["synced"]["version"] == "v1")
        assert (set(w.traffic()), await labels(w, "v1"), await labels(w, "v2")) == ({"v1"}, {"role-of"}, {"role2"})
        assert not [name for name, reason, _ in w.told() if reason == "FormerLabelsRemoved"]


@pytest.mark.parametrize("everybody", [False, True])
async def test_in_a_pause_no_label_of_a_cluster_changes_either_be_it_published_or_not(everybody: bool) -> None:
    """The application isn't published there by Okra: an ApplicationSet selects the cluster's own labels."""
    async with complex_world() as w:
        await w.store.real.apply(APPLICATION_SET, application_set("web", {"env": "prod"}, own={"app": "web"}))
        v1 = w.cluster("v1", "web")
        w.route("v1")
        v1["labels"]["env"] = "prod"
        app = {key: value for key, value in w.app("web").items() if key != "argocd"}
        await w.cell([v1], app)
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            assert await applications(w) == {"web-sys-v1"}
            w.held = "Every Cell is paused by somebody." if everybody else ""
            v1["labels"] |= {"env": "production", "team": "b"}
            await w.cell([v1], app, paused=not everybody)
            status = await w.until(lambda s: s["reason"] == "LabelsInUse")
            said = "Every Cell is paused by somebody." if everybody else "The Cell sys is paused (spec.paused)."
            assert status["message"].startswith(
                "The cluster secret sys-v1 keeps env=prod in a pause: an ApplicationSet"
            )
            assert status["message"].endswith(said)
            await asyncio.sleep(600)
            found = await w.store.real.get(SECRET, "argocd", "sys-v1")
            assert (found["metadata"]["labels"]["env"], found["metadata"]["labels"]["team"]) == ("prod", "b")
            assert (await applications(w), w.traffic()) == ({"web-sys-v1"}, {"v1": 100})
            w.held = ""
            await w.cell([v1], app, paused=False)
            await w.phase("Synced")
            await w.until(lambda s: s["reason"] == "Synced")
            found = await w.store.real.get(SECRET, "argocd", "sys-v1")
            assert found["metadata"]["labels"]["env"] == "production"
