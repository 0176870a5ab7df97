"""`--keep`: the curtain stays up, and what a visitor can try."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from okra.demo.manifest import CELL_NAME, NAMESPACE_OF_CELL
from okra.demo.okra_side import Home, OkraSide
from okra.demo.scene import Scene


def things_to_try(lines: list[str], pages: str, proxy: str) -> str:
    """`lines`: where Okra lives, there is this to try."""
    shown = "\n".join(f"  {line}".rstrip() for line in lines)
    return f"""\
Everything still runs, until Ctrl-C. In another terminal:

{shown}

  curl http://{pages}/debug/cells/{NAMESPACE_OF_CELL}/{CELL_NAME}
  curl http://{pages}/debug/actors
  curl http://{pages}/debug/tasks
  curl http://{pages}/metrics
  curl {proxy}/
"""


async def stay(console: Console, scene: Scene, home: Home, okra: OkraSide) -> None:
    """Until cancelled, with users again."""
    said = things_to_try(home.to_try(_program(sys.argv[0])), okra.pages, scene.proxy.url)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    scene.load.start()
    await asyncio.Event().wait()


def _program(called: str) -> str:
    return f"{sys.executable} -m okra" if called.endswith("__main__.py") else called
