"""Which two readings of a route the core holds against each other: two that can't both be stale (DESIGN §3).

Readings come as often as somebody polls. Always keeping the last two would keep two that are too close to tell
anything; so the earlier one is kept back until one that is far enough from the newest can take its place.
"""

from __future__ import annotations

from collections.abc import Collection

from okra.rollout.observation import RouteReading
from okra.rollout.verify import STALE_FOR, alike


class Streaks:
    """By route, its latest readings that show the same, oldest first."""

    def __init__(self) -> None:
        self._streaks: dict[str, tuple[RouteReading, ...]] = {}

    def earlier(self, key: str, reading: RouteReading) -> RouteReading | None:
        """Take a newer reading; the earlier one to hold it against.

        Of those in a row that show the same, the newest that is `STALE_FOR` older, else the oldest; where the newest
        shows something new, the one before it. None for a first reading.
        """
        streak = self._streaks.get(key, ())
        before = streak[-1] if streak else None
        if before is not None and not alike(before, reading):
            streak = ()
        far = sum(reading.began_at - each.began_at >= STALE_FOR for each in streak)
        kept = streak[max(0, far - 1) :]
        self._streaks[key] = (*kept, reading)
        return kept[0] if kept else before

    def keep(self, keys: Collection[str]) -> None:
        """Forget the other routes."""
        self._streaks = {key: streak for key, streak in self._streaks.items() if key in keys}
