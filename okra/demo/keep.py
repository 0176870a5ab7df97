"""`--keep`: the curtain stays up, and what a visitor can try."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from okra.demo.manifest import CELL_NAME, NAMESPACE_OF_CELL
from okra.demo.okra_side import OkraSide
from okra.demo.scene import Scene
from okra.demo.script import BAD, FIRST


def things_to_try(okra: str, pages: str, proxy: str, state: Path) -> str:
    """`okra`: how this program is called here."""
    return f"""\
Everything still runs, until Ctrl-C. In another terminal:

  {okra} status {CELL_NAME} --state {state}
  {okra} rollback {CELL_NAME} {FIRST} --state {state}
  {okra} retry {CELL_NAME} {BAD} --state {state}

  curl http://{pages}/debug/cells/{NAMESPACE_OF_CELL}/{CELL_NAME}
  curl http://{pages}/debug/actors
  curl http://{pages}/debug/tasks
  curl http://{pages}/metrics
  curl {proxy}/
"""


async def stay(console: Console, scene: Scene, okra: OkraSide, state: Path) -> None:
    """Until cancelled, with users again."""
    said = things_to_try(_program(sys.argv[0]), okra.pages, scene.proxy.url, state)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    scene.load.start()
    await asyncio.Event().wait()


def _program(called: str) -> str:
    return f"{sys.executable} -m okra" if called.endswith("__main__.py") else called
