"""Every command, its options and its help. What a command does is in the room that it imports when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(
    name="okra",
    help="The canary deployment of whole Kubernetes clusters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[list[Path], typer.Argument(help="Files, folders, or - for standard input.", show_default=False)]
Input = Annotated[
    list[Path], typer.Option("--file", "-f", help="A file or folder with Cells and Checks; - for standard input.")
]
StateFile = Annotated[Optional[Path], typer.Option("--state", help="The state file; default: .okra/state.db.")]  # noqa: UP045
Output = Annotated[str, typer.Option("--output", "-o", help="text or json.")]


@app.command()
def lint(files: Files, output: Output = "text") -> None:
    """Judge manifests; needs neither AWS nor a cluster.

    Exit code: 0 clean, 1 findings, 2 unreadable.

    Example: okra lint cells/ check.yaml
    """
    from okra.cli.lint import lint as judge

    raise typer.Exit(judge(files, _choice(output, "text", "json")))  # type: ignore[arg-type]


@app.command()
def run(
    file: Input,
    state: StateFile = None,
    timeout: Annotated[Optional[str], typer.Option(help="Give up after this long (10s, 1h30m): exit code 3.")] = None,  # noqa: UP045
    listen: Annotated[Optional[str], typer.Option(help="HOST:PORT of the health and debug pages.")] = None,  # noqa: UP045
    output: Output = "text",
    read_only: Annotated[bool, typer.Option("--read-only", help="Decide and report, but never write to AWS.")] = False,
    log_level: Annotated[
        str, typer.Option(help="Of the log on standard error: debug, info, warning, error.")
    ] = "error",
) -> None:
    """Run Cells without Kubernetes, until none moves any more.

    Exit code: 0 all Synced, 1 one failed (reverted, or not healthy in time), 2 bad input, 3 the timeout ran out,
    130 interrupted. The same command goes on where it stopped.

    Example: okra run -f cell.yaml --timeout 2h
    """
    from okra.cli.run import run as start

    raise typer.Exit(start(file, state, timeout, listen, _choice(output, "text", "json"), read_only, log_level))


def _choice(value: str, *choices: str) -> str:
    if value not in choices:
        raise typer.BadParameter(f"{value!r}: choose one of {', '.join(choices)}", param_hint="'--output'")
    return value
