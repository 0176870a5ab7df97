"""Opening the state file: whose it is, who may read it, and what survives what.

*What survives.* WAL with `synchronous=NORMAL`: a commit is in the kernel's page cache before it is acknowledged, so
nothing acknowledged is lost when the process is killed (-9 included), which is what the write protocol rests on: it
persists what it is about to ask of AWS, and then asks. Only when the *machine* loses power may the last commits be
gone (never the file: WAL frames are checksummed and checkpoints synced). Okra then finds weights on the route that
its status doesn't name, and the rules for drift hold: a share above the recorded one is put back, a share below it is
kept and the Cell paused. Both are safe, neither needs a person to notice in time. `FULL` would buy back that one case
for an fsync a commit: milliseconds, on disks that share them tens, on each of the writes between two steps.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from okra.embedded import faults, schema
from okra.errors import Invalid, NotFound

MEMORY = ":memory:"
"""A store without a file, for tests: one connection, no thread, gone at close."""

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process's."""


def connect(path: str, *, create: bool = True) -> sqlite3.Connection:
    """A connection in autocommit mode to a state file in the current schema. The caller closes it, in this thread.

    `create=False`: NotFound when there is no file. Invalid: not ours, newer than this Okra, or not writable.
    """
    if path != MEMORY:
        _prepare(path, create=create)
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)
        try:
            _adopt(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise faults.translate(error, path) from error
    return connection


def _prepare(path: str, *, create: bool) -> None:
    """See that a file is there, created for its owner only: SQLite gives the -wal and -shm files its permissions."""
    file = Path(path)
    try:
        if create:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not file.exists():
            raise NotFound(f"there is no state file {path}: name the one that `okra run` uses with --state")
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise faults.unreachable(error, path) from error


def _adopt(connection: sqlite3.Connection, path: str) -> None:
    """Recognise the file before anything in it is changed, then bring it to the current schema and mode."""
    _checked_version(connection, path)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode not in ("wal", "memory"):
        raise Invalid(
            f"the state file {path} is on a file system without shared memory (a network mount?): "
            "name one on a local disk with --state",
            reason=faults.UNUSABLE,
        )
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("BEGIN IMMEDIATE")  # two processes may meet here: only one finds an old version
    try:
        version = _checked_version(connection, path)
        if version < schema.VERSION:
            schema.migrate(connection, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if path != MEMORY:
        with contextlib.suppress(PermissionError):  # somebody else's file, shared on purpose
            Path(path).chmod(0o600)


def _checked_version(connection: sqlite3.Connection, path: str) -> int:
    version = schema.version_of(connection)
    if version is None:
        raise Invalid(
            f"the state file {path} is another program's database: {faults.ANOTHER}",
            reason=faults.UNUSABLE,
        )
    if version > schema.VERSION:
        raise Invalid(
            f"the state file {path} was written by a newer Okra (schema {version}, this one knows {schema.VERSION}): "
            f"upgrade Okra; or {faults.ANOTHER}",
            reason=faults.UNUSABLE,
        )
    return version
