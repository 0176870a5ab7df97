"""What is refused is tried again ever later, and its cause is said once, not with each try."""

from __future__ import annotations

import random

from okra.actors.runtime.backoff import Backoff
from okra.ports import Clock

BACKOFF = Backoff(initial=1.0, cap=30.0)
CAUSES_KEPT = 8


class Tries:
    """Of one thing. `rng` is for the jitter; a test passes a seeded one."""

    def __init__(self, clock: Clock, backoff: Backoff = BACKOFF, rng: random.Random | None = None) -> None:
        self._clock, self._backoff, self._rng = clock, backoff, rng or random.SystemRandom()
        self._failures = 0
        self._due = 0.0
        """Monotonic seconds when it is tried again."""
        self._causes: list[str] = []

    @property
    def wait(self) -> float:
        """Seconds until it is to be tried again; 0: now."""
        return max(0.0, self._due - self._clock.monotonic()) if self._failures else 0.0

    def failed(self, cause: str) -> bool:
        """It was tried. True: this cause is new, and to be said. Who tried before it was due changes nothing else."""
        if self.wait <= 0:
            self._failures += 1
            self._due = self._clock.monotonic() + self._backoff.delay(self._failures, self._rng)
        if cause in self._causes:
            return False
        self._causes = [*self._causes, cause][-CAUSES_KEPT:]
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._causes.clear()

    def hurry(self) -> None:
        """What it failed for may be over: try now. What was said stays said."""
        self._failures = 0
