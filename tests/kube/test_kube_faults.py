"""A real API server that freezes, dies, and is shielded by something that answers for it: the same end all the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from okra.errors import AlreadyExists, NotFound, Retryable, Unavailable
from okra.kube.client import KubeClient, Timeouts
from okra.kube.credentials import Identity, fixed
from okra.kube.store import KubeStore
from okra.kube.target import Target, find_target
from okra.kube.watch import Patience
from okra.ports import Object, ObjectStore
from okra.testing.controlplane.access import ControlPlane
from okra.testing.controlplane.own import OwnControlPlane
from okra.testing.kube_proxy import KubeFault, KubeProxy
from tests.store.kinds import GADGET, WIDGET, widget
from tests.store.real import install_kinds

QUICK = Patience(first=0.05, longest=0.5, chance=random.Random(1))
SHORT = Timeouts(connect=2, read=3, total=6)


@asynccontextmanager
async def store_at(target: Target, timeouts: Timeouts = SHORT, patience: Patience = QUICK) -> AsyncIterator[KubeStore]:
    async with KubeStore(await KubeClient.open(target, timeouts), patience=patience) as store:
        yield store


class Cache:
    """The objects of a namespace as a list and the watch after it tell, begun anew when the watch expires."""

    def __init__(self, store: ObjectStore, namespace: str) -> None:
        self._store, self._namespace = store, namespace
        self.objects: dict[str, Object] = {}
        self.lists = 0
        self._changed = asyncio.Event()

    async def follow(self) -> None:
        while True:
            try:
                listing = await self._store.list(WIDGET, self._namespace)
                self.lists += 1
                self.objects = {item["metadata"]["name"]: item for item in listing.items}
                self._changed.set()
                async for event in self._store.watch(WIDGET, listing.resource_version, self._namespace):
                    self._take(event.type, event.object)
            except Retryable:
                await asyncio.sleep(0.01)

    def _take(self, type_: str, obj: Object) -> None:
        name = obj["metadata"].get("name", "")
        if type_ == "DELETED":
            del self.objects[name]
        elif type_ != "BOOKMARK":
            self.objects[name] = obj
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def followed(store: ObjectStore, namespace: str) -> AsyncIterator[Cache]:
    cache = Cache(store, namespace)
    task = asyncio.create_task(cache.follow())
    try:
        await cache.until(lambda: cache.lists > 0)
        yield cache
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def insist(call: Callable[[], Awaitable[Any]]) -> None:
    """As the actors do: whatever may succeed later is done again."""
    async with asyncio.timeout(120):
        while True:
            try:
                await call()
            except Retryable:
                await asyncio.sleep(0.01)
            except (AlreadyExists, NotFound):
                return  # an answer was lost, and it had been done
            else:
                return


async def work(store: ObjectStore, namespace: str, rounds: int) -> None:
    """Objects come, change and go; in the end `w0` … are there, each with its number in the status."""
    for number in range(rounds):
        name = f"w{number}"
        await insist(partial(store.create, WIDGET, widget(name, namespace)))
        await insist(partial(store.patch_status, WIDGET, namespace, name, {"n": number}))
        await insist(partial(store.apply, WIDGET, widget(name, namespace, spec={"size": 2})))
        await insist(lambda: store.create(WIDGET, widget("passing", namespace)))
        await insist(lambda: store.delete(WIDGET, namespace, "passing"))


async def check(cache: Cache, store: ObjectStore, namespace: str, rounds: int) -> None:
    """The cache and the server agree, on what was asked for."""
    names = {f"w{number}" for number in range(rounds)}
    expected = {f"w{number}": (2, number) for number in range(rounds)}

    def seen() -> dict[str, tuple[int, int]]:
        return {name: (obj["spec"]["size"], obj.get("status", {}).get("n")) for name, obj in cache.objects.items()}

    await cache.until(lambda: cache.objects.keys() == names and seen() == expected)
    listing = await store.list(WIDGET, namespace)
    assert {item["metadata"]["name"]: item for item in listing.items} == cache.objects


@pytest.fixture
def cluster(control_plane: ControlPlane) -> ControlPlane:
    install_kinds(control_plane)
    return control_plane


def proxied(proxy: KubeProxy) -> Target:
    return Target(proxy.url, fixed(Identity()))


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 409, "reason": "Conflict", "method": "PATCH"},
        {"code": 410, "reason": "Expired", "method": "GET"},
        {"code": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "0"}, "times": 6},
        {"code": 500, "reason": "InternalError"},
        {"code": 503, "reason": "ServiceUnavailable"},
        {"code": 0},
        {"code": 0, "applied": True},
        {"code": 504, "reason": "Timeout", "applied": True},
    ],
    ids=lambda fault: f"{fault['code'] or 'cut'}{'-applied' if fault.get('applied') else ''}",
)
async def test_a_server_that_fails_now_and_then_leads_to_the_same_end(
    cluster: ControlPlane, kube_namespace: str, fault: dict[str, Any]
) -> None:
    async with (
        KubeProxy(cluster) as proxy,
        store_at(proxied(proxy)) as store,
        followed(store, kube_namespace) as cache,
    ):
        broken = KubeFault(**fault, every=3)
        proxy.add(broken)
        await work(store, kube_namespace, 10)
        assert broken.hits >= 3
        proxy.clear()
        await check(cache, store, kube_namespace, 10)


async def test_watches_that_are_cut_lose_and_repeat_nothing(cluster: ControlPlane, kube_namespace: str) -> None:
    async with (
        KubeProxy(cluster) as proxy,
        store_at(proxied(proxy)) as store,
        followed(store, kube_namespace) as cache,
    ):
        cuts = 0
        for number in range(10):
            await proxy.until_watched()
            await store.create(WIDGET, widget(f"w{number}", kube_namespace, spec={"size": 2}))
            cuts += proxy.cut_watches()
            await store.patch_status(WIDGET, kube_namespace, f"w{number}", {"n": number})
        await check(cache, store, kube_namespace, 10)
        assert cuts >= 10
        assert cache.lists == 1, "a connection's end is no reason to list"


async def test_a_server_that_refuses_every_watch_at_once_gets_few_requests(
    cluster: ControlPlane, kube_namespace: str
) -> None:
    """Pauses of 0.05 to 0.5 s leave no room for more; without any there would be thousands."""
    async with KubeProxy(cluster) as proxy, store_at(proxied(proxy)) as store:
        proxy.add(KubeFault(0, watch=True))
        began = asyncio.get_running_loop().time()
        async with followed(store, kube_namespace):
            await proxy.until(8, path=WIDGET.plural)
            lasted = asyncio.get_running_loop().time() - began
        assert len([seen for seen in proxy.seen if "watch" in seen.query]) <= 8 + lasted / 0.025


async def own(plane: OwnControlPlane, folder: Path) -> Target:
    await asyncio.to_thread(install_kinds, plane)
    return await find_target(str(plane.kubeconfig))


async def test_calls_to_a_frozen_server_end_in_their_time_and_all_goes_on_when_it_thaws(
    own_control_plane: OwnControlPlane, tmp_path: Path
) -> None:
    patience = Patience(span=1.0, slack=0.5, first=0.05, longest=0.5, chance=random.Random(1))
    target = await own(own_control_plane, tmp_path)
    async with store_at(target, SHORT, patience) as store, followed(store, "default") as cache:
        await store.create(WIDGET, widget("w0", "default", spec={"size": 2}))
        await cache.until(lambda: "w0" in cache.objects)
        await asyncio.to_thread(own_control_plane.freeze_apiserver)
        calls: list[Awaitable[Any]] = [
            store.get(WIDGET, "default", "w0"),
            store.list(WIDGET, "default"),
            store.create(GADGET, widget("x", "default", kind=GADGET)),
            store.patch(WIDGET, "default", "w0", {"spec": {"size": 2}}),
            store.patch_status(WIDGET, "default", "w0", {"n": 0}),
            store.delete(WIDGET, "default", "absent"),
            store.apply(WIDGET, widget("w0", "default", spec={"size": 2})),
        ]
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * len(calls)
        await asyncio.to_thread(own_control_plane.thaw_apiserver)
        await insist(lambda: store.patch_status(WIDGET, "default", "w0", {"n": 0}))
        await check(cache, store, "default", 1)


async def test_a_watch_outlives_the_server_and_misses_nothing(
    own_control_plane: OwnControlPlane, tmp_path: Path
) -> None:
    target = await own(own_control_plane, tmp_path)
    async with store_at(target) as store, followed(store, "default") as cache:
        working = asyncio.create_task(work(store, "default", 20))
        await cache.until(lambda: len(cache.objects) > 3)
        await asyncio.to_thread(own_control_plane.restart_apiserver)
        await working
        await check(cache, store, "default", 20)
