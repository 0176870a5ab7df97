"""What can be seen of a tree of actors without disturbing it: plain values for /debug, /metrics and tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_ERROR = 500
"""Characters of an error's text that are kept: it goes into status conditions and debug pages."""


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    """Also on its way into a restart."""
    BACKOFF = "backoff"
    PARKED = "parked"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One actor, and below it its children in start order."""

    name: str
    path: str
    actor: str
    """Its class."""
    kind: str
    state: State
    waiting: int
    """Messages in the mailbox."""
    capacity: int
    high_water: int
    refused: int
    received: int
    restarts: int
    last_error: str | None
    uptime: float | None
    """Seconds since `started` returned; None while it isn't running."""
    receiving: str | None
    """The type of the message in `receive` now."""
    receiving_for: float
    """Seconds; 0 between messages."""
    children: tuple[Snapshot, ...] = ()

    def walk(self) -> Iterator[Snapshot]:
        """This one and all below."""
        yield self
        for child in self.children:
            yield from child.walk()


def describe(error: BaseException) -> str:
    """`Type: text`, shortened. Never a traceback: it may show what the process knows.

    Never a failure of its own either, here or where it is written: a text may hold what UTF-8 can't say (halves of
    surrogate pairs, from JSON or from file names), and some errors can't say anything.
    """
    try:
        said = str(error)
    except Exception as second:  # noqa: BLE001  # an error that can't be printed must still be dealt with
        said = f"(no text: {type(second).__name__} in its __str__)"
    text = f"{type(error).__name__}: {said}".removesuffix(": ").encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"
