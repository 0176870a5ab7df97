"""Jobs in transactions: many that wait share one commit, and one that fails takes nothing of the others with it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from okra.embedded.faults import translate
from okra.embedded.transaction import Transaction

T = TypeVar("T")

Begin = Literal["BEGIN", "BEGIN IMMEDIATE"]
"""IMMEDIATE takes the write lock at once: a transaction that reads first and writes then could not be retried."""


class Job(Generic[T]):
    """One call. As a context it keeps the error that ends its body, unless that is the file's."""

    def __init__(self, call: Callable[[Transaction], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self.error: BaseException | None = None

    def run(self, tx: Transaction) -> None:
        self._results = [self._call(tx)]

    def outcome(self) -> T:
        """What the call returned or raised, once its transaction is over."""
        if self.error is not None:
            raise self.error
        return self._results[0]

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> bool:
        self.error = error
        return isinstance(error, Exception) and not isinstance(error, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Commit:
    """What a transaction of this process changed."""

    touched: frozenset[tuple[str, str]]
    """(group, kind) of every object written."""
    revision: int
    """The newest."""


class Session:
    """A connection to the state file and the transactions on it. Lives in one thread, which also made it."""

    def __init__(self, connection: sqlite3.Connection, path: str, begin: Begin, history: int) -> None:
        self._sql = connection
        self._path = path
        self._begin = begin
        self._history = history
        self._seen = self._data_version()

    def run(self, jobs: Sequence[Job[Any]]) -> Commit | None:
        """Run the jobs in order in one transaction; every one has a result or an error afterwards.

        An error of the file itself undoes and fails them all: none was acknowledged.
        """
        tx = Transaction(self._sql, self._history)
        try:
            self._sql.execute(self._begin)
            for job in jobs:
                self._attempt(job, tx)
            revision = tx.current() if tx.touched else 0
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            for job in jobs:
                job.error = translate(error, self._path)
                job.error.__cause__ = error
            return None
        return Commit(frozenset(tx.touched), revision) if tx.touched else None

    def changed_elsewhere(self) -> bool:
        """Whether another connection, in whatever process, has committed since the last call. Microseconds.

        A file that can't say has changed: whoever then reads it gets the error.
        """
        try:
            seen, self._seen = self._seen, self._data_version()
        except sqlite3.Error:
            return True
        return seen != self._seen

    def close(self) -> None:
        self._sql.close()

    def _attempt(self, job: Job[Any], tx: Transaction) -> None:
        self._sql.execute("SAVEPOINT job")
        with job:
            job.run(tx)
        if job.error is not None:
            self._sql.execute("ROLLBACK TO job")
        self._sql.execute("RELEASE job")

    def _undo(self) -> None:
        """SQLite may have rolled back by itself, and a damaged file can refuse even that."""
        with contextlib.suppress(sqlite3.Error):
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")

    def _data_version(self) -> int:
        version: int = self._sql.execute("PRAGMA data_version").fetchone()[0]
        return version
