"""Benchmarks: what Okra costs, as ratios or counts that mean the same on any machine. README.md has the method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. A module of this package that has `async def run() -> list[Row]` is a benchmark."""

    name: str
    value: float
    unit: str
    target: float | None = None
    """None: for information only."""
    ok: bool | None = None
    """Whether `value` is on the right side of `target`."""
