"""The stores under contract. A further one is one more entry in STORES."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from okra.embedded import MEMORY, EmbeddedStore
from okra.kube.client import KubeClient
from okra.kube.store import KubeStore
from okra.kube.target import find_target
from okra.ports import ObjectStore
from okra.testing.controlplane.access import ControlPlane
from tests.store.kinds import validate
from tests.store.real import install_kinds, new_namespace, until_garbage_is_collected
from tests.support.controlplane import control_plane, control_plane_binaries, control_plane_may_block

__all__ = ["control_plane", "control_plane_binaries", "control_plane_may_block"]


def nothing() -> None:
    """An embedded store needs no preparation."""


@dataclass(frozen=True, slots=True)
class Backend:
    """How to open a store, empty but for other tests' namespaces, and to get a namespace of one's own."""

    open: Callable[[], AbstractAsyncContextManager[ObjectStore]]
    namespace: Callable[[], str]
    await_collector: Callable[[], None] = nothing
    """Until what has lost its owners is deleted in good time."""


@asynccontextmanager
async def embedded(where: Path | str) -> AsyncIterator[ObjectStore]:
    async with await EmbeddedStore.open(where, validate=validate) as store:
        yield store


@asynccontextmanager
async def kube(kubeconfig: Path) -> AsyncIterator[ObjectStore]:
    client = await KubeClient.open(await find_target(str(kubeconfig)))
    async with KubeStore(client, instance="contract") as store:
        yield store


@pytest.fixture(scope="session")
def contract_cluster(control_plane: ControlPlane) -> ControlPlane:
    """The real API server, with the contract's kinds."""
    install_kinds(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def collecting_cluster(contract_cluster: ControlPlane) -> None:
    """Half a minute, once: a cluster's garbage collector looks for new kinds so often."""
    until_garbage_is_collected(contract_cluster)


def in_a_file(request: pytest.FixtureRequest) -> Backend:
    path = request.getfixturevalue("tmp_path") / "state.db"
    return Backend(lambda: embedded(path), any_namespace)


def in_memory(_: pytest.FixtureRequest) -> Backend:
    return Backend(lambda: embedded(MEMORY), any_namespace)


def on_an_api_server(request: pytest.FixtureRequest) -> Backend:
    cluster: ControlPlane = request.getfixturevalue("contract_cluster")
    return Backend(
        lambda: kube(cluster.kubeconfig),
        lambda: new_namespace(cluster),
        lambda: request.getfixturevalue("collecting_cluster"),
    )


def any_namespace() -> str:
    return f"contract-{uuid.uuid4().hex[:8]}"


STORES = {"embedded-file": in_a_file, "embedded-memory": in_memory, "kube": on_an_api_server}


@pytest.fixture(params=STORES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return STORES[request.param](request)


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[ObjectStore]:
    async with backend.open() as opened:
        yield opened


@pytest.fixture
def garbage_collector(backend: Backend) -> None:
    backend.await_collector()


@pytest.fixture
def ns(backend: Backend) -> str:
    """A namespace of the test's own."""
    return backend.namespace()


@pytest.fixture
def elsewhere(backend: Backend) -> str:
    """Another one."""
    return backend.namespace()
