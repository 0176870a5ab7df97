"""An Okra that kills itself with SIGKILL after its N-th effect (`KILLED_AFTER`), and says each effect first."""

from __future__ import annotations

import os
import signal
import sys

from okra.actors.executor import EffectExecutor
from okra.rollout.effects import Effect
from tests.scenarios.entry import main

AFTER = "KILLED_AFTER"
EFFECTS = "KILLED_EFFECTS"
"""The file that takes one line an effect: its kind, once it is done."""


class Killing:
    """An executor that is killed at one boundary between two effects: after the N-th, before the next."""

    def __init__(self, executor: EffectExecutor, after: int, effects: int) -> None:
        self._executor, self._after, self._effects = executor, after, effects
        self._count = 0

    async def execute(self, effect: Effect) -> bool:
        if self._count == self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = await self._executor.execute(effect)
        self._count += 1
        os.write(self._effects, f"{type(effect).__name__}\n".encode())
        return done


if __name__ == "__main__":
    file = os.open(os.environ[EFFECTS], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.exit(main(wrap=lambda executor: Killing(executor, int(os.environ[AFTER]), file)))
