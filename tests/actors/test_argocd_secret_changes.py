"""Whoever a change of a cluster secret concerns looks at once; the others aren't disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from okra.actors.argocd import SecretChanges
from okra.actors.messages import ObjectChanged, Objects, Wake
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.api.defaults import Defaults
from okra.argocd.marks import Publisher
from okra.errors import Expired, OkraError
from okra.testing.fake_argocd import APPLICATION_SET, SECRET, application_set
from tests.actors.argo_world import ArgoWorld, argo_world
from tests.argocd.objects import ours

pytestmark = pytest.mark.looptime

NAMES = ("c1", "c2", "c3")
EVERYBODY = {*NAMES, *(f"on-{name}" for name in NAMES)}


@asynccontextmanager
async def resting() -> AsyncIterator[tuple[ArgoWorld, set[str]]]:
    """Three clusters, and a deployment to each: `on-c1`. None looks by itself for as long as a test takes. And the
    names of those who looked."""
    async with argo_world() as w:
        w.defaults = Defaults(discovery_interval=7200.0)
        looked: set[str] = set()

        def look(operation: str, name: str) -> OkraError | None:
            if operation == "get":
                looked.add(name)
            return None

        for name in NAMES:
            made = application_set(f"sets-{name}", {"role": name}, own={"app": name})
            await w.store.real.apply(APPLICATION_SET, made)
            await w.cluster(name)
            await deploy(w, name)
        w.store.fault = look
        async with w.running():
            for name in NAMES:
                await w.deployed(lambda s: s.get("phase") == "Synced", f"on-{name}")
            await asyncio.sleep(60)
            looked.clear()
            yield w, looked


async def deploy(w: ArgoWorld, cluster: str, labels: str = "") -> None:
    named: dict[str, Any] = {"applicationSet": {"name": f"sets-{labels or cluster}"}}
    named["clusterSecret"] = {"labels": {"role": labels or cluster}}
    await w.deployment(cluster, name=f"on-{cluster}", **named)


async def by_label(w: ArgoWorld) -> None:
    await w.label("c1", role=None)


async def by_mark(w: ArgoWorld) -> None:
    mark = Publisher(w.group, "default", "on-c1").annotation
    await w.store.real.patch(SECRET, "argocd", "c1", {"metadata": {"annotations": {mark: None}}})


async def by_deletion(w: ArgoWorld) -> None:
    await w.store.real.delete(SECRET, "argocd", "c1")


@pytest.mark.parametrize("change", [by_label, by_mark, by_deletion])
async def test_a_change_of_a_secret_is_answered_by_its_cluster_and_by_whoever_publishes_it(
    change: Callable[[ArgoWorld], Awaitable[None]],
) -> None:
    async with resting() as (w, looked):
        await change(w)
        await asyncio.sleep(60)
        assert looked & EVERYBODY == {"c1", "on-c1"}
        assert (await w.secret("c1"))["metadata"]["labels"]["role"] == "c1"


async def test_clusters_of_one_server_hear_of_its_secret_all() -> None:
    async with resting() as (w, looked):
        await w.cluster("c4", eks="c1")
        await w.cluster_until(lambda status: status.get("ready"), "c4")
        await deploy(w, "c4", "c1")
        await w.deployed(lambda s: s.get("phase") == "Synced", "on-c4")
        await asyncio.sleep(60)
        looked.clear()
        await by_label(w)
        await asyncio.sleep(60)
        assert looked & (EVERYBODY | {"c4", "on-c4"}) == {"c1", "c4", "on-c1", "on-c4"}


async def test_after_a_gap_in_the_watch_all_look() -> None:
    async with resting() as (w, looked):
        await w.store.break_watches(Expired("too old"))
        await asyncio.sleep(60)
        assert looked >= EVERYBODY


class Directory(Actor[Objects | Wake]):
    """One that is too busy to answer."""

    def __init__(self, woken: list[Wake]) -> None:
        self._woken = woken

    async def receive(self, message: Objects | Wake) -> None:
        if isinstance(message, Wake):
            self._woken.append(message)


async def test_where_nobody_says_who_is_concerned_all_look() -> None:
    woken: list[Wake] = []
    async with RootSupervisor("test") as root:
        directory = root.start_child(ChildSpec("directory", lambda: Directory(woken)))
        changes = root.start_child(ChildSpec("changes", lambda: SecretChanges(directory)))
        changes.tell(ObjectChanged(ours("c1")))
        await asyncio.sleep(60)
    assert woken == [Wake()]
