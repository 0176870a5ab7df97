"""What happens in the demo, and how fast. Everything that a viewer could want to change stands here."""

from __future__ import annotations

from dataclasses import dataclass

FIRST, GOOD, BAD = "1.0.0", "1.1.0", "1.2.0"
"""The version at the start, one that is fine, and one that isn't."""


@dataclass(frozen=True, slots=True)
class Script:
    """Durations in seconds."""

    steps: tuple[int, ...] = (10, 30, 60)
    """Percent of the traffic at each step; 100 follows."""
    step_interval: float = 2.0
    rate: int = 160
    """Requests a second."""
    fail_every: int = 20
    """The bad version fails one request in so many: 5 %. 0: it fails none (a test's sabotage)."""
    clusters: int = 2
    """Of each version, one target group each."""
    warm_up: float = 3.0
    """Traffic before Okra starts, and before the bad version appears."""
    after: float = 3.0
    """Traffic after the revert: none of it may reach the bad version."""
    patience: float = 150.0
    """The most that one rollout may take, on a slow machine."""


QUICK = Script(steps=(20,), step_interval=0.0, warm_up=1.0, after=1.5)
"""For tests: the same story with one small step."""
