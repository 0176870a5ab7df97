"""`okra controller`: take the settings up, and run it. The help lists every setting, from the settings themselves."""

from __future__ import annotations

import sys
from typing import Any

from typer.core import TyperCommand

FAILED, BAD_INPUT = 1, 2


class ControllerCommand(TyperCommand):
    """A command whose help ends with a table of the settings: read when it is asked for, since that takes a moment."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        from rich import box
        from rich.console import Console
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        from okra.app.settings_help import settings_help

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(ratio=1)
        for variable, said in settings_help():
            table.add_row(variable, Text(said))
        title = "Settings, as environment variables (a flag wins, and a Cell's own field)"
        Console(highlight=False).print(Panel(table, title=title, title_align="left", box=box.ROUNDED))


def controller(**flags: Any) -> int:
    """The exit code: 0 when it was told to stop, 1 when it failed, 2 when it can't begin with these settings."""
    import asyncio

    from okra.app.controller import ControllerOptions, control
    from okra.app.logs import configure_logs
    from okra.cli.settings import controller_settings
    from okra.errors import OkraError

    try:
        settings = controller_settings(**flags)
        configure_logs(settings.log_level)
        asyncio.run(control(ControllerOptions(settings)))
    except OkraError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    return 0
