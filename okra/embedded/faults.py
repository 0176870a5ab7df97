"""SQLite's errors as Okra's: what is wrong with which file, and what a person does about it."""

from __future__ import annotations

import sqlite3

from okra.errors import Invalid, OkraError, Unavailable

UNUSABLE = "StateUnusable"
"""The condition reason of a state file that no retry makes readable or writable."""

ANOTHER = "move it away, or name another file with --state"

_FATAL: dict[int, str] = {
    sqlite3.SQLITE_NOTADB: f"is not an Okra state file: {ANOTHER}",
    sqlite3.SQLITE_CORRUPT: (
        "is damaged: move it away together with its -wal and -shm files and start again; "
        "Okra then adopts the weights that the load balancer has"
    ),
    sqlite3.SQLITE_READONLY: "can't be written: make the file and its folder writable, or name another with --state",
    sqlite3.SQLITE_PERM: "may not be accessed: check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: check the permissions of the file and its folder",
    sqlite3.SQLITE_TOOBIG: "can't hold an object of that size",
}

_PASSING: dict[int, str] = {
    sqlite3.SQLITE_FULL: "can't grow: free some space on its disk",
    sqlite3.SQLITE_IOERR: "can't be read or written: check its disk",
    sqlite3.SQLITE_BUSY: "is locked by another process for too long",
    sqlite3.SQLITE_LOCKED: "is locked by another process for too long",
}


def translate(error: sqlite3.Error, path: str) -> OkraError:
    """Invalid when a person must act first, Unavailable when the same call may succeed later."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _FATAL:
        return Invalid(f"the state file {path} {_FATAL[code]} ({error})", reason=UNUSABLE)
    advice = _PASSING.get(code, "did not answer")
    return Unavailable(f"the state file {path} {advice} ({error})")


def unreachable(error: OSError, path: str) -> OkraError:
    """What the file system refused before SQLite was asked."""
    why = error.strerror or type(error).__name__
    return Invalid(
        f"the state file {path} can't be opened ({why}): check the permissions of the file and its folder, "
        "or name another with --state",
        reason=UNUSABLE,
    )
