"""No Argo CD where it should be, or no permission there: the objects concerned say what to do, and all else works."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from okra.actors.argocd import ArgoCD
from okra.errors import AccessDenied, KindNotInstalled, NotFound, OkraError
from okra.testing.fake_clusters import FakeClusters
from tests.actors.argo_world import argo_world, condition
from tests.actors.doubles import FragileStore, no_fault
from tests.actors.secret_store import SecretStore
from tests.actors.world import QUICK, cell, world

pytestmark = pytest.mark.looptime

MISSING = NotFound('create secrets argocd/c1: namespaces "argocd" not found')
DENIED = AccessDenied("Okra may not list secrets in namespace argocd: allow it")


async def test_a_namespace_that_isnt_there_is_named_with_what_to_do() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.store.fault = lambda operation, _: MISSING if operation == "create" else None
        async with w.running():
            status = await w.cluster_until(lambda s: s.get("ready") is False)
            await asyncio.sleep(600)
            assert w.reasons("c1") == ["ArgoCDNotFound"], "it is said once"
            assert (status["phase"], condition(status, "Stalled")) == ("Failed", ("True", "ArgoCDNotFound"))
            for part in ("no namespace argocd", "argocd.namespace", "Install Argo CD"):
                assert part in status["conditions"][0]["message"]
            w.store.fault = no_fault
            await w.cluster_until(lambda s: s["ready"])


async def test_kinds_of_argo_cds_that_arent_there_are_named_with_what_to_do() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        await w.deployment("c1")
        error = KindNotInstalled("the API server knows no applications.argoproj.io")
        w.store.fault = lambda operation, name: error if (operation, name) == ("list", "applications") else None
        async with w.running():
            status = await w.deployed(lambda s: s.get("ready") is False)
            assert "Install Argo CD" in status["conditions"][0]["message"]
            assert condition(status, "Stalled")[0] == "False", "it may be about to be installed"
            await w.application_set()
            w.store.fault = no_fault
            await w.synced("c1")


@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_a_controller_without_permissions_there_is_ready_says_so_once_and_serves_other_cells(verb: str) -> None:
    def refuses(operation: str, name: str) -> OkraError | None:
        return DENIED if (operation, name) == (verb, "secrets") else None

    async with world() as w, await SecretStore.open(":memory:", now=w.clock.now) as real:
        w.store = FragileStore(real)
        w.two_versions()
        await w.apply(cell(**QUICK))
        w.store.fault = refuses
        clusters = FakeClusters()
        with structlog.testing.capture_logs() as logs:
            async with w.running(argocd=ArgoCD(clusters, clusters)) as system:
                await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
                await asyncio.sleep(600)
                assert (system.missing(), system.standing()) == ([], f"Argo CD (argocd): {DENIED}")
                assert [each["error"] for each in logs if each["event"] == "WatchFailed"] == [str(DENIED)]
                w.store.fault = no_fault
                await asyncio.sleep(120)
                assert system.standing() == ""
