"""Which target group the next request goes to: the weights' shares, spread evenly rather than by chance."""

from __future__ import annotations

from collections.abc import Mapping


class Balance:
    """Smooth weighted round robin: of any `sum(weights)` requests in a row each group gets exactly its weight."""

    def __init__(self) -> None:
        self.weights: dict[str, int] = {}
        self._credit: dict[str, int] = {}

    def set(self, weights: Mapping[str, int]) -> None:
        """Go on from here with these; the same ones again change nothing."""
        if weights != self.weights:
            self.weights = dict(weights)
            self._credit = dict.fromkeys(weights, 0)

    def pick(self) -> str | None:
        """None: nothing has weight."""
        total = sum(self.weights.values())
        if total == 0:
            return None
        for arn, weight in self.weights.items():
            self._credit[arn] += weight
        chosen = max((arn for arn, weight in self.weights.items() if weight), key=self._credit.__getitem__)
        self._credit[chosen] -= total
        return chosen


def share_of(weights: Mapping[str, int], arns: Mapping[str, object] | set[str] | list[str]) -> float:
    """The part of the traffic that these groups get, from 0 to 1."""
    total = sum(weights.values())
    return sum(weight for arn, weight in weights.items() if arn in arns) / total if total else 0.0
