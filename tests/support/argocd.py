"""Argo CD on the real control plane: import what is needed into a conftest, beside `control_plane`.

    from tests.support.argocd import applicationsets, argocd, argocd_crds, argocd_namespace

Each test has an Argo CD of its own, in a namespace of its own: the real ApplicationSet controller, and in the place of
the application controller, which would need clusters with machines, ours (`okra.testing.application_controller`). That
one runs in a thread, so that synchronous tests need nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from okra.app.clock import SystemClock
from okra.argocd.names import APPLICATION
from okra.kube.calls import Call
from okra.kube.store import KubeStore
from okra.ports import Kind, Object
from okra.testing.application_controller import ApplicationController
from okra.testing.applicationset_controller import ApplicationSetController
from okra.testing.argocd_install import install, settle
from okra.testing.controlplane import MERGE, ControlPlane
from tests.kube.real import client_of
from tests.support.controlplane import built, namespace_name

QUICK: dict[str, Any] = {"looks_every": 0.2, "deploys_in": 0.5, "deletes_in": 1.0, "reconciles_every": 5.0}
"""Seconds, as short as still shows each state."""


class ArgoStore(KubeStore):
    """The API server, to Argo CD's own controllers: the status of an Application is no subresource."""

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Object:
        if kind != APPLICATION:
            return await super().patch_status(kind, namespace, name, status, resource_version=resource_version)
        return await self._patch(Call("patch", kind, namespace, name), {"status": status})


@dataclass(frozen=True, slots=True)
class ArgoCD:
    """One that runs."""

    plane: ControlPlane
    namespace: str
    sets: ApplicationSetController
    """The real one; may be frozen."""
    applications: ApplicationController
    """Ours: what becomes of Applications, and what ran where."""


@pytest.fixture(scope="session")
def argocd_crds(control_plane: ControlPlane) -> ControlPlane:
    """The session's control plane, on which Argo CD's kinds are served."""
    install(control_plane, built("argocd")["argocd-crds"])
    return control_plane


@pytest.fixture
def argocd_namespace(argocd_crds: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """Argo CD's, of this test."""
    name = namespace_name(f"argocd {request.node.name}")
    with argocd_home(argocd_crds, name):
        yield name


@pytest.fixture
def applicationsets(
    argocd_crds: ControlPlane, argocd_namespace: str, tmp_path: Path
) -> Iterator[ApplicationSetController]:
    """The real controller, for ApplicationSets in `argocd_namespace`."""
    binary = built("argocd")["argocd-applicationset-controller"]
    with ApplicationSetController.start(binary, argocd_crds, argocd_namespace, tmp_path) as controller:
        yield controller


@pytest.fixture
def argocd(argocd_crds: ControlPlane, applicationsets: ApplicationSetController) -> Iterator[ArgoCD]:
    namespace = applicationsets.namespace
    with application_controller(argocd_crds, namespace) as applications:
        yield ArgoCD(argocd_crds, namespace, applicationsets, applications)


@contextmanager
def argocd_home(plane: ControlPlane, namespace: str) -> Iterator[None]:
    """Make a namespace Argo CD's, on a control plane that knows its kinds; at the end nothing holds it up."""
    made = plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.status == 201, made
    settle(plane, namespace)
    yield
    path = f"/apis/{APPLICATION.api_version}/namespaces/{namespace}/{APPLICATION.plural}"
    for each in plane.call("GET", path).body.get("items", ()):
        nothing: dict[str, Any] = {"metadata": {"finalizers": None}}
        plane.call("PATCH", f"{path}/{each['metadata']['name']}", nothing, content=MERGE)
    plane.call("DELETE", f"/api/v1/namespaces/{namespace}")


@contextmanager
def application_controller(plane: ControlPlane, namespace: str) -> Iterator[ApplicationController]:
    """Ours, in a thread. What it fails with, the test fails with."""
    started: Future[tuple[ApplicationController, asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def serve() -> None:
        async with client_of(plane) as client:
            controller = ApplicationController(ArgoStore(client), SystemClock(), namespace, **QUICK)
            task = asyncio.create_task(controller.run())
            started.set_result((controller, asyncio.get_running_loop(), task))
            await asyncio.wait({task})

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="application-controller")
    thread.start()
    controller, loop, task = started.result(timeout=30)
    try:
        yield controller
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
    if not task.cancelled():
        task.result()
