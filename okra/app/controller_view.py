"""What the pages show of a controller: the system of its term, or that it stands by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from okra.actors.runtime.snapshot import Snapshot, State
from okra.app.leading import Leadership
from okra.app.system import System
from okra.ports import Object
from okra.web.metrics import Metrics


class ControllerView:
    """An `okra.web.view.SystemView` over all terms of a process."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership

    @property
    def metrics(self) -> Metrics:
        return self._leadership.metrics

    @property
    def _system(self) -> System | None:
        return self._leadership.system

    def responsive(self) -> bool:
        """Standing by takes no more than an event loop, and this is asked of it."""
        return self._system is None or self._system.responsive()

    def missing(self) -> Sequence[str]:
        candidate = self._leadership.candidate
        if self._system is not None:
            return self._system.missing()
        if candidate.leading:
            return ["the beginning or the end of a term as leader"]
        if candidate.problem or not candidate.holder:
            return [f"the Lease by which replicas elect a leader ({candidate.problem or 'nobody holds it'})"]
        return []

    def standing(self) -> str:
        candidate = self._leadership.candidate
        if self._system is None:
            return f"standby: {candidate.holder} leads"
        waits = candidate.writes_in
        leads = f"leader: writes to AWS in {waits:.0f} s" if waits else ""
        return "; ".join(filter(None, (leads, self._system.standing())))

    def actors(self) -> Snapshot:
        return self._system.actors() if self._system is not None else NOBODY

    async def cells(self) -> Sequence[Object]:
        return await self._system.cells() if self._system is not None else ()

    async def describe_cell(self, namespace: str, name: str) -> dict[str, Any] | None:
        return await self._system.describe_cell(namespace, name) if self._system is not None else None

    def event_counts(self) -> Mapping[tuple[str, str, str], int]:
        return self._system.event_counts() if self._system is not None else {}


NOBODY = Snapshot(
    name="okra",
    path="okra",
    actor="RootSupervisor",
    kind="root",
    state=State.STOPPED,
    waiting=0,
    capacity=0,
    high_water=0,
    refused=0,
    received=0,
    restarts=0,
    last_error=None,
    uptime=None,
    receiving=None,
    receiving_for=0.0,
)
"""The actors of a process that stands by."""
