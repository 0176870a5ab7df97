"""One Argo CD as a test of the contract sees it: the double on a store in memory, or the real one."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from okra.app.clock import SystemClock
from okra.argocd.application_sets import ApplicationSet, read_application_set
from okra.argocd.applications import Application, read_application
from okra.argocd.names import APPLICATION, APPLICATION_SET, CLUSTER, SECRET, SECRET_TYPE
from okra.errors import NotFound
from okra.kube.store import KubeStore
from okra.ports import Object, ObjectStore
from okra.testing.application_controller import ApplicationController
from okra.testing.fake_argocd import FakeArgoCD, application_set
from tests.actors.secret_store import SecretStore
from tests.kube.real import client_of
from tests.support.argocd import QUICK, ArgoCD

PATIENCE, POLL = 60.0, 0.1
TOUCHES = 100
"""After how many vain looks something is done about it."""


@dataclass
class Argo:
    store: ObjectStore
    applications: ApplicationController
    namespace: str

    # -- what a test makes -------------------------------------------------------------------------------------------

    async def cluster(self, name: str, *, annotations: Mapping[str, str] | None = None, **labels: str) -> str:
        """A cluster secret, labelled as Okra does it: in a second step. Its server."""
        server = f"https://{name}.eks.example"
        config = json.dumps({"tlsClientConfig": {"insecure": True}})
        data = {"name": name, "server": server, "config": config}
        body = {
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": {SECRET_TYPE: CLUSTER},
                "annotations": dict(annotations or {}),
            },
            "type": "Opaque",
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }
        await self.store.create(SECRET, body)
        if labels:
            await self.label(name, **labels)
        return server

    async def label(self, cluster: str, **labels: str | None) -> None:
        await self.store.patch(SECRET, self.namespace, cluster, {"metadata": {"labels": labels}})

    async def application_set(
        self, name: str = "web", *, change: Callable[[Object], None] = lambda _: None, **spec: Any
    ) -> None:
        """An ApplicationSet for clusters with `role: NAME`. `change`: of the object, before it is made."""
        made = application_set(name, {"role": name}, namespace=self.namespace, **spec)
        change(made)
        await self.store.create(APPLICATION_SET, made)

    # -- what it looks at --------------------------------------------------------------------------------------------

    async def names(self) -> set[str]:
        return {each["metadata"]["name"] for each in (await self.store.list(APPLICATION, self.namespace)).items}

    async def application(self, name: str, holds: Callable[[Object], object] = lambda _: True) -> Object:
        """Once there is one for which this holds."""
        found: list[Object] = []

        async def look() -> bool:
            try:
                found[:] = [await self.store.get(APPLICATION, self.namespace, name)]
            except NotFound:
                return False
            return bool(holds(found[0]))

        await self._until(look, lambda: found)
        return found[0]

    async def well(self, name: str) -> Application:
        """Once it is Synced and Healthy."""

        def holds(obj: Object) -> bool:
            seen = read_application(obj)
            return (seen.sync, seen.health) == ("Synced", "Healthy")

        return read_application(await self.application(name, holds))

    async def told(self, holds: Callable[[ApplicationSet], object], name: str = "web") -> ApplicationSet:
        """What Okra reads of the ApplicationSet, once this holds."""
        found: list[ApplicationSet] = []

        async def look() -> bool:
            found[:] = [read_application_set(await self.store.get(APPLICATION_SET, self.namespace, name))]
            return bool(holds(found[0]))

        await self._until(look, lambda: found)
        return found[0]

    async def conditions(self, name: str = "web") -> dict[str, tuple[str, str]]:
        """Type → status and reason."""
        status = (await self.store.get(APPLICATION_SET, self.namespace, name))["status"]
        return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}

    async def only(self, *names: str) -> None:
        """Once these Applications are there, and no others."""

        async def look() -> bool:
            return await self.names() == {*names}

        await self._until(look, lambda: names)

    async def _touch(self) -> None:
        """Argo CD has two views of the secrets. When one lags behind the other, it tries again in three minutes, or at
        the next change of a secret."""
        for each in (await self.store.list(SECRET, self.namespace, f"{SECRET_TYPE}={CLUSTER}")).items:
            touched = {"metadata": {"annotations": {"example.com/touched": str(time.monotonic())}}}
            await self.store.patch(SECRET, self.namespace, each["metadata"]["name"], touched)

    async def _until(self, look: Callable[[], Any], seen: Callable[[], object]) -> None:
        for number in range(1, int(PATIENCE / POLL)):
            if await look():
                return
            if number % TOUCHES == 0:
                await self._touch()
            await asyncio.sleep(POLL)
        raise AssertionError(f"not within {PATIENCE:g} s: {seen()}")


@pytest.fixture(params=["double", "real"])
def which(request: pytest.FixtureRequest) -> ArgoCD | None:
    """The real one, or None for the double."""
    return request.getfixturevalue("argocd") if request.param == "real" else None


@pytest.fixture
async def argo(which: ArgoCD | None) -> AsyncIterator[Argo]:
    async with real(which) if which is not None else double() as argo:
        yield argo


@asynccontextmanager
async def real(argocd: ArgoCD) -> AsyncIterator[Argo]:
    async with client_of(argocd.plane) as client:
        yield Argo(KubeStore(client), argocd.applications, argocd.namespace)


@asynccontextmanager
async def double() -> AsyncIterator[Argo]:
    async with await SecretStore.open(":memory:") as store:
        fake = FakeArgoCD(store, SystemClock(), "argocd", **QUICK)
        task = asyncio.create_task(fake.run())
        yield Argo(store, fake, "argocd")
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()
