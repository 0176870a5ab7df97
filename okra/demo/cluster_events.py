"""What Okra says it did, from the cluster's Events: those that `kubectl events` shows."""

from __future__ import annotations

import asyncio
from datetime import datetime

from okra.actors.cell import CELL
from okra.demo.ledger import Happened, Ledger
from okra.demo.manifest import CELL_NAME, NAMESPACE_OF_CELL
from okra.kube.events import CONTROLLER, EVENT
from okra.ports import Object, ObjectStore

LOOK = 0.2
"""Seconds. What happens again within it is told once."""


async def follow_events(store: ObjectStore, ledger: Ledger) -> None:
    """Tell the ledger of each, once, until cancelled."""
    told: dict[str, int] = {}
    while True:
        listing = await store.list(EVENT, NAMESPACE_OF_CELL)
        fresh = [event for event in listing.items if is_new(event, told)]
        if fresh:
            cell = await store.get(CELL, NAMESPACE_OF_CELL, CELL_NAME)
            # An Event doesn't name its version: it is about the rollout that runs, or ran last.
            version = ((cell.get("status") or {}).get("rollout") or {}).get("version") or ""
            for happened in sorted((happened_of(event, version) for event in fresh), key=lambda each: each.at):
                ledger.saw(happened)
        await asyncio.sleep(LOOK)


def is_new(event: Object, told: dict[str, int]) -> bool:
    """Okra's, and counted on since it was told last. Then it counts as told."""
    if event.get("reportingController") != CONTROLLER:
        return False
    name, count = event["metadata"]["name"], int((event.get("series") or {}).get("count") or 1)
    if told.get(name) == count:
        return False
    told[name] = count
    return True


def happened_of(event: Object, version: str) -> Happened:
    """Its last occurrence."""
    regarding, at = event["regarding"], (event.get("series") or {}).get("lastObservedTime") or event["eventTime"]
    return Happened(
        at=datetime.fromisoformat(at).timestamp(),
        object=f"{regarding['kind'].lower()}/{regarding['name']}",
        reason=event["reason"],
        message=event["note"],
        warning=event["type"] == "Warning",
        version=version,
    )
