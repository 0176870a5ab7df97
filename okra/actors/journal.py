"""Nothing is silent (DESIGN §5.13): each transition is an Event, a log line and a count.

Events are written by a task of their own, so that a slow store never holds up a step. They are for people: when the
store doesn't take one, the log line remains.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from okra.actors.text import plain
from okra.errors import OkraError
from okra.ports import Clock, EventRecord, Kind, Object, ObjectStore

log = structlog.get_logger("okra")

MOST_WAITING = 1000
PATIENCE = 5.0
LONGEST_MESSAGE = 1000


class Journal:
    """Records what happens to objects. `counts` is (kind, reason, type) → how often, for metrics."""

    def __init__(
        self, store: ObjectStore, clock: Clock, listener: Callable[[EventRecord, dict[str, Any]], None] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._listener = listener
        self._waiting: asyncio.Queue[EventRecord] = asyncio.Queue(MOST_WAITING)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.dropped = 0

    def record(
        self,
        kind: Kind,
        obj: Object,
        reason: str,
        message: str,
        type: Literal["Normal", "Warning"] = "Normal",
        **fields: Any,
    ) -> None:
        """Log and count now; the Event follows. `fields` are for the log line: rollout, step, weights …"""
        message = plain(message, LONGEST_MESSAGE)
        metadata = obj.get("metadata", {})
        namespace, name = metadata.get("namespace", "default"), metadata.get("name", "")
        self.counts[kind.kind, reason, type] += 1
        emit = log.warning if type == "Warning" else log.info
        emit(reason, kind=kind.kind, namespace=namespace, name=name, message=message, **fields)
        event = EventRecord(
            kind=kind,
            namespace=namespace,
            name=name,
            uid=metadata.get("uid", ""),
            type=type,
            reason=reason,
            message=message,
            at=datetime.fromtimestamp(self._clock.now(), UTC),
            rollout=fields.get("rollout"),
        )
        if self._listener is not None:
            self._listener(event, fields)
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped += 1

    async def write_events(self) -> None:
        """Write the waiting Events until cancelled."""
        while True:
            event = await self._waiting.get()
            await self._write(event)

    async def flush(self, within: float = PATIENCE) -> None:
        """Write what waits, at the end of a process, as far as it goes within so many seconds: the log has it all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._waiting.empty():
                    await self._write(self._waiting.get_nowait())

    async def _write(self, event: EventRecord) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.emit(event)
        except (OkraError, TimeoutError) as error:
            log.warning("EventNotWritten", reason=event.reason, error=str(error) or type(error).__name__)
