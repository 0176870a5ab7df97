"""Okra's client for the real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from okra.kube.client import KubeClient, Timeouts
from okra.kube.target import find_target
from okra.testing.controlplane.access import ControlPlane


@asynccontextmanager
async def client_of(plane: ControlPlane, timeouts: Timeouts | None = None) -> AsyncIterator[KubeClient]:
    """As its administrator."""
    target = await find_target(str(plane.kubeconfig))
    async with await KubeClient.open(target, timeouts or Timeouts()) as client:
        yield client
