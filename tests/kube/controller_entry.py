"""`okra controller` with something of the test's own inside: the same code, by its composition root's options.

A module of a test ends with `sys.exit(main(wrap=…))`, and is run by `controllers.start(module=("tests.kube.NAME",))`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from okra.actors.cell import CellActor
from okra.actors.executor import EffectExecutor
from okra.actors.wiring import unchanged
from okra.app.controller import ControllerOptions, control
from okra.app.logs import configure_logs
from okra.cli.settings import controller_settings


def main(
    *,
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged,
    cell_actor: Callable[..., Any] = CellActor,
) -> int:
    """The exit code. Settings come from the environment only."""
    settings = controller_settings()
    configure_logs(settings.log_level)
    asyncio.run(control(ControllerOptions(settings, wrap, cell_actor)))
    return 0
