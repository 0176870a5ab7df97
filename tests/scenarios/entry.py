"""`okra run` with something of the test's own inside: the same code as the command, by its composition root's options.

python -m tests.scenarios.killed|crashing -f cells.yaml -o json …
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from okra.actors.cell import CellActor
from okra.actors.executor import EffectExecutor
from okra.actors.wiring import unchanged
from okra.app.inputs import read_input
from okra.app.logs import configure_logs
from okra.app.run import RunOptions, default_state, run
from okra.app.settings import load_settings
from okra.embedded.lock import run_lock


def main(
    *,
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged,
    cell_actor: Callable[..., Any] = CellActor,
) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", type=Path, required=True)
    parser.add_argument("-o", default="text")
    given = parser.parse_args()
    configure_logs("error")
    paths = [given.f]
    options = RunOptions(
        paths=paths,
        settings=load_settings(),
        state=default_state(paths),
        output=given.o,
        wrap=wrap,
        cell_actor=cell_actor,
    )
    with run_lock(options.state):
        return asyncio.run(run(options, read_input(paths)))
