"""What one Cell sees: readings, health and answers, merged into the Observation that the core decides on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from okra.actors.claims import Claims
from okra.actors.messages import Discovered
from okra.actors.readings import Streaks
from okra.actors.wiring import NEVER, Wiring, WriteGate
from okra.ports import Account, RouteRef
from okra.rollout.observation import (
    Command,
    Observation,
    Problem,
    RouteReading,
    SeriesResult,
    TargetGroup,
    TargetHealth,
    Token,
    Write,
)

RESULTS_KEPT, HEALTH_KEPT = 64, 3
TICK = 1e-6
JUMP = 1.0
"""Seconds that the clock may be set back without further ado."""


class Sight:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._groups: dict[Account, tuple[TargetGroup, ...]] = {}
        self._discovery_problems: dict[Account, Mapping[str, Problem]] = {}
        self._read_problems: dict[str, Problem] = {}
        self.claims = Claims(wiring)
        self._last = 0.0
        self._moving = False
        self._health_problem: tuple[str, Problem] | None = None
        """Of which group or record, and what only a person can mend."""
        self._streaks = Streaks()
        self.obs = Observation()

    def tick(self) -> float:
        """Epoch seconds, later than any moment before: what began after is known to have begun after."""
        now = self._wiring.clock.now()
        if now < self._last - JUMP:
            self._begin_anew()
        self._last = max(now, self._last + TICK)
        return self._last

    def _begin_anew(self) -> None:
        """The clock was set back: no time of before compares with any to come. As after a restart, nothing is known
        to be acknowledged, so what wasn't confirmed is written again."""
        self._last = 0.0
        self._streaks.keep(())
        self.see(readings={}, previous={}, writes={}, health={}, swept_at=None)

    def see(self, **changes: Any) -> None:
        self.obs = replace(self.obs, **changes)

    # -- discovery -------------------------------------------------------------------------------------------------

    def discovered(self, found: Discovered, accounts: Collection[Account]) -> None:
        """`accounts`: all that the Cell has routes in; the groups are known when each was listed."""
        if found.groups is not None:
            self._groups[found.account] = found.groups
        self._discovery_problems[found.account] = found.problems
        for key, reading in found.readings.items():
            self.read(key, reading)
        self.claims.rivals((*found.readings, *found.problems), found.owners)
        if all(account in self._groups for account in accounts):
            self.see(groups=tuple(chain.from_iterable(self._groups[account] for account in accounts)))
        self._join()

    # -- what a look brought (`okra.actors.sweep`) -----------------------------------------------------------------

    def read(self, key: str, reading: RouteReading) -> None:
        """A reading that is not newer than the newest tells nothing."""
        self._read_problems.pop(key, None)
        if reading.problem is not None:
            self._read_problems[key] = reading.problem
        if (old := self.obs.readings.get(key)) is not None and reading.began_at <= old.began_at:
            return
        if old is not None and old.arn != reading.arn:
            self.claims.forget(key)  # what was learned of the owner was of another rule
        self._discovery_problems = {
            account: {each: why for each, why in problems.items() if each != key}
            for account, problems in self._discovery_problems.items()
        }
        earlier = self._streaks.earlier(key, reading)
        previous = {**self.obs.previous, **({key: earlier} if earlier is not None else {})}
        self.see(readings={**self.obs.readings, key: reading}, previous=previous)

    def unread(self, key: str, problem: Problem) -> None:
        self._read_problems[key] = problem

    def saw_health(self, arn: str, reading: TargetHealth) -> None:
        if self._health_problem is not None and self._health_problem[0] == arn:
            self._health_problem = None
        kept = (*self.obs.health.get(arn, ()), reading)[-HEALTH_KEPT:]
        self.see(health={**self.obs.health, arn: kept})

    def health_refused(self, arn: str, problem: Problem) -> None:
        self._health_problem = arn, problem

    def saw_flows(self, arn: str, flows: float | None) -> None:
        known = {each: value for each, value in self.obs.active_flows.items() if each != arn}
        self.see(active_flows={**known, **({arn: flows} if flows is not None else {})})

    def swept(self, late: Problem | None) -> None:
        """A look at everything is over; `late`: not all of AWS answered in time."""
        if late is not None:
            self._read_problems[""] = late
        elif (old := self._read_problems.get("")) is not None and not old.fatal:
            del self._read_problems[""]
        self._join()
        self.see(swept_at=self.tick())

    # -- whose the routes are --------------------------------------------------------------------------------------

    async def claim(self, ref: RouteRef, arn: str) -> None:
        """Make the route ours, or see whose it is. Raises what may pass by itself."""
        try:
            await self.claims.claim(ref.key, ref, arn)
        finally:
            self._join()

    def may_write(self, key: str) -> bool:
        """Is the route surely ours at this moment?"""
        owned = self.claims.may_write(key)
        self._join()
        return owned

    async def claim_again(self, refs: Mapping[str, RouteRef]) -> None:
        """Ask anew whose the contested routes are, and for what was refused."""
        self.claims.refused()
        self._health_problem = None
        others = [key for key in self.claims.others if key in refs and key in self.obs.readings]
        await asyncio.gather(*(self.claims.read_again(key, refs[key], self.obs.readings[key].arn) for key in others))
        self._join()

    def contested(self) -> bool:
        """Does somebody else own one of the routes, by tag or by age, or was a claim or a look at health refused?"""
        return self.claims.contested() or self._health_problem is not None

    def ask_anew(self, keys: Collection[str]) -> None:
        """Whose these routes are is to be read again before anything is written."""
        self.claims.ask_anew(keys)
        self._join()

    def gave_up(self, keys: Collection[str]) -> None:
        """These routes are tagged as ours no more."""
        self.claims.gave_up(keys)
        self._join()

    # -- answers ---------------------------------------------------------------------------------------------------

    def wrote(self, key: str, write: Write) -> None:
        self.see(writes={**self.obs.writes, key: write})

    def judged(self, result: SeriesResult) -> None:
        self.see(results=(*self.obs.results, result)[-RESULTS_KEPT:])

    def missed(self, check: Problem | None) -> None:
        if self.obs.missing_check != check:
            self.see(missing_check=check)

    def requested(self, token: Token | None) -> None:
        self.see(requested=token)

    def told(self, commands: tuple[Command, ...], *, deleting: bool, moving: bool) -> None:
        if self._moving != moving:
            self._moving = moving
            self._join()
        if (self.obs.commands, self.obs.deleting) != (commands, deleting):
            self.see(commands=commands, deleting=deleting)

    def selected(self, selected: bool) -> None:
        if self.obs.unselected is selected:
            self.see(unselected=not selected)

    def gated(self, gate: WriteGate) -> bool:
        """May anything be written at this moment, and if not, when? False: it is not this process's to decide."""
        may_write = gate.may_write()
        opens_at = None if may_write else gate.opens_at()
        if (self.obs.may_write, self.obs.opens_at) != (may_write, opens_at):
            self.see(may_write=may_write, opens_at=opens_at)
        return opens_at != NEVER

    # -- joining ---------------------------------------------------------------------------------------------------

    def keep_routes(self, keys: Mapping[str, RouteRef]) -> None:
        """Forget what concerns routes, and accounts, that the Cell has no more."""
        accounts = {ref.account for ref in keys.values()}
        if self._discovery_problems.keys() - accounts:
            self._read_problems.pop("", None)
        self._groups = {each: groups for each, groups in self._groups.items() if each in accounts}
        self._discovery_problems = {each: why for each, why in self._discovery_problems.items() if each in accounts}
        self._read_problems = {key: why for key, why in self._read_problems.items() if not key or key in keys}
        self._streaks.keep(keys)
        for name in ("readings", "previous", "writes"):
            self.see(**{name: {key: each for key, each in getattr(self.obs, name).items() if key in keys}})
        self.claims.keep(keys)
        self._join()

    def _join(self) -> None:
        problems: dict[str, Problem] = {}
        for each in (*self._discovery_problems.values(), self.claims.problems, self._read_problems):
            problems.update(each)
        if self._health_problem is not None:
            problems[""] = self._health_problem[1]
        self.see(problems=problems, owners=self.claims.owners(moving=self._moving), settling=self.claims.settling())
