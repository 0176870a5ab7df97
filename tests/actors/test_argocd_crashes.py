"""A defect of ours ends an actor of Argo CD's kinds anywhere: the next one goes on from what is in the secrets."""

from typing import Any

import pytest

from okra.testing.fake_argocd import APPLICATION_SET, SECRET, application_set
from tests.actors.argo_world import ArgoWorld, argo_world, eventually
from tests.actors.test_cell_crashes import Tripping, Tripwire

pytestmark = pytest.mark.looptime

PARTS = 2
OLD, NEW = "https://c1.eks.example", "https://c2.eks.example"


WRITES = ("create", "apply", "patch", "patch_status", "delete")


class TrippingWrites(Tripping):
    """Before and after each effect; reading may be begun anew at any time."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if name in WRITES else getattr(self._real, name)


async def move(w: ArgoWorld, wire: Tripwire, *, delete_first: bool) -> None:
    """From one cluster to another, to the end; whatever happened, no rule of the strategy was broken on the way."""
    await w.application_set()
    await w.cluster("c1", deletionPolicy="Delete")
    await w.cluster("c2")
    await w.deployment("c1", delete_first=delete_first)
    served = False

    def watch() -> None:
        nonlocal served
        running = {server for server, _ in w.argo.workloads}
        served = served or bool(running)
        assert len(running) <= 1 if delete_first else (running or not served)

    w.argo.watch = watch
    async with w.running(store=TrippingWrites(w.store, wire)):
        await w.synced("c1")
        await w.deployment("c2", delete_first=delete_first)
        await w.synced("c2")
        await w.store.real.delete(w.kinds[0], "default", "c1")

        async def gone() -> bool:
            return await w.names(SECRET) == {"c2"}

        await eventually(gone)
    assert w.argo.workloads == {(NEW, "web-c2")}
    assert w.argo.orphans == set()


async def relabel(w: ArgoWorld, wire: Tripwire, *, delete_first: bool) -> None:
    """To other labels, to the end; the cluster never runs neither, or with DeleteBeforeCreate never both."""
    await w.application_set()
    await w.store.real.apply(APPLICATION_SET, application_set("next", {"role": "next"}, own={"app": "next"}))
    await w.cluster("c1")
    await w.deployment("c1", delete_first=delete_first)
    served = False

    def watch() -> None:
        nonlocal served
        running = w.argo.running(OLD)
        served = served or bool(running)
        assert len(running) <= 1 if delete_first else (running or not served)

    w.argo.watch = watch
    labels: dict[str, Any] = {"clusterSecret": {"labels": {"role": "next"}}, "applicationSet": {"name": "next"}}
    async with w.running(store=TrippingWrites(w.store, wire)):
        await w.synced("c1")
        await w.deployment("c1", delete_first=delete_first, **labels)
        await w.deployed(lambda s: s["observedGeneration"] == 2 and s["phase"] == "Synced")
        assert (await w.published(), w.argo.workloads) == (set(), {(OLD, "next-c1")})
    assert w.argo.orphans == set()


@pytest.mark.parametrize("delete_first", [False, True])
async def test_a_crash_in_an_edit_of_labels_ends_where_none_does(delete_first: bool) -> None:
    at, wire = 1, Tripwire()
    while wire.passed >= wire.at:
        async with argo_world() as w:
            wire = Tripwire(at)
            await relabel(w, wire, delete_first=delete_first)
        at += 1
    assert at > 20, "there are many effects"


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_crash_between_any_two_effects_ends_where_none_does(part: int, delete_first: bool) -> None:
    at, wire = 1 + part, Tripwire()
    while wire.passed >= wire.at:
        async with argo_world() as w:
            wire = Tripwire(at)
            await move(w, wire, delete_first=delete_first)
        at += PARTS
    assert at > 40, "there are many effects"
