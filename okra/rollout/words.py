"""Groups and weights as people read them."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.observation import Weights


def describe(weights: Weights) -> str:
    """Weights by the groups' names."""
    return ", ".join(f"{short(arn)}={weight}" for arn, weight in weights.items()) or "nothing"


def percent(share: Fraction) -> str:
    """A share of the traffic, 0 to 1."""
    return f"{float(share * 100):.4g} %"


def short(arn: str) -> str:
    """`targetgroup/NAME/ID` → NAME; anything else as it is."""
    parts = arn.split("/")
    return parts[1] if len(parts) == 3 and ":targetgroup" in parts[0] else arn
