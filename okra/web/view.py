"""What the pages show of the running system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from okra.actors.runtime.snapshot import Snapshot
from okra.ports import Object
from okra.web.metrics import Metrics


class SystemView(Protocol):
    @property
    def metrics(self) -> Metrics: ...

    def responsive(self) -> bool:
        """Does the event loop turn, and does the root supervisor run?"""
        ...

    def missing(self) -> Sequence[str]:
        """What the process still waits for before it can work (a first listing, a first discovery); empty: ready."""
        ...

    def standing(self) -> str:
        """What a process that is ready does, when that isn't its ordinary work (`standby: …`); empty: it works."""
        ...

    def actors(self) -> Snapshot: ...

    async def cells(self) -> Sequence[Object]:
        """Every Cell as last seen, without asking the store. Raises a retryable OkraError."""
        ...

    async def describe_cell(self, namespace: str, name: str) -> dict[str, Any] | None:
        """What a Cell's actor knows; None: no such Cell. Raises a retryable OkraError when it doesn't answer."""
        ...

    def event_counts(self) -> Mapping[tuple[str, str, str], int]:
        """(kind, reason, type) → how often."""
        ...
