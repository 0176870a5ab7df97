"""For whom a keeper runs, and how it notices that they are gone."""

from __future__ import annotations

import os
import select
import sys
from typing import Protocol

_POLL = 0.2
"""Seconds between looks, where the kernel can't tell."""


class OwnerGone(Exception):
    """Nobody needs the servers any more."""


class Owner(Protocol):
    def wait(self, seconds: float) -> None:
        """Let this time pass. OwnerGone as soon as they are."""
        ...

    def command(self) -> str:
        """The next command, whenever it comes. OwnerGone if none will."""
        ...

    def told_ready(self) -> None:
        """The line that says so has been printed."""
        ...


class Parent:
    """The process that started this one and holds the other end of its standard input."""

    def wait(self, seconds: float) -> None:
        # Commands come one at a time, after the answer to the one before: what is readable now is the end.
        if select.select([0], [], [], seconds)[0]:
            raise OwnerGone

    def command(self) -> str:
        line = os.read(0, 1024)
        if not line:
            raise OwnerGone
        return line.decode().strip()

    def told_ready(self) -> None:
        pass


class Process:
    """Any process. This one leaves the terminal's session, and after the first line it writes nothing any more."""

    def __init__(self, pid: int) -> None:
        os.setsid()
        self._pid = pid
        self._descriptors: list[int] = []
        if sys.platform == "linux":
            try:
                self._descriptors = [os.pidfd_open(pid)]  # becomes readable when the process ends
            except ProcessLookupError:
                raise OwnerGone from None

    def wait(self, seconds: float) -> None:
        if select.select(self._descriptors, [], [], seconds)[0] or not self._exists():
            raise OwnerGone

    def command(self) -> str:
        """There is nobody to give one."""
        while True:
            if not self._descriptors:
                self.wait(_POLL)
            elif select.select(self._descriptors, [], [])[0]:
                raise OwnerGone

    def told_ready(self) -> None:
        """Who waits for the end of the output goes on."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.close(nothing)

    def _exists(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True
