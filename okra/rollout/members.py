"""Which groups of a route still exist: AWS takes no weights that name another."""

from __future__ import annotations

from okra.rollout.observation import Weights
from okra.rollout.state import RouteState
from okra.rollout.turn import Turn
from okra.rollout.versions import UNKNOWN
from okra.rollout.weights import portion, share_of

GONE = "NotFound"
"""AWS's answer to a write that names a group which exists no more (`okra.errors.NotFound`)."""


def existing(turn: Turn, route: RouteState, weights: Weights) -> dict[str, int]:
    """The weights of groups that still exist. Those without the label, or that a goal doesn't name, aren't discovered:
    AWS's answer tells."""
    reading, write = turn.obs.readings[route.key], turn.obs.writes.get(route.key)
    if write is not None and write.problem is not None and write.problem.reason == GONE:
        return {arn: weight for arn, weight in weights.items() if arn in reading.weights}
    if turn.obs.groups is None or turn.state.stable_version == UNKNOWN or turn.distributes or route.goal:
        return dict(weights)
    known = {group.arn for group in turn.obs.groups} | set(reading.weights)
    return {arn: weight for arn, weight in weights.items() if arn in known}


def remaining(turn: Turn, route: RouteState, weights: Weights) -> dict[str, int]:
    """The same, but what a stable group that is gone had goes to the other stable ones: nobody asked the canary up."""
    left, share = existing(turn, route, weights), share_of(weights, route.canary)
    stable = {arn: weight for arn, weight in left.items() if weight and arn not in route.canary}
    canary = {arn: weight if route.goal else 1 for arn, weight in left.items() if weight and arn in route.canary}
    if not stable or share_of(left, route.canary) <= share:
        return left
    return left | portion(share, stable, canary, turn.route_policies[route.key].limit)
