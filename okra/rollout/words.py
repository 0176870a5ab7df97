"""Groups and weights as people read them."""

from __future__ import annotations

from okra.rollout.observation import Weights


def describe(weights: Weights) -> str:
    """Weights by the groups' names."""
    return ", ".join(f"{short(arn)}={weight}" for arn, weight in weights.items()) or "nothing"


def short(arn: str) -> str:
    """`targetgroup/NAME/ID` → NAME; anything else as it is."""
    parts = arn.split("/")
    return parts[1] if len(parts) == 3 and ":targetgroup" in parts[0] else arn
