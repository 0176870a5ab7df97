"""Is what the route shows what Okra asked for? (DESIGN §3, the write protocol)

A matching read alone confirms nothing: it may be older than the write it seems to show.
"""

from __future__ import annotations

from enum import StrEnum

from okra.rollout.observation import Observation, RouteReading, Weights, Write, WriteOutcome
from okra.rollout.state import RouteState
from okra.rollout.weights import same_shares

PATIENCE = 10.0
"""Seconds after an acknowledged write in which a read that still shows the former weights is taken for stale."""


class Seen(StrEnum):
    CONFIRMED = "Confirmed"
    LOST = "Lost"
    """Not there, or not known to be: ours to write again."""
    DRIFT = "Drift"
    """Somebody else's weights, on two agreeing reads."""
    MEMBERS = "Members"
    """The shares are right, but a group that we attached at 0 is gone, on two agreeing reads."""
    REREAD = "Reread"
    """One read isn't enough to tell."""


def present(asked: Weights, shown: Weights) -> bool:
    """The same shares, and every group that was asked for is there. Others at 0 are somebody else's, and harmless."""
    return same_shares(asked, shown) and all(arn in shown for arn in asked)


def write_of(route: RouteState, obs: Observation) -> Write | None:
    """This process's write of the present ask, if it has made one."""
    write = obs.writes.get(route.key)
    return write if write is not None and write.serial == route.serial else None


def agree(obs: Observation, key: str, after: float | None = None) -> bool:
    """Do two different reads, both begun after `after`, show the same?"""
    newest, previous = obs.readings.get(key), obs.previous.get(key)
    if newest is None or previous is None or newest.began_at <= previous.began_at:
        return False
    return _shown(newest) == _shown(previous) and (after is None or previous.began_at > after)


def _shown(reading: RouteReading) -> tuple[str, str, dict[str, int]]:
    return reading.arn, reading.action, dict(reading.weights)


def classify(route: RouteState, obs: Observation, now: float) -> Seen:
    """Compare the newest reading of a route with what was last asked of it."""
    reading = obs.readings[route.key]
    write = write_of(route, obs)
    acknowledged = write is not None and write.outcome is WriteOutcome.ACKNOWLEDGED
    after = write.at if write is not None and acknowledged else None
    here = present(route.asked, reading.weights)
    if route.confirmed_at is not None:
        return Seen.CONFIRMED if here else _other(route, obs, reading, after)
    if after is not None:
        if reading.began_at <= after:
            return Seen.REREAD
        if here:
            return Seen.CONFIRMED
        if present(route.basis, reading.weights) and now - after < PATIENCE:
            return Seen.REREAD
        return _other(route, obs, reading, after)
    if here or present(route.basis, reading.weights):
        return Seen.LOST
    return _other(route, obs, reading, after)


def _other(route: RouteState, obs: Observation, reading: RouteReading, after: float | None) -> Seen:
    if any(same_shares(late, reading.weights) for late in route.unacknowledged):
        return Seen.LOST
    if not agree(obs, route.key, after):
        return Seen.REREAD
    return Seen.MEMBERS if same_shares(route.asked, reading.weights) else Seen.DRIFT
