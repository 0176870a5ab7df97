"""ALBs as people write them, and what their routes show."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from okra.actors.kinds import ALB
from okra.ports import Object
from okra.testing.fake_aws import FakeRoute
from tests.actors.world import listener

HALVES: dict[str, Any] = {"stepWeight": 50, "stepInterval": "10s"}
"""Two steps, of ten seconds."""


def alb(weights: Mapping[str, int], name: str = "web", *, role: str = "web", **spec: Any) -> Object:
    destinations = [{"targetGroupARN": arn, "weight": weight} for arn, weight in weights.items()]
    return {
        "apiVersion": ALB.api_version,
        "kind": "ALB",
        "metadata": {"namespace": "default", "name": name},
        "spec": {"listenerARN": listener(role), "destinations": destinations, **HALVES, **spec},
    }


def shares(weights: Mapping[str, int]) -> dict[str, Fraction]:
    total = sum(weights.values())
    return {arn: Fraction(weight, total) for arn, weight in weights.items() if weight}


def ways(route: FakeRoute, arn: str) -> list[Fraction]:
    """The shares that a group has had, one after the other."""
    found = [shares(weights).get(arn, Fraction(0)) for weights in route.history]
    return [share for share, before in zip(found, [None, *found], strict=False) if share != before]
