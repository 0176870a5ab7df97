"""A controller that is killed at each boundary, one life after the other, so that a few of them see all of a story.

with shields(plane, folder) as made:
    mortal = Mortal(made.make(namespace), environ, folder / "mortal.log", Lost.ANSWER)
    mortal.live(until=lambda: …)      # killed as often as there are boundaries
    mortal.killed                     # where
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from threading import Lock

from aiohttp import web

from okra.testing.kube_proxy import KubeFault
from tests.chaos.boundaries import boundary_of
from tests.chaos.shielded import Shield
from tests.scenarios.eventually import eventually
from tests.support.nursery import Life, begin

PATIENCE = 300.0
"""Seconds for one life. Far more than it takes: only a failing test waits so long."""


class Lost(StrEnum):
    """What of a write goes with whoever is killed."""

    WRITE = "write"
    """The API server never had it: of a status, for what was done in AWS before that isn't on record then. Of anything
    else it would be the same as an answer lost before."""
    ANSWER = "answer"
    """The API server has it. What was to be done next isn't."""


class Mortal:
    def __init__(self, shield: Shield, environ: Mapping[str, str], log: Path, lost: Lost) -> None:
        """`environ`: all of the controller's, but for its kubeconfig."""
        self._log = log
        self._environ = {**environ, "KUBECONFIG": str(shield.kubeconfig)}
        self._life: Life | None = None
        """The present one, or the last."""
        self._dying = False
        self._lock = Lock()
        self.killed: list[str] = []
        """The boundaries, in the order of time."""
        where = "/status" if lost is Lost.WRITE else ""
        shield.add(KubeFault(0, path=where, applied=lost is Lost.ANSWER, holds=self._kills))

    def _kills(self, request: web.Request, body: bytes) -> bool:
        """In the proxy's thread. A write at which nobody was killed yet: now somebody is."""
        boundary = boundary_of(request.method, request.path, body)
        with self._lock:
            if not boundary or boundary in self.killed or self._life is None or self._dying:
                return False
            self._dying = True
            self.killed.append(boundary)
            os.kill(self._life.pid, signal.SIGKILL)
        return True

    def live(self, until: Callable[[], bool]) -> None:
        """Until this holds; one is alive then."""

        def goes_on() -> bool | None:
            """None: nobody lives."""
            if self._life is None or self._life.ended():
                return None
            return not self._dying and until()

        while not eventually(goes_on, lambda seen: seen is not False, within=PATIENCE):
            with self._lock:
                assert self._life is None or self._life.code == -signal.SIGKILL, self.said()
                self._life = begin(["tests.chaos.killed"], self._environ, self._log.parent, self._log)
                self._dying = False

    def end(self) -> None:
        """Who lives is told to stop, and does; who has hardly begun doesn't hear of it in order."""
        assert self._life is not None
        assert self._life.end(signal.SIGTERM) in (0, -signal.SIGTERM) or self._dying, self.said()

    def said(self) -> str:
        """For a failing assertion."""
        log = self._log.read_text()[-6000:] if self._log.exists() else ""
        killed = "\n".join(f"{number} {each}" for number, each in enumerate(self.killed))
        return f"killed at\n{killed}\n{log}"
