"""Controllers that begin in a moment: forks of a process in which everything is imported, and nothing has begun.

    with Nursery() as nursery:
        life = nursery.begin(environ, log)      # `okra controller`, with this environment and nothing else
        life.end(signal.SIGTERM)

A test with two hundred lives of a controller would spend most of its time on imports otherwise. A fork shares no memory
with what comes after it: what SIGKILL leaves is what is in Kubernetes and in AWS.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn, Self

from okra.testing.child import Child
from tests.scenarios.eventually import eventually

NOT_YET = "lives"


@dataclass
class Life:
    """Of one controller, and its log."""

    nursery: Nursery
    pid: int
    file: Path
    code: int | None = None
    """Its exit code; of a signal the negative number."""

    def ended(self) -> bool:
        if self.code is None and (answer := self.nursery.ask(self.pid)) != NOT_YET:
            self.code = int(answer)
        return self.code is not None

    def end(self, number: int) -> int | None:
        """Send it a signal unless it ended by itself; its exit code."""
        if not self.ended():
            os.kill(self.pid, number)
        eventually(self.ended)
        return self.code

    @property
    def text(self) -> str:
        """So far. It begins a moment after the process does."""
        return self.file.read_text() if self.file.exists() else ""


class Nursery:
    """A context manager, for any number of threads; whoever lives in it ends with it."""

    def __init__(self) -> None:
        self._child, self._lock = Child("tests.chaos.nursery"), Lock()

    def __enter__(self) -> Self:
        self._child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def begin(self, environ: Mapping[str, str], log: Path) -> Life:
        return Life(self, int(self.ask({"environ": dict(environ), "log": str(log)})), log)

    def ask(self, what: object) -> str:
        with self._lock:
            return self._child.ask(json.dumps(what))


def main() -> None:
    """The process itself. It ends with its standard input, and takes its children along."""
    from tests.chaos import killed

    living: set[int] = set()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        print("ready", flush=True)
        while line := sys.stdin.readline():
            match json.loads(line):
                case int(pid):
                    done, status = os.waitpid(pid, os.WNOHANG)
                    living.discard(done)
                    print(os.waitstatus_to_exitcode(status) if done else NOT_YET, flush=True)
                case asked:
                    pid = os.fork()
                    if pid == 0:
                        _live(asked, killed.main)
                    living.add(pid)
                    print(pid, flush=True)
    finally:
        for pid in living:
            os.kill(pid, signal.SIGKILL)


def _live(asked: Mapping[str, Any], controller: Any) -> NoReturn:
    """The child: nothing of the nursery may happen in it, whatever becomes of it."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(asked["environ"])
        code = controller()
    finally:
        if any(sys.exc_info()):
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
