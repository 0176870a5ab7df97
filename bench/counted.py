"""An operator as a process of its own, behind a proxy that counts what it asks the API server."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from okra.testing.controlplane.access import ControlPlane
from okra.testing.controlplane.kubeconfig import write_kubeconfig
from okra.testing.controlplane.own import OwnControlPlane
from okra.testing.kube_proxy import KubeProxy
from tests.controlplane.binaries import missing, places

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Counted:
    proxy: KubeProxy
    pid: int

    @property
    def requests(self) -> int:
        """So far."""
        return len(self.proxy.seen)

    @property
    def cpu(self) -> float:
        """Seconds so far, as the kernel counts them."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@asynccontextmanager
async def cluster() -> AsyncIterator[OwnControlPlane]:
    if missing("kubernetes"):
        raise RuntimeError("there is no control plane: make controlplane")
    with tempfile.TemporaryDirectory() as folder:
        plane = await asyncio.to_thread(OwnControlPlane.start, Path(folder), places("kubernetes"))
        try:
            yield plane
        finally:
            await asyncio.to_thread(plane.end)


@asynccontextmanager
async def counted(plane: ControlPlane, command: Sequence[str], **environ: str) -> AsyncIterator[Counted]:
    """RuntimeError with the end of its log when it ended by itself."""
    with tempfile.TemporaryDirectory() as folder:
        async with KubeProxy(plane) as proxy:
            config = write_kubeconfig(Path(folder, "config"), proxy.url, plane.ca, {})
            with await asyncio.to_thread(Path(folder, "log").open, "w+b") as log:
                process = await asyncio.create_subprocess_exec(
                    *command, env={**os.environ, "KUBECONFIG": str(config), **environ}, stdout=log, stderr=log
                )
                try:
                    yield Counted(proxy, process.pid)
                finally:
                    ended = process.returncode
                    if ended is None:
                        process.terminate()
                    await process.wait()
                    if ended is not None:
                        log.seek(0)
                        raise RuntimeError(log.read().decode()[-2000:])


async def create(plane: ControlPlane, api_version: str, plural: str, body: dict[str, Any]) -> None:
    """Somebody else makes an object in the namespace `default`."""
    made = await asyncio.to_thread(plane.call, "POST", f"/apis/{api_version}/namespaces/default/{plural}", body)
    if made.status != 201:
        raise RuntimeError(made)


async def until_phase(plane: ControlPlane, api_version: str, plural: str, phase: str, count: int) -> None:
    """Until so many objects say so in their status."""
    for _ in range(1200):
        found = (await asyncio.to_thread(plane.call, "GET", f"/apis/{api_version}/{plural}")).body["items"]
        if sum(1 for each in found if (each.get("status") or {}).get("phase") == phase) >= count:
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"{plural}: not {count} that are {phase}")
