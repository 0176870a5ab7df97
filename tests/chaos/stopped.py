"""`okra controller` that stands still, by a SIGSTOP of its own, between the question whether it may write and a write.

The one moment in which a Lease protects nobody: AWS has no fencing token, so this write lands whenever the process goes
on (DESIGN §9). `STOPS_AT`: before which of its writes of weights.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace

from okra.actors.cell import CellActor
from okra.actors.wiring import Wiring
from okra.app.writes import Writes
from okra.ports import Kind, Object, RouteRef
from okra.rollout.observation import RouteReading, Weights
from tests.kube.controller_entry import main

STOPS_AT = "STOPS_AT"


class Stopping(Writes):
    """A router that stands still before one write, and makes it when it goes on."""

    written = 0

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        self.written += 1
        if self.written == int(os.environ[STOPS_AT]):
            os.kill(os.getpid(), signal.SIGSTOP)
        await super().write(ref, weights, basis, urgent=urgent)


def actor(wiring: Wiring, obj: Object, kind: Kind) -> CellActor:
    return CellActor(replace(wiring, router=Stopping(wiring.router, wiring.clock)), obj, kind)


if __name__ == "__main__":
    sys.exit(main(cell_actor=actor))
