"""Restarts and refused messages as counters that never fall, though the actors that had them come and go."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from okra.actors.runtime.snapshot import Snapshot
from okra.web.collector import class_of


class Tally:
    """Adds up what grew between two looks."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._totals: dict[str, int] = {}

    def look(self, figures: Iterator[tuple[str, str, int]]) -> dict[str, int]:
        """(path, actor class, present figure) → totals by class. One that fell belongs to a new actor of that path."""
        now: dict[str, int] = {}
        for path, actor, figure in figures:
            before = self._known.get(path, 0)
            self._totals[actor] = self._totals.get(actor, 0) + (figure - before if figure >= before else figure)
            now[path] = figure
        self._known = now
        return dict(self._totals)


class ActorTallies:
    def __init__(self) -> None:
        self._restarts, self._refused = Tally(), Tally()

    def look(self, root: Snapshot) -> list[Metric]:
        """On the event loop, once a scrape."""
        nodes = [(node, class_of(node)) for node in root.walk()]
        restarts = self._restarts.look((node.path, actor, node.restarts) for node, actor in nodes)
        refused = self._refused.look((node.path, actor, node.refused) for node, actor in nodes)
        return [
            _family("okra_actor_restarts", "Times that actors were started again.", restarts),
            _family("okra_mailbox_refused", "Messages that found a mailbox full.", refused),
        ]


def _family(name: str, help_: str, totals: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=["actor"])
    for actor, total in sorted(totals.items()):
        family.add_metric([actor], total)
    return family
