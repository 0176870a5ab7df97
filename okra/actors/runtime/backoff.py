"""How long to wait before the next try: longer each time, never longer than a cap, and not in step with others."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, with jitter downwards, so that `longest` is a bound that other settings can be checked against."""

    initial: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.5
    """The part of each delay that chance may take away, 0 to 1."""

    def __post_init__(self) -> None:
        if not (0 < self.initial <= self.cap and self.factor >= 1 and 0 <= self.jitter <= 1):
            raise ValueError(f"not a backoff: {self}")

    def longest(self, attempt: int) -> float:
        """Seconds before the try after `attempt` failures in a row (1, 2, …), without jitter."""
        try:
            return min(self.cap, self.initial * self.factor ** (attempt - 1))
        except OverflowError:
            return self.cap

    def delay(self, attempt: int, rng: random.Random) -> float:
        return self.longest(attempt) * (1 - self.jitter * rng.random())
