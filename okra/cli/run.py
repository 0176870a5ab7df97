"""`okra run`: judge the input, take the state's lock, and run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from okra.api.durations import Duration
from okra.app.inputs import BadInput, read_input
from okra.app.logs import configure_logs
from okra.app.progress import BAD_INPUT
from okra.app.run import RunOptions, default_state
from okra.app.run import run as run_cells
from okra.app.state_file import is_empty
from okra.cli.settings import settings_of_environment
from okra.embedded.lock import run_lock
from okra.errors import OkraError

ADOPTS = "the weights that the load balancer has are adopted."


def run(
    paths: list[Path],
    state: Path | None,
    timeout: str | None,
    listen: str | None,
    output: str,
    read_only: bool,
    log_level: str,
) -> int:
    """The exit code. Everything that is wrong with the input is said at once, on standard error."""
    configure_logs(log_level)
    try:
        seconds = None if timeout is None else Duration(timeout).seconds
    except ValueError as error:
        return _bad(f"--timeout {timeout}: {error}")
    try:
        settings = settings_of_environment()
        found = read_input(paths, provider_is_set=settings.check_provider is not None)
        options = RunOptions(
            paths=paths,
            settings=settings,
            state=state or default_state(paths),
            timeout=seconds,
            listen=listen,
            output=output,
            read_only=read_only,
        )
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
        if state is None:
            print(f"State: {options.state} (choose another with --state)", file=sys.stderr)
        if is_empty(options.state):
            print(f"note: the state file {options.state} is empty, and begun anew: {ADOPTS}", file=sys.stderr)
        with run_lock(options.state) as options.serves_at:
            return asyncio.run(run_cells(options, found))
    except (BadInput, OkraError) as error:
        return _bad(str(error))


def _bad(message: str) -> int:
    print(message, file=sys.stderr)
    return BAD_INPUT
