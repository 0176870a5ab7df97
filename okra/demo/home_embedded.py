"""Okra in the demo's own process: the same actors as in `okra run`, on a state file in the demo's folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from okra.app.inputs import read_input
from okra.app.progress import Progress
from okra.app.run import RunOptions, open_parts
from okra.app.settings import load_settings
from okra.app.sources import MemorySecrets
from okra.app.system import running
from okra.demo.ledger import Ledger
from okra.demo.manifest import CELL_NAME, cell_yaml
from okra.demo.okra_side import SETTINGS, OkraSide
from okra.demo.script import BAD, FIRST, Script
from okra.embedded.lock import run_lock
from okra.web.server import serve


class EmbeddedHome:
    """Valid inside `embedded`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.state = folder / "state.db"

    @asynccontextmanager
    async def okra(self, listener_arn: str, script: Script, ledger: Ledger) -> AsyncIterator[OkraSide]:
        manifest, settings = self._folder / "cell.yaml", load_settings(**SETTINGS)
        await asyncio.to_thread(manifest.write_text, cell_yaml(listener_arn, script), encoding="utf-8")
        found = await asyncio.to_thread(read_input, [manifest])
        options = RunOptions([manifest], settings, self.state, print=lambda _: None)
        async with open_parts(options, Progress(options, found.cells), MemorySecrets()) as parts:
            for kind, obj in found.objects:
                await parts.store.apply(kind, obj)
            parts = replace(parts, on_event=ledger.saw_event)
            async with running(parts) as system, serve(system, settings.listen, strict=False) as pages:
                yield OkraSide(parts.store, pages)

    def to_try(self, okra: str) -> list[str]:
        return [
            f"{okra} status {CELL_NAME} --state {self.state}",
            f"{okra} rollback {CELL_NAME} {FIRST} --state {self.state}",
            f"{okra} retry {CELL_NAME} {BAD} --state {self.state}",
        ]


@contextmanager
def embedded(folder: Path) -> Iterator[EmbeddedHome]:
    """In this folder, with the right to run on its state file."""
    home = EmbeddedHome(folder)
    with run_lock(home.state):
        yield home
