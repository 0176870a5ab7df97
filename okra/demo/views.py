"""How the demo is shown: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from okra.demo.frame import Frame, event_line
from okra.demo.ledger import Happened
from okra.demo.picture import picture

EVERY = 5.0
"""Seconds between two plain lines about the same step."""


class View(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, frame: Frame) -> None:
        """This is how it stands."""
        ...

    def tell(self, event: Happened, started_at: float) -> None:
        """This has just happened."""
        ...


class LiveView:
    """One picture that changes in place."""

    def __init__(self, console: Console) -> None:
        # Refreshed by `show` alone: a thread of its own would draw while the event loop changes things.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, frame: Frame) -> None:
        self._live.update(picture(frame), refresh=True)

    def tell(self, event: Happened, started_at: float) -> None:
        """The picture holds the last events."""


class PlainView:
    """One line for each thing that happens, and one now and then about how it stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._headline = ""
        self._due = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, frame: Frame) -> None:
        if frame.headline != self._headline:
            self._headline = frame.headline
            self._say(f"{frame.elapsed:5.1f}s  {frame.headline}")
        elif frame.elapsed >= self._due:
            self._say(f"{frame.elapsed:5.1f}s  {standing(frame)}")
        else:
            return
        self._due = frame.elapsed + EVERY

    def tell(self, event: Happened, started_at: float) -> None:
        self._say(event_line(event, started_at))

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def standing(frame: Frame) -> str:
    """How it stands, in one line."""
    versions = (
        f"{row.version} {row.share:.0%}, {row.requests} requests, {row.errors} errors" for row in frame.versions
    )
    return "; ".join(versions)
