"""The proxy before an API server, which other tests stand on, leaves nothing behind."""

from __future__ import annotations

import asyncio
import os

from aiohttp import ClientSession

from okra.testing.controlplane.own import OwnControlPlane
from okra.testing.kube_proxy import KubeProxy

WATCH = "/api/v1/namespaces?watch=true"


def sockets() -> int:
    """That this process has open."""
    folder = "/proc/self/fd"
    return sum(1 for each in os.listdir(folder) if _target(f"{folder}/{each}").startswith("socket:"))


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # what listed the folder
        return ""


async def test_callers_who_leave_a_frozen_server_leave_no_connection_to_it_open(
    own_control_plane: OwnControlPlane,
) -> None:
    before = sockets()
    async with KubeProxy(own_control_plane) as proxy, ClientSession(proxy.url) as caller:
        watches = [await caller.get(WATCH) for _ in range(3)]
        await proxy.until_watched(len(watches))
        await asyncio.to_thread(own_control_plane.freeze_apiserver)
        for watch in watches:
            watch.close()
    assert sockets() == before
