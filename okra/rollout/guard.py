"""The last gate before every SetWeights (DESIGN §3): what was asked for is a record, not a licence."""

from __future__ import annotations

from collections.abc import Callable

from okra.rollout.observation import Weights
from okra.rollout.weights import ZERO, shares


def rising(weights: Weights, shown: Weights) -> list[str]:
    """The groups whose share of the traffic would grow. (Shares, not integers: these may rise while shares fall.)"""
    now = shares(shown)
    return [arn for arn, share in shares(weights).items() if share > now.get(arn, ZERO)]


def guard(weights: Weights, shown: Weights, can_serve: Callable[[str], bool]) -> list[str]:
    """The groups that stand in the way of writing `weights` over `shown`: their share would rise, but they are not
    attached, or not healthy. Empty: the write is safe."""
    return [arn for arn in rising(weights, shown) if arn not in shown or not can_serve(arn)]
