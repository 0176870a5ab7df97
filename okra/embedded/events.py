"""Events about objects, as `okra status` shows them: equal ones are counted, old ones forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from okra.embedded.transaction import Transaction
from okra.ports import EventRecord, Kind

PER_OBJECT = 100
IN_ALL = 10_000


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event and how often it came. `first` and `last` are UTC."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str
    uid: str
    """Of the object it was about: one that was deleted and created again keeps its name only."""
    count: int
    first: datetime
    last: datetime
    rollout: int | None = None
    """Of the Cell; two rollouts have each their own, however equal."""


def record(tx: Transaction, event: EventRecord) -> None:
    """Count `event`. A repeated one becomes the newest, so ids are in order of recency and the oldest go first."""
    about = (event.kind.group, event.kind.kind, event.namespace, event.name)
    message = event.message.encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates
    at = event.at.astimezone(UTC).isoformat()
    sql = tx.connection
    before = sql.execute(
        "DELETE FROM events WHERE grp = ? AND kind = ? AND namespace = ? AND name = ?"
        " AND uid = ? AND type = ? AND reason = ? AND message = ? AND rollout IS ? RETURNING count, first",
        (*about, event.uid, event.type, event.reason, message, event.rollout),
    ).fetchone()
    count, first = before or (0, at)
    recorded = sql.execute(
        "INSERT INTO events"
        " (id, grp, kind, namespace, name, uid, type, reason, message, action, count, first, last, rollout)"
        " VALUES ((SELECT ifnull(max(id), 0) + 1 FROM events), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*about, event.uid, event.type, event.reason, message, event.action, count + 1, first, at, event.rollout),
    ).lastrowid
    sql.execute(
        "DELETE FROM events WHERE grp = ? AND kind = ? AND namespace = ? AND name = ? AND id <= ("
        " SELECT id FROM events WHERE grp = ? AND kind = ? AND namespace = ? AND name = ?"
        " ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (*about, *about, PER_OBJECT),
    )
    sql.execute("DELETE FROM events WHERE id <= ?", ((recorded or 0) - IN_ALL,))


def about(tx: Transaction, kind: Kind, namespace: str, name: str) -> list[RecordedEvent]:
    """The newest last."""
    rows = tx.connection.execute(
        "SELECT type, reason, message, action, uid, count, first, last, rollout FROM events"
        " WHERE grp = ? AND kind = ? AND namespace = ? AND name = ? ORDER BY id",
        (kind.group, kind.kind, namespace, name),
    )
    return [
        RecordedEvent(
            type=type_,
            reason=reason,
            message=message,
            action=action,
            uid=uid,
            count=count,
            first=datetime.fromisoformat(first),
            last=datetime.fromisoformat(last),
            rollout=rollout,
        )
        for type_, reason, message, action, uid, count, first, last, rollout in rows
    ]
