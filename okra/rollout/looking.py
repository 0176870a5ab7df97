"""What must be known before a decision, and how fresh: asks for one sweep of the routes and of some groups' health."""

from __future__ import annotations

from collections.abc import Iterable

from okra.rollout import clocks, health
from okra.rollout.turn import Turn
from okra.rollout.verify import STALE_FOR
from okra.rollout.weights import same_shares

RETRY_AFTER = 1.0
"""Seconds before a sweep that brought nothing is tried again."""


def look(turn: Turn, after: float) -> bool:
    """Are there readings, begun after `after`, of all routes within reach? If not, read them now, or soon if that just
    failed."""
    readings = turn.obs.readings
    wanted = [key for key in turn.route_policies if key not in turn.away]
    if all(key in readings and readings[key].began_at > after for key in wanted):
        return True
    _sweep(turn, after, ())
    return False


def just_swept(turn: Turn, within: float) -> bool:
    """Was everything looked at in the last seconds, whatever that brought? If not, look now."""
    swept = turn.obs.swept_at
    if swept is not None and swept > turn.now - within:
        return True
    _sweep(turn, turn.now - within, ())
    return False


def look_later(turn: Turn, read_at: float, after: float = STALE_FOR) -> None:
    """Read the routes once more, so long after the reading at `read_at` that the two can be held against each other."""
    if turn.now - read_at >= after:
        look(turn, read_at)
    else:
        turn.wake_at(read_at + after)


def look_at_health(turn: Turn, arns: Iterable[str], within: float | None = None) -> bool:
    """Is there a fresh health reading of each of these groups? If not, read it now, or soon if that just failed."""
    after = turn.now - (turn.policy.fresh_for if within is None else within)
    stale = [arn for arn in arns if (r := health.newest(turn.obs, arn)) is None or r.began_at <= after]
    if not stale:
        return True
    _sweep(turn, after, stale)
    return False


def keep_watching(turn: Turn) -> None:
    """Poll while a rollout moves: the routes, and the health of every group on them."""
    swept, poll = turn.obs.swept_at, clocks.poll(turn.policy, turn.state, turn.obs)
    if swept is None or swept <= turn.now - poll:
        _sweep(turn, turn.now - poll, ())
    else:
        turn.wake_at(swept + poll)


def _sweep(turn: Turn, after: float, also: Iterable[str]) -> None:
    swept = turn.obs.swept_at
    if swept is None or swept <= after or turn.now - swept >= RETRY_AFTER:
        turn.watched = (turn.watched or set()) | {*also} | of_interest(turn)
    else:
        turn.wake_at(swept + RETRY_AFTER)


def of_interest(turn: Turn) -> set[str]:
    """Groups whose health matters: the retained, and where something moves, or isn't as it was asked for, all others:
    what is to be put right should know at once where the traffic can go."""
    arns: set[str] = set()
    for _, route, reading in turn.routes:
        arns |= set(route.retained)
        if turn.state.moving or not same_shares(route.asked, reading.weights):
            arns |= {*reading.weights, *route.canary, *route.stable, *route.goal}
    return arns
