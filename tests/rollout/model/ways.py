"""How far a route has gone, by the model's own reckoning: a Cell's canary from nothing to all, an ALB's to its goal."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.observation import Weights
from okra.rollout.state import RouteState
from okra.rollout.weights import share_of, shares
from tests.rollout.world import heaviest

NONE = Fraction(0)


def of_canary(route: RouteState, weights: Weights) -> Fraction:
    """What the canary has beyond what it had: of all that it is to get in the end, the part."""
    gained = share_of(weights, route.canary) - _before(route)
    return min(Fraction(1), max(NONE, gained / _whole(route)))


def _before(route: RouteState) -> Fraction:
    return share_of(route.stable, route.canary) if route.goal else NONE


def _whole(route: RouteState) -> Fraction:
    return share_of(route.goal, route.canary) - _before(route) if route.goal else Fraction(1)


def nearly(key: str, route: RouteState | None = None) -> Fraction:
    """Integers up to 999, or 255, can't say every share exactly; of a short way that is a larger part."""
    return Fraction(2, heaviest(key)) / (_whole(route) if route is not None else 1)


def above(route: RouteState, weights: Weights, arn: str) -> bool:
    """Has the group more of the traffic than before the rollout?"""
    return shares(weights).get(arn, NONE) > shares(route.stable).get(arn, NONE)
