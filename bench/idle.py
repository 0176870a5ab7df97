"""What an `okra controller` with nothing to do asks the API server."""

from __future__ import annotations

import asyncio
import sys

from bench import Row
from bench.counted import cluster, counted, create, until_phase
from okra.api.crd import crd_files
from okra.testing.aws_world import AwsWorld
from okra.testing.moto_server import MotoServer

API, CELLS = "okra.mumoshu.github.io/v1alpha1", "cells"
MINUTE = 60.0
SETTLED = 75.0
"""Until the adoption is told and two discoveries have found nothing new."""


async def run() -> list[Row]:
    figures: list[float] = []
    with MotoServer() as moto, AwsWorld(moto.url) as world:
        environ = {**moto.environ, "OKRA_LISTEN": "127.0.0.1:0", "OKRA_CLAIM_SETTLE": "0s"}
        listener = world.listener(world.load_balancer())
        group = world.target_group("web", version="1.0.0", tags={"role": "web"})
        async with cluster() as plane:
            kinds = "---\n".join(crd_files().values())
            await asyncio.to_thread(plane.kubectl, "apply", "--server-side", "-f", "-", given=kinds)
            async with counted(plane, [sys.executable, "-m", "okra", "controller"], **environ) as okra:
                for count in (1, 100):
                    for number in range(1 if figures else 0, count):
                        world.rule(listener, number + 1, {group: 1})
                        await create(plane, API, CELLS, _cell(number, listener))
                    await until_phase(plane, API, CELLS, "Synced", count)
                    await asyncio.sleep(SETTLED)
                    before = okra.requests
                    await asyncio.sleep(MINUTE)
                    figures.append(float(okra.requests - before))
    one, hundred = figures
    return [
        Row("API requests a minute, idle with 1 Cell", one, "requests"),
        Row("API requests a minute, idle with 100 Cells", hundred, "requests", one + 3, hundred <= one + 3),
    ]


def _cell(number: int, listener: str) -> dict[str, object]:
    balancer = {
        "listenerARN": listener,
        "rule": {"priority": number + 1},
        "targetGroupSelector": {"matchLabels": {"role": "web"}},
    }
    return {
        "apiVersion": API,
        "kind": "Cell",
        "metadata": {"name": f"cell-{number}"},
        "spec": {
            "ingress": {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": balancer},
            "replicas": 1,
            "versionedBy": {"label": "okra.mumoshu.github.io/version"},
        },
    }
