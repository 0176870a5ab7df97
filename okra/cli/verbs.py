"""`okra abort|retry|approve|pause|resume|promote|rollback|unblock NAME`: one command to one Cell, System or ALB."""

from __future__ import annotations

import getpass
import sys

from okra.actors.kinds import kind_of
from okra.app.command import outcome, send
from okra.app.wording import addressed
from okra.cli.options import Place
from okra.cli.place import Opened, commanded, within

DONE, REFUSED = 0, 1
PATIENCE = 5.0
"""Seconds to wait for a running Okra to execute it. Where none runs, nobody waits."""

NOBODY = "no `okra run` works on this state; the next one executes it, and no weight moves before"


def command(verb: str, name: str, arg: str, place: Place, wait: float = PATIENCE) -> int:
    """Send the command, and say what came of it within `wait` seconds.

    0 executed or recorded, 1 refused, 2 no such Cell or place.
    """

    async def act(opened: Opened) -> int:
        cell = await opened.cell(name)
        kind, plain = kind_of(cell), cell["metadata"]["name"]
        sent = await send(opened.store, kind, opened.namespace, plain, verb, arg, _who())
        if sent.replaced:
            print(f"It replaces the command {sent.replaced}, which was never executed.", file=sys.stderr)
        nobody = await opened.runs() is False
        found = await outcome(opened.store, kind, opened.namespace, plain, sent.id, 0.0 if nobody else wait)
        which = f"{kind.kind.lower()}/{plain}"
        if found is None:
            print(f"{verb} is recorded for {which}: {NOBODY if nobody else opened.waits_for}.")
            return DONE
        print(f"{which}: {addressed(found.outcome, opened.namespace, commanded(cell), opened.option)}")
        return REFUSED if found.outcome.startswith("Refused") else DONE

    return within(place, act)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
