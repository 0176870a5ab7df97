"""What was really seen: each cluster's own counts, the weights that AWS showed, and what Okra said it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.demo.balance import share_of
from okra.demo.clusters import Cluster
from okra.ports import EventRecord


@dataclass(frozen=True, slots=True)
class Happened:
    """One Event, with the version of the rollout that it belongs to."""

    at: float
    """Epoch seconds."""
    object: str
    reason: str
    message: str
    warning: bool
    version: str = ""


@dataclass(slots=True)
class Ledger:
    started_at: float = field(default_factory=time.time)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    """By target group ARN."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """As AWS showed them last."""
    largest: dict[str, float] = field(default_factory=dict)
    """Version → the largest share that AWS ever showed it with."""
    events: list[Happened] = field(default_factory=list)
    tell: Callable[[Happened], None] = lambda _: None

    def saw_weights(self, weights: Mapping[str, int]) -> None:
        self.weights = weights
        for version in self.versions:
            self.largest[version] = max(self.largest.get(version, 0.0), self.share(version))

    def saw_event(self, event: EventRecord, fields: Mapping[str, Any]) -> None:
        happened = Happened(
            event.at.timestamp(),
            f"{event.kind.kind.lower()}/{event.name}",
            event.reason,
            event.message,
            event.type == "Warning",
            str(fields.get("version", "")),
        )
        self.saw(happened)

    def saw(self, happened: Happened) -> None:
        self.events.append(happened)
        self.tell(happened)

    @property
    def versions(self) -> list[str]:
        return sorted({cluster.version for cluster in self.clusters.values()})

    def arns(self, version: str) -> set[str]:
        return {arn for arn, cluster in self.clusters.items() if cluster.version == version}

    def share(self, version: str) -> float:
        return share_of(self.weights, self.arns(version))

    def requests(self, version: str | None = None) -> int:
        """Counted by the clusters themselves."""
        return sum(each.requests for each in self.clusters.values() if version in (None, each.version))

    def errors(self, version: str | None = None) -> int:
        return sum(each.errors for each in self.clusters.values() if version in (None, each.version))

    def revert_seconds(self, version: str) -> float | None:
        """From the failing verdict on a version to the read that showed its revert; None: that didn't happen."""
        own = [event for event in self.events if event.version == version]
        failed = next((event.at for event in own if event.reason == "CheckFailed"), None)
        if failed is None:
            return None
        reverting = next((event.at for event in own if event.reason == "Reverting" and event.at >= failed), None)
        if reverting is None:
            return None
        confirmed = (event.at for event in own if event.reason in ("WeightsConfirmed", "Reverted"))
        return next((at - failed for at in confirmed if at >= reverting), None)
