"""Okra itself, in this process: the same actors as in `okra run`, on a state file in the demo's folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.app.inputs import read_input
from okra.app.progress import Progress
from okra.app.run import RunOptions, open_parts
from okra.app.settings import Settings
from okra.app.sources import MemorySecrets
from okra.app.system import running
from okra.demo.ledger import Ledger
from okra.demo.manifest import CELL_NAME, NAMESPACE_OF_CELL, cell_yaml
from okra.demo.script import Script
from okra.ports import Object, ObjectStore
from okra.web.server import serve

SETTINGS = Settings(discovery_interval=2.0, poll_interval=2.0, reread_after_revert=(1.0, 3.0), claim_settle=0.0)
"""An account that nobody else uses and clusters that start at once: everything may be quicker than by default."""


class OkraSide:
    """What the audience sees of Okra. Valid inside `okra_running`."""

    def __init__(self, store: ObjectStore, pages: str) -> None:
        self._store = store
        self.pages = pages
        """HOST:PORT of the health and debug pages."""

    async def status(self) -> dict[str, Any]:
        cell = await self._store.get(CELL, NAMESPACE_OF_CELL, CELL_NAME)
        status: dict[str, Any] = cell.get("status") or {}
        return status

    async def checks(self) -> list[Object]:
        return (await self._store.list(CHECK)).items


@asynccontextmanager
async def okra_running(folder: Path, listener_arn: str, script: Script, ledger: Ledger) -> AsyncIterator[OkraSide]:
    """Okra with the demo's Cell. The caller holds the lock of `state_in(folder)`."""
    manifest = folder / "cell.yaml"
    await asyncio.to_thread(manifest.write_text, cell_yaml(listener_arn, script), encoding="utf-8")
    found = await asyncio.to_thread(read_input, [manifest])
    options = RunOptions([manifest], SETTINGS, state_in(folder), print=lambda _: None)
    async with open_parts(options, Progress(options, found.cells), MemorySecrets()) as parts:
        for kind, obj in found.objects:
            await parts.store.apply(kind, obj)
        parts = replace(parts, on_event=ledger.saw_event)
        async with running(parts) as system, serve(system, SETTINGS.listen, strict=False) as pages:
            yield OkraSide(parts.store, pages)


def state_in(folder: Path) -> Path:
    return folder / "state.db"
