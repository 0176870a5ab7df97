"""What the pages show of the running system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from okra.actors.runtime.snapshot import Snapshot


class SystemView(Protocol):
    def responsive(self) -> bool:
        """Does the event loop turn, and does the root supervisor run?"""
        ...

    def ready(self) -> bool:
        """Were the objects listed, and is there nothing that the process waits for before it can work?"""
        ...

    def actors(self) -> Snapshot: ...

    async def describe_cell(self, namespace: str, name: str) -> dict[str, Any] | None:
        """What a Cell's actor knows; None: no such Cell. Raises OkraError or AskFailed when it doesn't answer."""
        ...

    def event_counts(self) -> Mapping[tuple[str, str, str], int]:
        """(kind, reason, type) → how often."""
        ...
