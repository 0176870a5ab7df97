"""How far a route has gone from its stable weights to those that are wanted (DESIGN §4, the ALB).

A Cell's canary begins with nothing and ends with everything. An ALB goes from whatever its rule does to its *goal*: its
canary are the groups that gain, and may hold traffic from the beginning. Steps ask for *progress*, 0 at stable and 1 at
the goal; of a Cell that is the canary's share.
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256

from okra.rollout.observation import Weights
from okra.rollout.state import RouteState
from okra.rollout.weights import ONE, ZERO, serving, share_of, shares

LETTERS = "bcdfghjklmnpqrstvwxz"
LENGTH = 8


def progress(route: RouteState, weights: Weights) -> Fraction:
    """The part of the way that these weights have gone."""
    share = share_of(weights, route.canary)
    if not route.goal:
        return share
    begin, end = share_of(route.stable, route.canary), share_of(route.goal, route.canary)
    return min(ONE, max(ZERO, (share - begin) / (end - begin))) if begin != end else ZERO


def raised(route: RouteState, weights: Weights) -> list[str]:
    """The groups that carry more of the traffic than they did: what a revert takes it off."""
    before = shares(route.stable)
    return [
        arn
        for arn, share in shares(weights).items()
        if share > before.get(arn, ZERO) and (arn in route.canary or arn not in route.stable)
    ]


def version_of(weights: Weights) -> str:
    """What a distribution is called: it has no name, and what failed must be known again. No digits: they would order
    one distribution before another."""
    of = sorted(serving(shares(weights)).items())
    number = int.from_bytes(sha256(repr([(arn, str(share)) for arn, share in of]).encode()).digest())
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(LETTERS))
        letters.append(LETTERS[index])
    return "".join(letters)
