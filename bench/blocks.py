"""The longest block of the event loop: what a probe, a timer or another actor had to wait for somebody's computing."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self


class Blocks:
    """Within the block, each callback's CPU time. Wall time would tell of the neighbours of this process as well."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._run = asyncio.Handle._run

    def __enter__(self) -> Self:
        original = self._run

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            original(handle)
            self._longest = max(self._longest, time.thread_time() - began)

        setattr(asyncio.Handle, "_run", timed)  # noqa: B010  # the loop has no hook for this but its slow debug mode
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        setattr(asyncio.Handle, "_run", self._run)  # noqa: B010

    def longest(self) -> float:
        """Seconds, since the last time that this was asked."""
        longest, self._longest = self._longest, 0.0
        return longest
