"""A clock for tests: persisted times that pass as fast as the event loop's own."""

from __future__ import annotations

import asyncio

START = 1_700_000_000.0
"""2023-11-14T22:13:20Z."""


class FakeClock:
    """An `okra.ports.Clock` that follows the loop it is first asked in: under looptime, a virtual one.

    `now() = start + loop.time() - t0`, with t0 the loop's time when the clock was made (or, made outside a loop, first
    asked). Without any loop time stands still.
    """

    def __init__(self, start: float = START) -> None:
        self._start = start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._t0 = 0.0
        self._find_loop()

    def now(self) -> float:
        return self._start + self._elapsed()

    def monotonic(self) -> float:
        """The loop's time, which `jump` does not touch."""
        self._find_loop()
        return 0.0 if self._loop is None else self._loop.time()

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as NTP or a person does: `now` jumps, `monotonic` doesn't."""
        self._start += seconds

    def _elapsed(self) -> float:
        return self.monotonic() - self._t0

    def _find_loop(self) -> None:
        """Once: a store asks from its own thread, where no loop runs."""
        if self._loop is not None:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._t0 = self._loop.time()
