"""The Events about an object of a cluster, as `okra status` shows them: from events.k8s.io/v1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from okra.embedded.events import RecordedEvent
from okra.errors import OkraError
from okra.kube.store import KubeStore
from okra.ports import Object

KEPT = 100


async def recorded_events(store: KubeStore, about: Object) -> Sequence[RecordedEvent]:
    """The newest last. None of them where they may not be listed: a status is worth showing without."""
    try:
        found = [_event(each) for each in await store.events_about(about)]
    except OkraError:
        return ()
    return sorted(found, key=lambda event: event.last)[-KEPT:]


def _event(obj: Object) -> RecordedEvent:
    series: dict[str, Any] = obj.get("series") or {}
    first = _time(obj.get("eventTime") or obj["metadata"].get("creationTimestamp"))
    return RecordedEvent(
        type="Warning" if obj.get("type") == "Warning" else "Normal",
        reason=obj.get("reason") or "",
        message=obj.get("note") or "",
        action=obj.get("action") or "",
        uid=obj["regarding"]["uid"],
        count=int(series.get("count") or 1),
        first=first,
        last=_time(series["lastObservedTime"]) if series.get("lastObservedTime") else first,
    )


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
