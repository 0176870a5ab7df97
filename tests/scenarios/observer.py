"""Somebody else who sees every set of weights that a load balancer has had, however briefly."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from okra.testing.aws_world import Route
from okra.testing.moto_server import weights_record


class Observer:
    """Reads the record of one route's weights, which the double of AWS keeps itself: no sample can be missed."""

    def __init__(self, url: str, route: Route) -> None:
        self.route = route
        self._url = url
        self._before = max(len(self._record()) - 1, 0)

    def _record(self) -> list[dict[str, int]]:
        return weights_record(self._url, self.route.arn)

    @property
    def seen(self) -> list[dict[str, int]]:
        """Each set of weights since the observation began, in order, without repetitions in a row."""
        return self._record()[self._before :]

    # What it saw

    def last(self) -> dict[str, int]:
        return self.seen[-1]

    def share_of(self, arns: Collection[str], weights: dict[str, int]) -> Fraction:
        total = sum(weights.values())
        return Fraction(sum(weights.get(arn, 0) for arn in arns), total) if total else Fraction(0)

    def shares(self, arns: Sequence[str]) -> Iterator[Fraction]:
        """The groups' share in all that was seen."""
        return (self.share_of(arns, weights) for weights in self.seen)

    def percents(self, version: str) -> list[Fraction]:
        """The version's share in percent, in order, without repetitions in a row."""
        found: list[Fraction] = []
        for share in self.shares(self.route.groups[version]):
            if not found or found[-1] != share * 100:
                found.append(share * 100)
        return found

    def attached(self) -> list[set[str]]:
        return [set(weights) for weights in self.seen]

    def assert_fit_for_a_load_balancer(self, groups: int = 5) -> None:
        """Each sample is what ELB accepts, and sends the traffic somewhere."""
        for weights in self.seen:
            assert len(weights) <= groups, f"{len(weights)} groups in one action: {weights}"
            assert sum(weights.values()) > 0
            assert all(0 <= weight <= 999 for weight in weights.values())
