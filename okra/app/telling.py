"""When `okra run` says what a Cell waits for: once for each change, and once a minute while nothing happens at all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okra.actors.kinds import kind_of, seat
from okra.actors.messages import key_of
from okra.app.progress import Key, Progress
from okra.app.system import System
from okra.app.waiting import CheckRun, Sighting, Wait, from_status, wait_of
from okra.errors import OkraError

LOOK = 1.0
"""Seconds between two looks. What only one of them sees is not worth a line."""
HEARTBEAT = 60.0


@dataclass(slots=True)
class _Told:
    """What was last said of a Cell, and what may take its place."""

    wait: Wait | None = None
    since: float = 0.0
    next: Wait | None = None
    next_since: float = 0.0


class Teller:
    """Decides which of the waits that are seen are said."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told: dict[Key, _Told] = {}

    def saw(self, key: Key, wait: Wait, now: float) -> None:
        """A look at one Cell. It is said when a second look finds the same."""
        told = self._told.setdefault(key, _Told())
        if told.wait is not None and told.wait.key == wait.key:
            told.wait, told.next = wait, None
        elif told.next is None or told.next.key != wait.key:
            told.next, told.next_since = wait, now
        else:
            told.wait, told.since, told.next = wait, told.next_since, None
            self._progress.wait(key, wait, now)

    def looked(self, now: float) -> None:
        """All were looked at: forget those that wait no more, and say that the others do if nothing else was said."""
        waiting = set(self._progress.unsettled)
        self._told = {key: told for key, told in self._told.items() if key in waiting}
        still = {key: (told.wait, told.since) for key, told in self._told.items() if told.wait is not None}
        if still and now - self._progress.told_at >= HEARTBEAT:
            self._progress.still(still, now)


async def tell_waits(system: System, progress: Progress) -> None:
    """Look and tell until cancelled."""
    teller, clock = Teller(progress), system.parts.clock
    while True:
        await asyncio.sleep(LOOK)
        await asyncio.gather(*(_look(system, teller, key) for key in progress.unsettled))
        teller.looked(clock.now())


async def _look(system: System, teller: Teller, key: Key) -> None:
    try:
        wait = await _wait(system, key)
    except OkraError:
        return  # busy: what was said last holds
    teller.saw(key, wait, system.parts.clock.now())


async def _wait(system: System, key: Key) -> Wait:
    described = await system.describe_cell(*key)
    if described is None:
        cells = {seat(kind_of(each), *key_of(each)): each for each in await system.cells()}
        return from_status(cells.get(key, {}).get("status") or {})
    seen = Sighting(described["policy"], described["state"], described["observation"])
    if not seen.running:
        return wait_of(seen)
    runs = [_run(each) for each in await system.check_runs(*key)]
    return wait_of(Sighting(seen.policy, seen.state, seen.obs, runs))


def _run(described: Mapping[str, Any]) -> CheckRun:
    return CheckRun(described["check"], described["series"], described["ready_at"])
