"""Which groups can serve (DESIGN §5.3). Only successful reads are evidence; three in a row make a group unhealthy."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from math import ceil

from okra.rollout.observation import Observation, TargetHealth

UNHEALTHY_READS = 3


def newest(obs: Observation, arn: str) -> TargetHealth | None:
    readings = obs.health.get(arn, ())
    return readings[-1] if readings else None


def needed(min_healthy: int | Fraction, obs: Observation, stable: Collection[str]) -> int | None:
    """Healthy targets that a canary group needs: a number, or a part of stable's mean, rounded up, at least 1.

    None while no stable group's health is known: half of an unknown number may be more than one.
    """
    if isinstance(min_healthy, int):
        return max(1, min_healthy)
    counts = [reading.healthy for arn in stable if (reading := newest(obs, arn))]
    if not counts:
        return None if stable else 1
    return max(1, ceil(min_healthy * Fraction(sum(counts), len(counts))))


def own(min_healthy: int | Fraction, obs: Observation, arn: str) -> int | None:
    """The same of a group that holds traffic already: a number, or a part of its own registered targets."""
    if isinstance(min_healthy, int):
        return max(1, min_healthy)
    reading = newest(obs, arn)
    return max(1, ceil(min_healthy * reading.registered)) if reading else None


def serves(obs: Observation, arn: str) -> bool:
    """Did the newest read show a healthy target?"""
    reading = newest(obs, arn)
    return reading is not None and reading.healthy > 0


def unhealthy(obs: Observation, arn: str, need: int = 1) -> bool:
    """Did the last three successful reads all show fewer than `need`? A failed read in between changes nothing."""
    readings = obs.health.get(arn, ())
    return len(readings) >= UNHEALTHY_READS and all(r.healthy < need for r in readings[-UNHEALTHY_READS:])


def targets(obs: Observation, groups: Iterable[str]) -> tuple[str, ...]:
    """The registered targets of these groups, as far as known."""
    return tuple(sorted(t for arn in groups if (reading := newest(obs, arn)) for t in reading.targets))
