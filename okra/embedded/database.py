"""Opening the state file: whose it is, who may read it, and what survives what.

*What survives.* WAL with `synchronous=NORMAL`: a commit is in the kernel's page cache before it is acknowledged, so
nothing acknowledged is lost when the process is killed (-9 included), which is what the write protocol rests on: it
persists what it is about to ask of AWS, and then asks. Only when the *machine* loses power may the last commits be
gone (never the file: WAL frames are checksummed and checkpoints synced). Okra then finds weights on the route that
its status doesn't name, and the rules for drift hold: a share above the recorded one is put back, a share below it is
kept and the Cell paused. Both are safe, neither needs a person to notice in time. `FULL` would buy back that one case
for an fsync a commit: measured 3.5 ms instead of 0.12 ms for a status write, on a virtual machine's disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from okra.embedded import faults, schema
from okra.errors import Invalid, NotFound

MEMORY = ":memory:"
"""A store without a file, for tests: one connection, no thread, gone at close."""

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process's: each is over in milliseconds."""


def connect(path: str, *, create: bool = True, patience: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """A connection in autocommit mode to a state file in the current schema. The caller closes it, in this thread.

    `create=False`: NotFound when there is no file. `patience`: seconds to wait for other processes' transactions,
    here and later; Unavailable after that. Invalid: not ours, newer than this Okra, or not writable.
    """
    if path != MEMORY:
        _prepare(path, create=create)
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=patience)
        try:
            _adopt(connection, path, patience)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise faults.translate(error, path) from error
    return connection


def _prepare(path: str, *, create: bool) -> None:
    """See that the folder is there, or the file. The file is SQLite's to make and never opened here: closing a
    descriptor of our own would drop the locks that this process's other connections hold on it."""
    file = Path(path)
    try:
        if create:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not file.exists():
            raise NotFound(f"there is no state file {path}: name the one that `okra run` uses with --state")
    except OSError as error:
        raise faults.unreachable(error, path) from error


def _adopt(connection: sqlite3.Connection, path: str, patience: float) -> None:
    """Recognise the file before anything in it is changed, then bring it to the current schema and mode."""
    with _transaction(connection, "BEGIN"):
        _checked_version(connection, path)
    if path != MEMORY:
        with contextlib.suppress(PermissionError):  # somebody else's file, shared on purpose
            Path(path).chmod(0o600)  # now: the -wal and -shm files get the permissions that it has
        use_wal(connection, path, patience)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA trusted_schema = OFF")
    with _transaction(connection, "BEGIN IMMEDIATE"):  # several processes may meet here: one finds an old version
        version = _checked_version(connection, path)
        if version < schema.VERSION:
            schema.migrate(connection, version)


def use_wal(connection: sqlite3.Connection, path: str, patience: float) -> None:
    """Change the journal mode, waiting for others here: SQLite's own timeout doesn't cover it."""
    deadline = time.monotonic() + patience
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    if mode != "wal":
        raise Invalid(
            f"the state file {path} is on a file system without shared memory (a network mount?): "
            "name one on a local disk with --state",
            reason=faults.UNUSABLE,
        )


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


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
