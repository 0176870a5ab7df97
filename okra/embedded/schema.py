"""The state file's tables, and the way from each older form to this one.

Every write of an object is one row of `revisions`, numbered by the resourceVersion; `objects` points at the newest of
each. So a body is written once, a watch reads the same rows that a get does, and a list with the number it is as of is
one snapshot: etcd's model. Compaction deletes rows that no object points at any more.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x6F6B7261
"""`okra` in ASCII, in the file's header: how a file of another program is told from ours."""

_FIRST = (
    """
    CREATE TABLE revisions (
        rv        INTEGER PRIMARY KEY,
        grp       TEXT NOT NULL,
        kind      TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name      TEXT NOT NULL,
        type      TEXT NOT NULL CHECK (type IN ('ADDED', 'MODIFIED', 'DELETED')),
        was       TEXT,            -- the labels before this write, as JSON: a watch by selector needs both sides
        body      TEXT NOT NULL    -- the whole object, as JSON
    )
    """,
    "CREATE INDEX revisions_of_kind ON revisions (grp, kind, rv)",
    """
    CREATE TABLE objects (
        grp       TEXT NOT NULL,
        kind      TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name      TEXT NOT NULL,
        uid       TEXT NOT NULL UNIQUE,
        rv        INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (grp, kind, namespace, name)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE owners (owner TEXT NOT NULL, dependent TEXT NOT NULL, PRIMARY KEY (owner, dependent)) WITHOUT ROWID",
    "CREATE INDEX owners_of ON owners (dependent)",
    "CREATE TABLE compaction (rv INTEGER NOT NULL)",
    "INSERT INTO compaction VALUES (0)",
    """
    CREATE TABLE events (
        id        INTEGER PRIMARY KEY,  -- by recency: a repeated event moves to the end
        grp       TEXT NOT NULL,
        kind      TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name      TEXT NOT NULL,
        uid       TEXT NOT NULL,
        type      TEXT NOT NULL,
        reason    TEXT NOT NULL,
        message   TEXT NOT NULL,
        action    TEXT NOT NULL,
        count     INTEGER NOT NULL,
        first     TEXT NOT NULL,
        last      TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_of_object ON events (grp, kind, namespace, name, id)",
)

_ROLLOUT_OF_EVENTS = ("ALTER TABLE events ADD COLUMN rollout INTEGER",)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _ROLLOUT_OF_EVENTS)
"""Statements that lead from version i to i + 1. Append; what was released never changes."""

VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int | None:
    """The file's schema version, 0 for an empty file, None for a database of another program."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID:
        return version
    empty = connection.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()[0]
    return 0 if empty and application == 0 and version == 0 else None


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Lead a file at `version` to VERSION; the caller holds the write transaction."""
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
