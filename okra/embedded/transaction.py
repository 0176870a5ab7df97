"""One transaction on the state file, in the words of objects and revisions. The only module with SQL about objects.

Runs in the connection's thread. Whoever calls it begins and commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

from okra.embedded.codec import decode, encode, encode_bounded
from okra.embedded.objects import labels_of, metadata_of, owner_uids
from okra.errors import Expired
from okra.ports import Kind, Object

Change = Literal["ADDED", "MODIFIED", "DELETED"]

COMPACT_EVERY = 256
"""Revisions between two compactions: one range delete instead of 256 single ones."""


class Key(NamedTuple):
    """Identity of an object: versions of one kind name the same objects."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, kind: Kind, namespace: str, name: str) -> Self:
        return cls(kind.group, kind.kind, namespace or "default", name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Revision:
    """A recorded write. `was` are the labels before it, None for an object that was not there."""

    rv: int
    type: Change
    was: dict[str, str] | None
    object: Object


class Transaction:
    """`history`: how many of the newest revisions a watch can resume within."""

    def __init__(self, connection: sqlite3.Connection, history: int) -> None:
        self._sql = connection
        self._history = history
        self.touched: set[tuple[str, str]] = set()
        """(group, kind) of what was written: whose watchers to wake."""

    @property
    def connection(self) -> sqlite3.Connection:
        return self._sql

    def current(self) -> int:
        """The newest revision. Compaction never removes it, so numbers are never used twice."""
        newest: int | None = self._sql.execute("SELECT max(rv) FROM revisions").fetchone()[0]
        return newest or 0

    def compacted(self) -> int:
        """The newest revision that a watch can no longer resume before."""
        rv: int = self._sql.execute("SELECT rv FROM compaction").fetchone()[0]
        return rv

    def get(self, key: Key) -> Object | None:
        row = self._sql.execute(
            "SELECT body FROM objects JOIN revisions USING (rv)"
            " WHERE objects.grp = ? AND objects.kind = ? AND objects.namespace = ? AND objects.name = ?",
            key,
        ).fetchone()
        return None if row is None else decode(row[0])

    def all(self, kind: Kind, namespace: str | None) -> Iterator[Object]:
        """By namespace, then name."""
        rows = self._sql.execute(
            "SELECT body FROM objects JOIN revisions USING (rv)"
            " WHERE objects.grp = ?1 AND objects.kind = ?2 AND (?3 IS NULL OR objects.namespace = ?3)"
            " ORDER BY objects.namespace, objects.name",
            (kind.group, kind.kind, namespace),
        )
        return (decode(body) for (body,) in rows)

    def since(self, kind: Kind, namespace: str | None, after: int, limit: int) -> tuple[list[Revision], int, bool]:
        """The oldest `limit` revisions after `after`, where to go on, and whether these were all."""
        current, compacted = self.current(), self.compacted()
        if not compacted <= after <= current:
            raise Expired(
                f"{kind.kind} can't be watched from resourceVersion {after}: "
                f"the state holds {compacted} to {current}; list again"
            )
        rows = self._sql.execute(
            "SELECT rv, type, was, body FROM revisions"
            " WHERE grp = ?1 AND kind = ?2 AND rv > ?3 AND (?4 IS NULL OR namespace = ?4) ORDER BY rv LIMIT ?5",
            (kind.group, kind.kind, after, namespace, limit),
        ).fetchall()
        revisions = [
            Revision(rv, change, None if was is None else decode(was), decode(body)) for rv, change, was, body in rows
        ]
        last = len(revisions) < limit
        return revisions, current if last else revisions[-1].rv, last

    def exists(self, uid: str) -> bool:
        return self._sql.execute("SELECT 1 FROM objects WHERE uid = ?", (uid,)).fetchone() is not None

    def dependents(self, uid: str) -> list[Key]:
        rows = self._sql.execute(
            "SELECT grp, kind, namespace, name FROM owners JOIN objects ON objects.uid = dependent WHERE owner = ?",
            (uid,),
        )
        return [Key(*row) for row in rows]

    def write(self, change: Change, key: Key, new: Object, old: Object | None) -> Object:
        """Record `new` under the next resourceVersion; returned as it then is."""
        rv = self.current() + 1
        recorded: Object = {**new, "metadata": {**metadata_of(new), "resourceVersion": str(rv)}}
        uid = metadata_of(new)["uid"]
        was = None if old is None else encode(labels_of(old))
        self._sql.execute(
            "INSERT INTO revisions (rv, grp, kind, namespace, name, type, was, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (rv, *key, change, was, encode_bounded(recorded)),
        )
        self._point(change, key, uid, rv)
        if change != "MODIFIED" or old is None or owner_uids(old) != owner_uids(new):
            self._own(uid, set() if change == "DELETED" else owner_uids(new))
        if old is not None:
            self._forget(int(metadata_of(old)["resourceVersion"]))
        if rv % COMPACT_EVERY == 0:
            self._compact(rv - self._history)
        self.touched.add((key.group, key.kind))
        return recorded

    def _point(self, change: Change, key: Key, uid: str, rv: int) -> None:
        match change:
            case "ADDED":
                self._sql.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", (*key, uid, rv))
            case "MODIFIED":
                self._sql.execute("UPDATE objects SET rv = ? WHERE uid = ?", (rv, uid))
            case "DELETED":
                self._sql.execute("DELETE FROM objects WHERE uid = ?", (uid,))

    def _own(self, uid: str, owners: set[str]) -> None:
        self._sql.execute("DELETE FROM owners WHERE dependent = ?", (uid,))
        self._sql.executemany("INSERT INTO owners VALUES (?, ?)", [(owner, uid) for owner in owners])

    def _forget(self, rv: int) -> None:
        """A revision that was kept only because it was an object's newest goes as soon as it isn't."""
        self._sql.execute("DELETE FROM revisions WHERE rv = ? AND rv <= (SELECT rv FROM compaction)", (rv,))

    def _compact(self, upto: int) -> None:
        if upto <= self.compacted():
            return
        self._sql.execute(
            "DELETE FROM revisions WHERE rv > (SELECT rv FROM compaction) AND rv <= ?"
            " AND rv NOT IN (SELECT rv FROM objects)",
            (upto,),
        )
        self._sql.execute("UPDATE compaction SET rv = ?", (upto,))
