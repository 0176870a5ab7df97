"""From watch to status, beside a minimal kopf operator in the same run."""

from __future__ import annotations

import asyncio
import sys

from bench import Row
from bench.counted import cluster, counted, create, until_phase
from bench.kube import KIND, install_kind
from okra.testing.controlplane.access import ControlPlane

OBJECTS = 300
A_SECOND = 20.0
"""Objects that somebody makes a second: well below what either can do, so that both keep up."""


async def run() -> list[Row]:
    async with cluster() as plane:
        await asyncio.to_thread(install_kind, plane)
        okra_requests, okra_cpu = await _reacts(plane, "okra", 0)
        kopf_requests, kopf_cpu = await _reacts(plane, "kopf", OBJECTS)
    share = okra_cpu / kopf_cpu
    return [
        Row("Okra: requests from watch to status, per object", okra_requests, "requests", 1.0, okra_requests <= 1.0),
        Row("kopf: the same", kopf_requests, "requests"),
        Row("Okra: CPU from watch to status, per object", okra_cpu * 1000, "ms"),
        Row("kopf: the same", kopf_cpu * 1000, "ms"),
        Row("Okra's CPU : kopf's", share, "x", 0.5, share < 0.5),
    ]


async def _reacts(plane: ControlPlane, name: str, before: int) -> tuple[float, float]:
    """(requests, seconds of CPU) for each object that somebody makes, until all have a status."""
    async with counted(plane, [sys.executable, "-m", f"bench.reactors.minimal_{name}"]) as operator:
        await operator.proxy.until_watched()
        await asyncio.sleep(3)  # what it does once, at its start, is over
        requests, cpu = operator.requests, operator.cpu
        for number in range(OBJECTS):
            body = {"apiVersion": KIND.api_version, "kind": KIND.kind, "metadata": {"name": f"{name}-{number}"}}
            await create(plane, KIND.api_version, KIND.plural, body)
            await asyncio.sleep(1 / A_SECOND)
        await until_phase(plane, KIND.api_version, KIND.plural, "Synced", before + OBJECTS)
        return (operator.requests - requests) / OBJECTS, (operator.cpu - cpu) / OBJECTS
