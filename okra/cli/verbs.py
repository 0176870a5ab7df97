"""`okra abort|retry|approve|pause|resume|promote|rollback|unblock NAME`: one command to one Cell."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from okra.app.command import outcome, send
from okra.app.state_file import is_empty
from okra.app.wording import STATE
from okra.embedded.lock import runs
from okra.embedded.store import EmbeddedStore
from okra.errors import NotFound, OkraError

T = TypeVar("T")

DONE, REFUSED, NOT_THERE = 0, 1, 2
PATIENCE = 5.0
"""Seconds to wait for a running Okra to execute it."""


def command(verb: str, name: str, namespace: str, arg: str, state: Path | None) -> int:
    """Send the command, and say what came of it. 0 executed or recorded, 1 refused, 2 no such Cell or state."""

    async def act(store: EmbeddedStore) -> int:
        sent = await send(store, namespace, name, verb, arg, _who())
        if sent.replaced:
            print(f"It replaces the command {sent.replaced}, which was never executed.", file=sys.stderr)
        running = await asyncio.to_thread(runs, state or STATE)
        found = await outcome(store, namespace, name, sent.id, PATIENCE) if running else None
        if found is None:
            print(f"{verb} is recorded for cell/{name}: `okra run` executes it when it runs on this state.")
            return DONE
        print(f"cell/{name}: {found.outcome}")
        return REFUSED if found.outcome.startswith("Refused") else DONE

    return with_store(state, act)


def with_store(state: Path | None, act: Callable[[EmbeddedStore], Awaitable[int]]) -> int:
    """Open the state file that `okra run` works on, and act. Errors are said on standard error: exit code 2."""
    path = state or STATE

    async def opened() -> int:
        async with await EmbeddedStore.open(path, create=False) as store:
            return await act(store)

    try:
        if is_empty(path):
            print(f"the state file {path} is empty: `okra run` hasn't written to it yet", file=sys.stderr)
            return NOT_THERE
        return asyncio.run(opened())
    except NotFound as error:
        hint = "" if state else f" (looked at {path}; name another with --state)"
        print(f"{error}{hint}", file=sys.stderr)
        return NOT_THERE
    except OkraError as error:
        print(str(error), file=sys.stderr)
        return NOT_THERE


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
