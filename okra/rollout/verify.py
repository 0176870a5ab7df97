"""Is what the route shows what Okra asked for? (DESIGN §3, the write protocol)

A matching read alone confirms nothing: it may be older than the write it seems to show.
"""

from __future__ import annotations

from enum import StrEnum

from okra.rollout.observation import NOTHING, Observation, RouteReading, Weights, Write, WriteOutcome
from okra.rollout.state import RouteState
from okra.rollout.weights import same_shares

STALE_FOR = 3.0
"""Seconds: how old the state that a read shows may be. Two agreeing reads so far apart aren't both from before."""


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


def present(asked: Weights, shown: Weights, basis: Weights = NOTHING) -> bool:
    """The same shares, every group that was asked for is there, and those that were to leave `basis` are not.

    Others at 0 are somebody else's, and harmless.
    """
    members = all(arn in shown for arn in asked) and not any(arn in shown for arn in basis if arn not in asked)
    return members and same_shares(asked, shown)


def write_of(route: RouteState, obs: Observation) -> Write | None:
    """This process's write of the present ask, if it has made one."""
    write = obs.writes.get(route.key)
    return write if write is not None and write.serial == route.serial else None


def acknowledged(route: RouteState, obs: Observation) -> float | None:
    """When AWS said success to the present ask."""
    write = write_of(route, obs)
    return write.at if write is not None and write.outcome is WriteOutcome.ACKNOWLEDGED else None


def agree(obs: Observation, key: str, after: float | None = None) -> bool:
    """Do two reads, both begun after `after`, show the same, so far apart that they can't both be stale?"""
    newest, previous = obs.readings.get(key), obs.previous.get(key)
    if newest is None or previous is None or newest.began_at - previous.began_at < STALE_FOR:
        return False
    return alike(newest, previous) and (after is None or previous.began_at > after)


def alike(one: RouteReading, other: RouteReading) -> bool:
    """Do two readings show the same, whenever they were made?"""
    shown = ((each.arn, each.action, dict(each.weights)) for each in (one, other))
    return next(shown) == next(shown)


def classify(route: RouteState, obs: Observation) -> Seen:
    """Compare the newest reading of a route with what was last asked of it."""
    shown = obs.readings[route.key].weights
    answered = acknowledged(route, obs)
    here = present(route.asked, shown, route.basis)
    if route.confirmed_at is None and answered is None:
        return Seen.LOST if here or present(route.basis, shown) else _other(route, obs, None)
    newest = obs.readings[route.key]
    if (
        route.confirmed_at is None
        and answered is not None
        and (newest.began_at <= answered or (here and newest.pending))
    ):
        return Seen.REREAD
    return Seen.CONFIRMED if here else _other(route, obs, answered)


def _other(route: RouteState, obs: Observation, answered: float | None) -> Seen:
    shown, began_at = obs.readings[route.key].weights, obs.readings[route.key].began_at
    if answered is not None and began_at <= answered + STALE_FOR:
        return Seen.REREAD
    if any(same_shares(late, shown) for late in route.unacknowledged):
        return Seen.LOST
    if not agree(obs, route.key, answered):
        return Seen.REREAD
    return Seen.MEMBERS if same_shares(route.asked, shown) else Seen.DRIFT
