"""One look at everything that one Cell needs to know of AWS now, all at once: what came of it goes to its `Sight`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from okra.actors.discovery import problem_of
from okra.actors.sight import Sight
from okra.actors.wiring import Wiring
from okra.api.aws import region_of
from okra.api.records import is_record
from okra.errors import Fatal, NotFound, OkraError
from okra.ports import Account, RecordSetRef, RouteRef
from okra.rollout.observation import Problem, RouteReading, TargetGroup

SWEEP = 20.0
"""Seconds that one look at all routes and groups may take."""


class Sweep:
    def __init__(self, wiring: Wiring, sight: Sight) -> None:
        self._wiring, self._sight = wiring, sight

    async def look(
        self, refs: Collection[RouteRef], health: Collection[str], flows: Collection[TargetGroup], account: Account
    ) -> None:
        """Read all routes, whose they are, and the health of these groups. What fails leaves what was known, and a
        problem."""
        known, claims = self._sight.obs.readings, self._sight.claims
        checks = {arn: check for ref in refs if isinstance(ref, RecordSetRef) for arn, check in ref.checks.items()}
        late = None
        try:
            async with asyncio.timeout(SWEEP):
                await asyncio.gather(
                    self.routes(refs),
                    *(claims.read_again(ref.key, ref, known[ref.key].arn) for ref in refs if ref.key in known),
                    *(self._health(where(account, arn), arn, checks.get(arn, "")) for arn in sorted(health)),
                    *(self._flows(where(account, group.arn), group) for group in flows),
                )
        except TimeoutError:
            late = Problem("Unavailable", f"AWS didn't answer within {SWEEP:g} s.", fatal=False)
        self._sight.swept(late)

    async def routes(self, refs: Collection[RouteRef]) -> None:
        """Read these only."""
        asked_at = self._sight.tick()
        try:
            found: Mapping[RouteRef, RouteReading | OkraError] = await self._wiring.router.read(refs)
        except OkraError as error:
            found = dict.fromkeys(refs, error)
        for ref, each in found.items():
            if isinstance(each, OkraError):
                self._sight.unread(ref.key, problem_of(each))
            else:
                # No reading began before it was asked for; a coarse clock may say so.
                self._sight.read(ref.key, replace(each, began_at=max(each.began_at, asked_at)))

    async def _health(self, account: Account, arn: str, check: str) -> None:
        asked_at = self._sight.tick()
        try:
            reading = await self._wiring.inventory.health(account, arn, check)
        except Fatal as error:
            if isinstance(error, NotFound) and not is_record(arn):
                return  # deleted since: discovery will say so, but nobody does of a record's health check
            self._sight.health_refused(arn, problem_of(error))
        except OkraError:
            return  # a failed read is no evidence
        else:
            self._sight.saw_health(arn, replace(reading, began_at=max(reading.began_at, asked_at)))

    async def _flows(self, account: Account, group: TargetGroup) -> None:
        try:
            flows = await self._wiring.inventory.active_flows(account, group)
        except OkraError:
            flows = None
        self._sight.saw_flows(group.arn, flows)


def where(account: Account, arn: str) -> Account:
    """A Cell's routes may be in several regions; a group is asked about in its own."""
    return replace(account, region=region_of(arn))
