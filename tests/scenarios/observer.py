"""Somebody else who looks at the load balancer all the time: what no sample shows can't have been for long."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from okra.testing.aws_world import AwsWorld, Route

INTERVAL = 0.02
"""Seconds between two samples: well below the step interval of these tests."""


@dataclass
class Observer:
    """Samples the weights of one route in a thread of its own, with an SDK client of its own."""

    url: str
    route: Route
    region: str = "us-east-1"
    interval: float = INTERVAL
    seen: list[dict[str, int]] = field(default_factory=list)
    """Each set of weights that was seen, in order, without repetitions in a row."""
    samples: int = 0
    failed: Exception | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        began = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(began,), name="observer")
        self._thread.start()
        began.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        assert self.failed is None, f"the observer failed: {self.failed!r}"
        assert self.samples, "the observer saw nothing"

    def _watch(self, began: threading.Event) -> None:
        try:
            with AwsWorld(self.url, region=self.region) as world:
                while True:
                    weights = world.weights(self.route.arn)
                    self.samples += 1
                    if not self.seen or self.seen[-1] != weights:
                        self.seen.append(weights)
                    began.set()
                    if self._stop.wait(self.interval):
                        return
        except (BotoCoreError, ClientError) as error:
            self.failed = error
        finally:
            began.set()

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
