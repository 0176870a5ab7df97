"""The real time. Only the composition root names it; everybody else is handed a `okra.ports.Clock`."""

from __future__ import annotations

import time


class SystemClock:
    """Persisted times in epoch seconds (UTC), waits and deadlines on a clock that nobody can set."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
