"""The command line. `main` is the entry point; each command imports what it needs, so that `--help` stays quick."""

from __future__ import annotations


def main() -> None:
    from okra.cli.commands import app

    app()
