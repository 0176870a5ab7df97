"""The longest block of the event loop: what a probe, a timer or another actor had to wait for somebody's computing."""

from __future__ import annotations

import asyncio
import time
from typing import Self
from unittest import mock


class Blocks:
    """Within the block, each callback's CPU time. Wall time would tell of the neighbours of this process as well."""

    def __init__(self) -> None:
        self._longest = 0.0
        original = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            original(handle)
            self._longest = max(self._longest, time.thread_time() - began)

        self._timing = mock.patch.object(asyncio.Handle, "_run", timed)
        """The loop has no hook for this but its debug mode, which is slow."""

    def __enter__(self) -> Self:
        self._timing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timing.stop()

    def longest(self) -> float:
        """Seconds, since the last time that this was asked."""
        longest, self._longest = self._longest, 0.0
        return longest
