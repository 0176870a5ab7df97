"""The actors of Argo CD's kinds on a real API server, beside Argo CD's real ApplicationSet controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import structlog

from okra.api.defaults import Defaults
from okra.app.clock import SystemClock
from okra.argocd.names import APPLICATION, APPLICATION_SET, TARGET_GROUP
from okra.embedded.store import EmbeddedStore
from okra.kube.store import KubeStore
from okra.testing.application_controller import degraded
from okra.testing.applicationset_controller import ApplicationSetController
from okra.testing.controlplane import ControlPlane
from okra.testing.fake_argocd import FakeArgoCD, application_set
from okra.testing.fake_clusters import FakeClusters
from tests.actors.argo_deployments import because, never_both, never_none
from tests.actors.argo_world import ArgoWorld, condition, eventually
from tests.actors.doubles import FragileStore
from tests.kube.real import client_of
from tests.support.argocd import QUICK, ArgoStore

OLD, NEW = "https://c1.eks.example", "https://c2.eks.example"
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/7"


@pytest.fixture
async def w(
    okra_crds: ControlPlane, kube_namespace: str, applicationsets: ApplicationSetController
) -> AsyncIterator[ArgoWorld]:
    """`w.argo` is the application controller only."""
    clock, namespace = SystemClock(), applicationsets.namespace
    async with client_of(okra_crds) as client:
        with structlog.testing.capture_logs():
            yield ArgoWorld(
                FragileStore(cast(EmbeddedStore, KubeStore(client))),
                clock,
                FakeClusters(),
                FakeArgoCD(ArgoStore(client), clock, namespace, generates=False, **QUICK),
                home=kube_namespace,
                scope=kube_namespace,
                defaults=Defaults(poll_interval=1.0, discovery_interval=2.0),
                settled=1.0,
                patience=120.0,
            )


async def cluster_gone(w: ArgoWorld, name: str) -> None:
    async def is_gone() -> bool:
        return name not in await w.names(w.kinds[0])

    await eventually(is_gone, within=w.patience)


async def test_a_cluster_takes_over_from_another_whose_secret_goes_last(w: ArgoWorld) -> None:
    await w.application_set(helm={"targetGroupARN": "{{metadata.annotations." + TARGET_GROUP + "}}"})
    await w.cluster("c1", labels={"target-group": ARN}, deletionPolicy="Delete")
    await w.cluster("c2")
    await w.deployment("c1")
    w.argo.watch = never_none(w)
    async with w.running():
        status = await w.synced("c1")
        assert [each["applications"] for each in status["clusters"]] == [["web-c1"]]
        made = await w.store.real.get(APPLICATION, w.argo.namespace, "web-c1")
        assert made["spec"]["source"]["helm"]["parameters"] == [{"name": "targetGroupARN", "value": ARN}]
        await w.deployment("c2")
        await w.store.real.delete(w.kinds[0], w.home, "c1")
        await cluster_gone(w, "c1")
        await w.synced("c2")
        assert await w.names(APPLICATION) == {"web-c2"}
    assert w.argo.workloads == {(NEW, "web-c2")}
    assert w.argo.orphans == set()


async def test_workers_never_run_on_two_clusters_at_once(w: ArgoWorld) -> None:
    await w.application_set()
    await w.cluster("c1")
    await w.cluster("c2")
    await w.deployment("c1", delete_first=True)
    w.argo.watch = never_both(w)
    async with w.running():
        await w.synced("c1")
        await w.deployment("c2", delete_first=True)
        await w.synced("c2")
    assert [(each.server, each.runs) for each in w.argo.history] == [(OLD, True), (OLD, False), (NEW, True)]


async def test_other_labels_come_beside_the_former_until_what_they_deploy_is_ready(w: ArgoWorld) -> None:
    await w.application_set()
    other = application_set("next", {"role": "next"}, own={"app": "next"}, namespace=w.argo.namespace)
    await w.store.real.apply(APPLICATION_SET, other)
    await w.cluster("c1")
    await w.deployment("c1")
    w.argo.watch = never_none(w)
    async with w.running():
        await w.synced("c1")
        w.argo.broken["next-c1"] = degraded()
        labels: dict[str, Any] = {"clusterSecret": {"labels": {"role": "next"}}, "applicationSet": {"name": "next"}}
        await w.deployment("c1", **labels)
        await w.deployed(lambda s: s["conditions"][0]["reason"] == "ApplicationDegraded")
        assert (await w.published(), w.argo.running(OLD)) == ({"c1"}, {"web-c1", "next-c1"})
        del w.argo.broken["next-c1"]
        await w.deployed(lambda s: s["observedGeneration"] == 2 and s["phase"] == "Synced")
        assert (await w.published(), await w.names(APPLICATION)) == (set(), {"next-c1"})
    assert w.argo.workloads == {(OLD, "next-c1")}
    assert w.argo.orphans == set()


async def test_a_secret_stays_as_long_as_argo_cd_has_done_nothing_about_the_labels(
    w: ArgoWorld, applicationsets: ApplicationSetController
) -> None:
    await w.application_set()
    await w.cluster("c1", deletionPolicy="Delete")
    await w.cluster("c2")
    await w.deployment("c1", "c2")
    async with w.running():
        await w.synced("c1", "c2")
        await asyncio.to_thread(applicationsets.freeze)
        await w.deployment("c2")
        await w.store.real.delete(w.kinds[0], w.home, "c1")
        await w.cluster_until(lambda status: condition(status, "Ready") == ("False", "ApplicationsLeft"))
        assert await w.published() == {"c2"}
        assert w.argo.running(OLD) == {"web-c1"}
        assert (await w.secret("c1"))["metadata"]["labels"]
        await asyncio.to_thread(applicationsets.thaw)
        await cluster_gone(w, "c1")
        await w.synced("c2")
    assert w.argo.orphans == set()
    assert w.argo.workloads == {(NEW, "web-c2")}


async def test_what_argo_cd_says_of_itself_is_told(w: ArgoWorld) -> None:
    await w.application_set()
    good = (await w.store.real.get(APPLICATION_SET, w.argo.namespace, "web"))["spec"]["template"]
    bad = {**good, "spec": {**good["spec"], "project": "nowhere"}}
    await w.store.real.patch(APPLICATION_SET, w.argo.namespace, "web", {"spec": {"template": bad}})
    w.argo.broken["web-c1"] = degraded("CrashLoopBackOff")
    await w.cluster("c1")
    await w.deployment("c1")
    async with w.running():
        status = await w.deployed(because("ApplicationSetError"))
        assert "nowhere" in status["conditions"][0]["message"]
        await w.store.real.patch(APPLICATION_SET, w.argo.namespace, "web", {"spec": {"template": good}})
        status = await w.deployed(because("ApplicationDegraded"))
        assert "CrashLoopBackOff" in status["clusters"][0]["message"]
        w.argo.broken.clear()
        await w.synced("c1")
