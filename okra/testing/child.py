"""A server in a child process: it prints its URL when it is ready, and ends when its parent does, however that ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

WITH_PARENT = "--with-parent"
"""The child's flag: end when standard input is closed, which the kernel does when the parent is gone."""

_START_TIMEOUT = 150.0
_STOP_TIMEOUT = 5.0


class Child:
    """`python -m module arguments`, started by `start()`. Its standard error is kept as `log`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None

    @property
    def log(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read()

    def start(self) -> str:
        """The URL it printed. RuntimeError with its log if it prints none in time."""
        try:
            with uninterrupted():
                output = self._begin()
            ready = bool(select.select([output], [], [], _START_TIMEOUT)[0])
            url = output.readline().strip() if ready else ""
            if not url:
                raise RuntimeError(f"{self._module} did not start:\n{self.log}")
        except BaseException:
            self.stop()
            raise
        return url

    def _begin(self) -> IO[str]:
        """Start the process. Its standard output."""
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 — closed by stop()
        # Credentials and endpoints of the developer's own AWS must not reach a double.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, WITH_PARENT, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environ,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError(f"{self._module} has no standard output")
        return self._process.stdout

    def ask(self, line: str) -> str:
        """Write this line to the child, for the one that it answers with. RuntimeError with its log if it ended."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError(f"{self._module} is not running")
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"{self._module} has ended:\n{self.log}") from None
        answer = process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"{self._module} has ended:\n{self.log}")
        return answer

    def stop(self) -> None:
        """End it, at once if it must be. Nothing is left open; may be called again."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        if self._log is not None:
            self._log.close()
            self._log = None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What is made within is known to its owner before a Ctrl-C or SIGTERM is heard; then it is."""
    heard: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda got, _: heard.append(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in heard:
            signal.raise_signal(each)


def end_with_parent() -> None:
    """For the child: end this process when the parent is gone, and not before: a terminal's Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
