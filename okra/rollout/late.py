"""Writes of unknown outcome: until AWS's write timeout is over they may land, after whatever was written since.

While a rollout moves its polls put that right. What lands after its end, nobody would see: so a Cell is at rest only
when its routes were read once more after the last moment at which anything of ours can land.
"""

from __future__ import annotations

from dataclasses import replace

from okra.rollout.observation import Observation, WriteOutcome
from okra.rollout.state import RouteState, State
from okra.rollout.verify import STALE_FOR, write_of

LANDS_WITHIN = 5.0
"""Seconds: AWS's write timeout. What it hasn't done by then it doesn't do."""
PATIENCE = 30.0
"""Seconds more after which nothing that only waits for this is held up any longer: the route can't be read."""


def in_doubt(was: RouteState, now_asked: RouteState, obs: Observation, now: float) -> RouteState:
    """The route with what may still land noted on it: an ask that this turn gives up, or repeats, without an answer.

    A process that begins finds no answer to what its predecessor asked: that may be on its way too.
    """
    ends = now_asked.lands_by
    superseded = now_asked.serial != was.serial or now_asked.confirmed_at is not None
    if was.serial and was.confirmed_at is None and superseded:
        write = write_of(was, obs)
        if write is None or write.outcome is WriteOutcome.UNKNOWN:
            ends = max((write.at if write else now) + LANDS_WITHIN, ends or 0.0)
    if ends is not None:
        ends = min(ends, now + LANDS_WITHIN)  # the clock was set back
    return now_asked if ends == now_asked.lands_by else replace(now_asked, lands_by=ends)


def clear_at(route: RouteState) -> float | None:
    """A read that begins after this shows whatever has landed; None: nothing is on its way."""
    return None if route.lands_by is None else route.lands_by + STALE_FOR


def settled(state: State) -> bool:
    """Is every write confirmed, and was every route read when nothing could land any more?"""
    return all(route.confirmed_at is not None and route.lands_by is None for route in state.routes)


def may_land(state: State, now: float) -> bool:
    """Is it worth waiting for a write of unknown outcome?"""
    return any(route.lands_by is not None and now < route.lands_by + PATIENCE for route in state.routes)
