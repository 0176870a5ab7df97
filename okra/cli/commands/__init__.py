"""Every command, in the order of the help. What one does is in the room that it imports when it is called."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from okra.cli.commands import cells, manifests, processes, ways_in
from okra.cli.controller import ControllerCommand

HELP = "The canary deployment of whole Kubernetes clusters."


class Commands(TyperGroup):
    """Who takes a verb of another tool (`undo`, `start`) for one of Okra's is told which there are."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None and not cmd_name.startswith("-"):
            ctx.fail(f"No such command {cmd_name!r}. There are: {', '.join(self.commands)}.")
        return command


app = typer.Typer(
    name="okra",
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"okra {version('okra')}")
        raise typer.Exit


@app.callback(help=HELP)
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before the command."""


def _add(
    panel: str,
    command: Callable[..., None],
    name: str | None = None,
    *,
    text: str = "",
    cls: type[TyperCommand] | None = None,
) -> None:
    """Add a command with its docstring as help. Each paragraph is one line: the terminal's width breaks it."""
    paragraphs = (text or getdoc(command) or "").split("\n\n")
    unwrapped = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    app.command(name, help=unwrapped, cls=cls, rich_help_panel=panel)(command)


_add("Prepare", manifests.lint)
_add("Prepare", manifests.crds)
_add("Prepare", manifests.iam_policy, "iam-policy")
_add("Prepare", ways_in.convert)
_add("Prepare", ways_in.import_, "import")
_add("Run", processes.run)
_add("Run", processes.controller, cls=ControllerCommand)
_add("Run", processes.demo)
_add("Look", cells.get)
_add("Look", cells.status)
for verb, help_ in cells.VERBS.items():
    _add("Tell a Cell", cells.verb(verb), verb, text=f"{help_}\n\n{cells.EXECUTED}\n\nExample: okra {verb} web")
for verb, help_ in cells.VERSIONED_VERBS.items():
    _add(
        "Tell a Cell",
        cells.versioned_verb(verb),
        verb,
        text=f"{help_}\n\n{cells.EXECUTED}\n\nExample: okra {verb} web 1.2.0",
    )
