"""Okra's processes of the tests: they begin in a moment, and all end with pytest, however that ends.

    life = begin(["okra", "controller"], environ, tmp_path, log)
    life.kill()

Each is a fork of a process in which everything is imported, and nothing has begun: a run of all tests has some hundreds
of them, and would spend a quarter of its time on imports otherwise. A fork shares no memory with what comes after it:
what SIGKILL leaves is what is in Kubernetes, in files and in AWS. `cold` is a new interpreter, as a person starts it.

The one that they are forks of ends with its standard input, which the kernel closes when pytest is gone, and takes its
children along; when it is killed itself, the kernel does that. It is a process of its own because that promise is bound
to the thread that makes it, and tests start what they need from many.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from okra.testing.child import Child
from okra.testing.controlplane.servers import ending_with
from tests.scenarios.eventually import eventually

LIVES, STANDS = "lives", "stands"
_HEARD = {signal.SIGINT, signal.SIGTERM}


@dataclass
class Life:
    """Of one process, and what it says."""

    pid: int
    file: Path
    code: int | None = None
    """Its exit code, as far as anybody asked; of a signal the negative number."""

    def poll(self) -> int | None:
        """The exit code; None while it lives."""
        if self.code is None and (answer := _NURSERY.ask(self.pid)) not in (LIVES, STANDS):
            self.code = int(answer)
        return self.code

    def ended(self) -> bool:
        return self.poll() is not None

    def stands(self) -> bool:
        """By a SIGSTOP."""
        return self.code is None and _NURSERY.ask(self.pid) == STANDS

    def send_signal(self, number: int) -> None:
        """Unless it ended: its pid may be somebody else's then."""
        if not self.ended():
            os.kill(self.pid, number)

    def end(self, number: int) -> int | None:
        """By this signal, unless it ended by itself; its exit code."""
        self.send_signal(number)
        eventually(self.ended, every=0.01)
        return self.code

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def freeze(self) -> None:
        self.send_signal(signal.SIGSTOP)
        eventually(lambda: self.stands() or self.ended(), every=0.01)

    @property
    def text(self) -> str:
        """So far."""
        return self.file.read_text()


def begin(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    log: Path,
    *,
    output: Path | None = None,
    cold: bool = False,
) -> Life:
    """`python -m COMMAND` in this folder, with this environment and nothing else. From any thread.

    `log` takes standard error, and standard output where it has no file of its own.
    """
    files = {"log": log, "output": output or log}
    for each in files.values():
        each.touch()
    paths = {name: str(path) for name, path in {**files, "folder": folder}.items()}
    pid = _NURSERY.ask({"command": [*command], "environ": {**environ}, "cold": cold, **paths})
    return Life(int(pid), log)


def close() -> None:
    """Nobody begins any more, and whoever lives ends."""
    _NURSERY.close()


class _Nursery:
    """The process, which starts when it is needed."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._lock = Lock()

    def ask(self, what: object) -> str:
        with self._lock:
            if self._child is None:
                self._child = Child("tests.support.nursery")
                self._child.start()
            return self._child.ask(json.dumps(what))

    def close(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.stop()
            self._child = None


_NURSERY = _Nursery()

# -- the process itself ----------------------------------------------------------------------------------------------


def main() -> None:
    """A line of its input is either who is to begin, or a pid to look at."""
    for each in ("okra.cli.commands", "tests.kube.controller_entry", "tests.scenarios.entry"):
        import_module(each)  # with all that they import

    gc.freeze()  # what is shared stays shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is pytest's
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    bound, codes = ending_with(os.getpid()), dict[int, int | None]()
    try:
        print("ready", flush=True)
        while line := sys.stdin.readline():
            match json.loads(line):
                case int(pid):
                    print(_look(pid, codes), flush=True)
                case asked:
                    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)  # the child hears them when it is itself
                    pid = os.fork()
                    if pid == 0:
                        _live(asked, bound)
                    codes[pid] = None
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
                    print(pid, flush=True)
    finally:
        for pid in (pid for pid, code in codes.items() if code is None):
            os.kill(pid, signal.SIGKILL)


def _look(pid: int, codes: dict[int, int | None]) -> str:
    """`codes`: of those that ended, as far as anybody looked. Several may."""
    if codes[pid] is None:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        if found is None or found.si_code == os.CLD_STOPPED:
            return STANDS if found else LIVES
        codes[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"{codes[pid]}"


def _live(asked: Mapping[str, Any], bound: Callable[[], None] | None) -> NoReturn:
    """The child: nothing of the nursery may happen in it, whatever becomes of it."""
    code = 1
    try:
        if bound is not None:
            bound()
        _settle(asked)
        code = _run(*asked["command"], cold=asked["cold"])
    finally:
        if any(sys.exc_info()):
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(module: str, *arguments: str, cold: bool) -> int:
    """`python -m`. Its exit code."""
    if cold:
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _settle(asked: Mapping[str, Any]) -> None:
    """As a process of its own is: its place, its environment, its files and its signals."""
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "output"), (2, "log")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    faulthandler.enable()


if __name__ == "__main__":
    main()
