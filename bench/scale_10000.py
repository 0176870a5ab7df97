"""Ten thousand Cells and as many Checks: the size that Okra is made for."""

from __future__ import annotations

from bench import Row
from bench.crowd import measure


async def run() -> list[Row]:
    return await measure(10_000, start=30, megabytes=600, cpu=5)
