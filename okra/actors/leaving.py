"""A Cell gives up routes: it is deleted, an edit names others, or an older Cell of this installation wants them.

Its owner tag goes too, or nobody else could ever have the route. Only a tag that is still ours is removed
(`TrafficRouter.release`), so doing it again does no harm, and what got no answer is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from okra.actors.tries import Tries
from okra.errors import OkraError, Retryable, Unavailable
from okra.ports import RouteRef
from okra.rollout import late
from okra.rollout.policy import Policy, bare
from okra.rollout.state import State

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

log = structlog.get_logger("okra")

PATIENCE = 10.0
TRIES, PAUSE = 10, 1.0
"""How often, and for how many seconds in all, the actor of a Cell that is gone tries to remove its tags."""


class Leaving:
    def __init__(self, cell: CellActor) -> None:
        self._cell = cell
        self._said: dict[str, str] = {}
        """Route ARN → why its tag stays: an Event says it once, not with each try."""
        self._tries = Tries(cell.wiring.clock)
        """To leave former routes."""

    # -- former routes ---------------------------------------------------------------------------------------------

    def former(self, now: float) -> Mapping[str, str]:
        """An edit named other routes, and a decision made `now` would forget these (route → ARN)."""
        cell = self._cell
        if cell.record.state.moving or cell.spec.policy.problem or late.may_land(cell.record.state, now):
            return {}
        wanted = {route.key for route in cell.spec.policy.routes}
        return {route.key: route.arn for route in cell.record.state.routes if route.key not in wanted and route.arn}

    async def left(self, former: Mapping[str, str]) -> bool:
        """Their tags go before `status` forgets them. False: not yet; whatever is decided meanwhile must keep them."""
        if self._tries.wait > 0:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                await self._leave(former)
        except (Retryable, TimeoutError) as error:
            cause, (namespace, name) = str(error) or f"no answer within {PATIENCE:g} s", self._cell.key
            if self._tries.failed(cause):
                log.warning("RoutesNotLeft", kind=self._cell.kind.kind, namespace=namespace, name=name, error=cause)
            return False
        self._tries.succeeded()
        return True

    @property
    def wait(self) -> float:
        """Seconds until former routes may be tried again; 0: now, or there are none."""
        return self._tries.wait

    async def _leave(self, former: Mapping[str, str]) -> None:
        cell = self._cell
        if not self._open(former.values()):
            return
        kept = {await self._arn(ref) for key, ref in cell.spec.refs.items() if key not in former}
        for key, arn in former.items():
            if arn not in kept:  # the same route by another name stays ours
                await self._untag(cell.spec.refs[key], arn)

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

    # -- other ways to go ------------------------------------------------------------------------------------------

    async def make_way(self) -> None:
        """An older Cell of this installation names our route: our tag must not keep it out."""
        cell = self._cell
        for key in cell.sight.claims.rivalled:
            arn, ref = self._arns().get(key), cell.spec.refs.get(key)
            if arn and ref is not None and not cell.record.state.moving and cell.wiring.gate.may_write():
                try:
                    await self._untag(ref, arn)
                except Retryable:
                    continue  # the next AskAgain comes for as long as there is a rival
                cell.sight.gave_up((key,))

    async def all(self) -> None:
        """The Cell is deleted. Retryable: not yet."""
        if self._cell.wiring.gate.may_write():
            for key, arn in {**await self._made(), **self._arns()}.items():
                await self._untag(self._cell.spec.refs[key], arn)

    async def _made(self) -> dict[str, str]:
        """The rules that may have been made, and that nobody has seen since: the answer was lost."""
        unseen = [ref for key, ref in self._cell.spec.refs.items() if ref.conditions and key not in self._arns()]
        return {ref.key: arn for ref in unseen if (arn := await self._arn(ref))}

    async def last(self) -> None:
        """The Cell is gone, and soon its actor: as often as there is time for."""
        try:
            async with asyncio.timeout(PATIENCE):
                for _ in range(TRIES):
                    if await self._try_all():
                        return
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            namespace, name = self._cell.key
            log.warning("TagsNotRemoved", kind=self._cell.kind.kind, namespace=namespace, name=name)

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
        pinned = {route.key: route.arn for route in cell.record.state.routes if route.arn}
        return {key: arn for key, arn in {**read, **pinned}.items() if key in cell.spec.refs}

    async def _untag(self, ref: RouteRef, arn: str) -> None:
        try:
            await self._cell.wiring.router.release(ref, arn, self._cell.spec.policy.owner)
        except OkraError as error:
            again = isinstance(error, Retryable)
            then = "It is tried again." if again else "Remove it by hand where another Okra is to have the route."
            said = f"The owner tag stays on {arn}: {error} {then}"
            if self._said.get(arn) != said:
                self._said[arn] = said
                self._cell.say("TagNotRemoved", said, "Warning")
            if again:
                raise
        else:
            self._said.pop(arn, None)


def keeping(policy: Policy, state: State) -> Policy:
    """The policy with the routes of `state` in place of its own: those that it doesn't name select no group, so that
    they are watched, and put back, and nothing begins on them."""
    named = {route.key: route for route in policy.routes}
    routes = tuple(named.get(route.key, replace(bare(route.key), selects=_nothing)) for route in state.routes)
    return replace(policy, routes=routes)


def _nothing(_: Mapping[str, str]) -> bool:
    return False
