"""One `okra run` a state file: two would both own the same routes.

Synchronous, and meant to be entered before the event loop starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from okra.embedded.faults import unreachable
from okra.errors import AlreadyExists

LOOK = 0.2
"""Seconds that those who only look at the lock may hold up who takes it."""


@contextlib.contextmanager
def run_lock(path: str | Path) -> Iterator[Callable[[str], None]]:
    """Hold the right to run on the state file `path` for the length of the block; waits for `LOOK` at most.

    AlreadyExists names the process that holds it. The lock is the kernel's, on `<path>.lock`: it ends with the
    process however that ends, so there is no stale one to clean up, and the file stays. Commands that only read or
    annotate don't take it. Yields what notes the HOST:PORT of the holder's pages, for who comes second.
    """
    file = Path(f"{Path(path).resolve()}.lock")  # one lock, by whatever name the file is called
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unreachable(error, str(path)) from error
    try:
        if not _taken_over(descriptor):
            raise AlreadyExists(_taken(path, os.pread(descriptor, 400, 0)))
        _note(descriptor)
        yield lambda at: _note(descriptor, f"http://{at}/")
    finally:
        os.close(descriptor)


def runs(path: str | Path) -> bool:
    """Does an `okra run` hold the state file `path` now? False, too, when that can't be looked at."""
    try:
        descriptor = os.open(f"{Path(path).resolve()}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _taken_over(descriptor: int) -> bool:
    """Take the lock. Who only looks at it (`runs`) has it for some microseconds; who runs keeps it."""
    deadline = time.monotonic() + LOOK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _note(descriptor: int, *pages: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, "".join(f"{line}\n" for line in (os.getpid(), *pages)).encode(), 0)


def _taken(path: str | Path, holder: bytes) -> str:
    pid, _, pages = holder.decode("ascii", "replace").strip().partition("\n")
    who = f"process {pid}" if pid else "another process"
    where = ", ".join(filter(None, (who, pages)))
    return (
        f"`okra run` is already running on {path} ({where}). Wait for it, or stop it: the weights stay, and the same "
        "command goes on from there. `okra status`, `okra abort` and the others work beside it. Another --state is for "
        "other Cells only: two runs that move the same route would undo each other's writes"
    )
