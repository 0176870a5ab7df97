"""A Cell gives up routes: it is deleted, an edit names others, or an older Cell of this installation wants them.

Its owner tag goes too, or nobody else could ever have the route. Only a tag that is still ours is removed
(`TrafficRouter.release`), so doing it again does no harm, and what got no answer is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

import structlog

from okra.errors import OkraError, Retryable, Unavailable
from okra.ports import RouteRef
from okra.rollout import late

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

log = structlog.get_logger("okra")

PATIENCE = 10.0
TRIES, PAUSE = 10, 1.0
"""How often, and for how many seconds in all, the actor of a Cell that is gone tries to remove its tags."""


class Leaving:
    def __init__(self, cell: CellActor) -> None:
        self._cell = cell

    async def left(self) -> None:
        """An edit named other routes: the tags of the old ones go before `status` forgets them. Retryable: not yet."""
        cell = self._cell
        wanted = {route.key for route in cell.policy.routes}
        old = {route.key: route.arn for route in cell.state.routes if route.key not in wanted and route.arn}
        if not old or cell.state.moving or cell.policy.problem or late.may_land(cell.state, cell.wiring.clock.now()):
            return
        if not self._open(old.values()):
            return
        kept = {await self._arn(ref) for key, ref in cell.refs.items() if key in wanted}
        for key, arn in old.items():
            if arn not in kept:  # the same route by another name stays ours
                await self._untag(cell.refs[key], arn)

    def _open(self, arns: Collection[str]) -> bool:
        """May tags be removed? False, and said, where this Okra only looks."""
        gate = self._cell.wiring.gate
        if gate.may_write():
            return True
        if gate.opens_at() is not None:
            raise Unavailable("The tags of the former routes are removed once something may be written.")
        said = f"The owner tag stays on {', '.join(arns)}: this Okra only looks. Remove it by hand."
        self._cell.say("TagNotRemoved", said, "Warning")
        return False

    async def _arn(self, ref: RouteRef) -> str:
        """What a route is called in AWS. Empty if it can't be had: then it isn't the one that is left."""
        if ref.priority is None:
            return ref.rule_arn or ref.listener_arn
        known = self._cell.sight.obs.readings.get(ref.key)
        found = known or (await self._cell.wiring.router.read([ref]))[ref]
        if isinstance(found, Retryable):
            raise found
        return "" if isinstance(found, OkraError) else found.arn

    async def make_way(self) -> None:
        """An older Cell of this installation names our route: our tag must not keep it out."""
        cell = self._cell
        for key in cell.sight.claims.rivalled:
            arn, ref = self._arns().get(key), cell.refs.get(key)
            if arn and ref is not None and not cell.state.moving and cell.wiring.gate.may_write():
                await self._untag(ref, arn)
                cell.sight.gave_up((key,))

    async def all(self) -> None:
        """The Cell is deleted. Retryable: not yet."""
        if self._cell.wiring.gate.may_write():
            for key, arn in self._arns().items():
                await self._untag(self._cell.refs[key], arn)

    async def last(self) -> None:
        """The Cell is gone, and soon its actor: as often as there is time for."""
        try:
            async with asyncio.timeout(PATIENCE):
                for _ in range(TRIES):
                    if await self._try_all():
                        return
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            log.warning("TagsNotRemoved", kind="Cell", namespace=self._cell.key[0], name=self._cell.key[1])

    async def _try_all(self) -> bool:
        try:
            await self.all()
        except Retryable:
            return False
        return True

    def _arns(self) -> dict[str, str]:
        """Of all routes, as far as known: pinned in status, or as read."""
        cell = self._cell
        read = {key: reading.arn for key, reading in cell.sight.obs.readings.items()}
        pinned = {route.key: route.arn for route in cell.state.routes if route.arn}
        return {key: arn for key, arn in {**read, **pinned}.items() if key in cell.refs}

    async def _untag(self, ref: RouteRef, arn: str) -> None:
        try:
            await self._cell.wiring.router.release(ref, arn, self._cell.policy.owner)
        except OkraError as error:
            again = isinstance(error, Retryable)
            then = "It is tried again." if again else "Remove it by hand where another Okra is to have the route."
            self._cell.say("TagNotRemoved", f"The owner tag stays on {arn}: {error} {then}", "Warning")
            if again:
                raise
