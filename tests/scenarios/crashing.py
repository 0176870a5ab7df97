"""An Okra in which the actor of the Cell that `CRASHES` names fails whenever it is started."""

from __future__ import annotations

import os
import sys
from typing import Any

from okra.actors.cell import CellActor
from tests.scenarios.entry import main


class Crashing(CellActor):
    async def started(self) -> None:
        raise RuntimeError("a fault of its own")


def actor(wiring: Any, obj: dict[str, Any], kind: Any) -> CellActor:
    return (Crashing if obj["metadata"]["name"] == os.environ["CRASHES"] else CellActor)(wiring, obj, kind)


if __name__ == "__main__":
    sys.exit(main(cell_actor=actor))
