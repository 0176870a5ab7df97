"""API servers behind proxies that break what a test asks for, for controllers in processes of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from okra.testing.controlplane import ControlPlane
from okra.testing.kube_proxy import KubeFault, KubeProxy

T = TypeVar("T")


@dataclass(frozen=True)
class Shield:
    """One proxy, in the event loop of another thread."""

    proxy: KubeProxy
    loop: asyncio.AbstractEventLoop
    kubeconfig: Path

    def add(self, *faults: KubeFault) -> None:
        self.loop.call_soon_threadsafe(self.proxy.add, *faults)

    def clear(self) -> None:
        self.loop.call_soon_threadsafe(self.proxy.clear)

    def cut_watches(self) -> int:
        """How many there were."""

        async def cut() -> int:
            return self.proxy.cut_watches()

        return asyncio.run_coroutine_threadsafe(cut(), self.loop).result(30)


@dataclass
class Shields:
    """Makes one for each controller."""

    plane: ControlPlane
    folder: Path
    loop: asyncio.AbstractEventLoop
    made: list[KubeProxy]

    def make(self, namespace: str) -> Shield:
        proxy = KubeProxy(self.plane)
        self.run(proxy.__aenter__())
        self.made.append(proxy)
        file = self.folder / f"shielded-{len(self.made)}.kubeconfig"
        context = {"cluster": "shielded", "user": "administrator", "namespace": namespace}
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "shielded",
                    "clusters": [{"name": "shielded", "cluster": {"server": proxy.url}}],
                    "users": [{"name": "administrator", "user": {}}],
                    "contexts": [{"name": "shielded", "context": context}],
                }
            )
        )
        return Shield(proxy, self.loop, file)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def shields(plane: ControlPlane, folder: Path) -> Iterator[Shields]:
    """As long as this lasts."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="shields")
    thread.start()
    found = Shields(plane, folder, loop, [])
    try:
        yield found
    finally:
        for proxy in found.made:
            found.run(proxy.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
