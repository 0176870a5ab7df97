"""What is read off the running system when somebody scrapes: Cells from their status, actors from their mailboxes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from okra.actors.runtime.snapshot import Snapshot
from okra.ports import Object
from okra.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of the system. Plain values: it is turned into text outside the event loop."""

    cells: Sequence[Object]
    actors: Snapshot
    events: Mapping[tuple[str, str, str], int]


class Scrape:
    """A moment together with what was counted so far; what prometheus_client's encoders take for a registry."""

    def __init__(self, counted: Metrics, sample: Sample, tallies: Sequence[Metric]) -> None:
        self._counted, self._sample, self._tallies = counted, sample, tallies

    def collect(self) -> Iterator[Metric]:
        yield from map(_without_created, self._counted.collect())
        yield from _cells(self._sample.cells)
        yield from _actors(self._sample.actors)
        yield from self._tallies
        events = CounterMetricFamily("okra_events", "Events that were recorded.", labels=["kind", "reason", "type"])
        for labels, count in sorted(self._sample.events.items()):
            events.add_metric(labels, count)
        yield events


def _without_created(metric: Metric) -> Metric:
    """Prometheus needs no series for when each counter began; prometheus_client can leave them out only for all."""
    metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    return metric


def class_of(snapshot: Snapshot) -> str:
    """The label for an actor's class."""
    return snapshot.actor.lstrip("_") or "unknown"


def _cells(cells: Sequence[Object]) -> Iterator[Metric]:
    names = ["namespace", "name"]
    info = GaugeMetricFamily(
        "okra_cell_info",
        "1; a Cell's versions and reason.",
        labels=[*names, "stable_version", "desired_version", "reason"],
    )
    phase = GaugeMetricFamily("okra_cell_phase", "1 for the phase that a Cell is in.", labels=[*names, "phase"])
    ratio = GaugeMetricFamily(
        "okra_cell_weight_ratio",
        "The part of a Cell's traffic that Okra last asked for, 0-1; of several routes, the largest.",
        labels=[*names, "version", "role"],
    )
    for cell in cells:
        status = cell.get("status") or {}
        key = [cell["metadata"].get("namespace", "default"), _name(cell)]
        stable, desired = status.get("stableVersion") or "", status.get("desiredVersion") or ""
        info.add_metric([*key, stable, desired, status.get("reason") or "Pending"], 1)
        phase.add_metric([*key, status.get("phase") or "Pending"], 1)
        for role, version, share in shares(status):
            ratio.add_metric([*key, version, role], share)
    yield from (info, phase, ratio)


def _name(cell: Object) -> str:
    """Of a System with its kind: a Cell may have the same name."""
    kind, name = cell.get("kind", "Cell"), cell["metadata"]["name"]
    return name if kind == "Cell" else f"{kind}/{name}"


def shares(status: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """(role, version, share) of the stable side, and of the canary while there is one."""
    routes = [route for route in status.get("routes") or () if route.get("asked")]
    if not routes:
        return
    if any(route.get("goal") for route in routes):
        yield from _way(status)
        return
    canaries = [_share(route["asked"], route.get("canary") or ()) for route in routes]
    stables = [_share(route["asked"], {each["arn"] for each in route.get("stable") or ()}) for route in routes]
    rollout = status.get("rollout") or {}
    if any(route.get("canary") for route in routes) and rollout.get("version"):
        yield "canary", rollout["version"], max(canaries)
        yield "stable", status.get("stableVersion") or "", max(stables)
    elif status.get("stableVersion"):
        yield "stable", status["stableVersion"], max(stables)


def _way(status: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Of an ALB that moves: what it leaves and what it goes to, by the part of the way."""
    gone = float((status.get("weight") or "0%").rstrip("%")) / 100
    yield "canary", (status.get("rollout") or {}).get("version") or "", gone
    yield "stable", status.get("stableVersion") or "", 1 - gone


def _share(asked: Sequence[Mapping[str, Any]], arns: Iterable[str]) -> float:
    wanted = set(arns)
    total = sum(each["weight"] for each in asked)
    return sum(each["weight"] for each in asked if each["arn"] in wanted) / total if total else 0.0


def _actors(root: Snapshot) -> Iterator[Metric]:
    count: Counter[tuple[str, str]] = Counter()
    waiting: defaultdict[str, int] = defaultdict(int)
    longest: defaultdict[str, float] = defaultdict(float)
    for snapshot in root.walk():
        actor = class_of(snapshot)
        count[actor, str(snapshot.state)] += 1
        waiting[actor] += snapshot.waiting
        longest[actor] = max(longest[actor], snapshot.receiving_for)
    actors = GaugeMetricFamily("okra_actors", "Actors, by class and state.", labels=["actor", "state"])
    for labels, number in sorted(count.items()):
        actors.add_metric(labels, number)
    mailboxes = GaugeMetricFamily("okra_mailbox_messages", "Messages that wait in mailboxes.", labels=["actor"])
    for actor, number in sorted(waiting.items()):
        mailboxes.add_metric([actor], number)
    busy = GaugeMetricFamily(
        "okra_actor_receiving_seconds", "How long the busiest actor has been at its present message.", labels=["actor"]
    )
    for actor, seconds in sorted(longest.items()):
        busy.add_metric([actor], seconds)
    yield from (actors, mailboxes, busy)
