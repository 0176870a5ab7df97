"""From watch to status: Okra's store alone, and `okra controller` as it is, beside a minimal kopf operator in one run.

The store alone does what the kopf operator does: a line of status for each object. The controller does all that it does
for a Cell that it can't act on (a check without a provider): an actor, the model, the decision, conditions; and it asks
whether every Cell is paused, whatever there is to do: twice in ten seconds, so hardly ever.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import Row
from bench.counted import cluster, counted, create, until_phase
from bench.kube import KIND, install_kind
from okra.actors.cell import CELL
from okra.ports import Kind, Object
from okra.testing.controlplane.access import ControlPlane
from tests.support.crds import install_crds

OBJECTS = 300
MOST_ASKED = 1.05
"""Requests of `okra controller` for an object: one, and what it asks whatever there is to do."""
A_SECOND = 20.0
"""Objects that somebody makes a second: well below what any of them can do, so that all keep up."""


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    """Of the objects that are made for it."""
    command: Sequence[str]
    """Of its process, after `python -m`."""
    kind: Kind = KIND
    spec: Object = field(default_factory=dict)
    phase: str = "Synced"
    """What it says of each object."""
    watches: int = 1


LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/1/2"
UNACTIONABLE: Object = {
    "ingress": {
        "type": "AWSApplicationLoadBalancer",
        "awsApplicationLoadBalancer": {
            "listenerARN": LISTENER,
            "targetGroupSelector": {"matchLabels": {"role": "web"}},
        },
    },
    "checks": [{"name": "errors", "analysis": {"query": "errors", "max": 1}}],
}
"""A Cell that the API server takes, and the controller says to be invalid: nothing is asked of AWS."""
STORE = Operator("store", ["bench.reactors.minimal_okra"])
KOPF = Operator("kopf", ["bench.reactors.minimal_kopf"])
CONTROLLER = Operator(
    "okra", ["okra", "controller", "--no-leader-elect", "--listen", "127.0.0.1:0"], CELL, UNACTIONABLE, "Invalid", 2
)


async def run() -> list[Row]:
    async with cluster() as plane:
        await asyncio.to_thread(install_kind, plane)
        await asyncio.to_thread(install_crds, plane)
        kopf_requests, kopf_cpu = await _reacts(plane, KOPF, 0)  # first: it would handle what is there already
        store_requests, store_cpu = await _reacts(plane, STORE, OBJECTS)
        okra_requests, okra_cpu = await _reacts(plane, CONTROLLER, 0)
    share = store_cpu / kopf_cpu
    return [
        Row(
            "Okra's store: requests from watch to status, per object",
            store_requests,
            "requests",
            1.0,
            store_requests <= 1.0,
        ),
        Row("kopf: the same", kopf_requests, "requests"),
        Row(
            "okra controller: the same, all that it asks",
            okra_requests,
            "requests",
            MOST_ASKED,
            okra_requests <= MOST_ASKED,
        ),
        Row("Okra's store: CPU from watch to status, per object", store_cpu * 1000, "ms"),
        Row("kopf: the same", kopf_cpu * 1000, "ms"),
        Row("okra controller: the same", okra_cpu * 1000, "ms"),
        Row("CPU of Okra's store : kopf's", share, "x", 0.5, share < 0.5),
        Row("CPU of okra controller : kopf's", okra_cpu / kopf_cpu, "x"),
    ]


async def _reacts(plane: ControlPlane, operator: Operator, before: int) -> tuple[float, float]:
    """(requests, seconds of CPU) for each object that somebody makes, until all have a status.

    `before`: objects of the kind that say so already.
    """
    kind = operator.kind
    async with counted(plane, [sys.executable, "-m", *operator.command]) as process:
        await process.proxy.until_watched(operator.watches)
        await asyncio.sleep(3)  # what it does once, at its start, is over
        requests, cpu = process.requests, process.cpu
        for number in range(OBJECTS):
            metadata = {"name": f"{operator.name}-{number}"}
            body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": operator.spec}
            await create(plane, kind.api_version, kind.plural, body)
            await asyncio.sleep(1 / A_SECOND)
        await until_phase(plane, kind.api_version, kind.plural, operator.phase, before + OBJECTS)
        return (process.requests - requests) / OBJECTS, (process.cpu - cpu) / OBJECTS
