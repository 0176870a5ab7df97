"""An edit of the labels that publish an application, while the clusters that have them serve."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.testing.fake_argocd import APPLICATION, APPLICATION_SET, application_set
from tests.actors.complex_world import ComplexWorld, complex_world

pytestmark = pytest.mark.looptime


async def applications(w: ComplexWorld) -> set[str]:
    listing = await w.store.real.list(APPLICATION)
    return {each["metadata"]["name"] for each in listing.items if not each["metadata"].get("deletionTimestamp")}


def published_by(labels: dict[str, str]) -> dict[str, Any]:
    return {"argocd": {"clusterSecret": {"labels": labels}, "applicationSet": {"name": "web2"}}}


@pytest.mark.parametrize("paused", [True, False])
async def test_labels_are_never_taken_off_clusters_that_serve(paused: bool) -> None:
    async with complex_world() as w:
        await w.application_set("web")
        found = w.cluster("v1", "web")
        w.route("v1")
        await w.cell([found], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            before = await applications(w)
            other = application_set("web2", {"role-of": "web2"}, own={"app": "web2"})
            await w.store.real.apply(APPLICATION_SET, other)
            await w.cell([found], w.app("web", **published_by({"role-of": "web2"})), paused=paused)
            status = await w.until(lambda s: s.get("reason") == "LabelsInUse")
            assert "would take role-of=web off clusters that it is published to" in status["message"]
            await asyncio.sleep(600)
            assert (await applications(w), await w.published()) == (before, {"v1"})
            await w.cell([w.cluster("v2", "web")], w.app("web", **published_by({"role-of": "web2"})))
            await w.until(lambda s: s["applications"][0]["synced"]["version"] == "v2")
            assert (set(w.traffic()), "v2" in await w.published()) == ({"v2"}, True)
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
