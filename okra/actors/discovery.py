"""Discovery: AWS is listed once per account and region, for all Cells; each is told what concerns it (DESIGN §3).

Cost doesn't grow with the number of Cells that look at the same groups and listeners; and a Cell is told only of the
groups that have its labels, so that a thousand Cells don't each search all groups.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import structlog

from okra.actors.messages import Discovered, Forget, Key, Subscribe, Unsubscribe
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.messages import Level
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.supervisor import Supervisor
from okra.actors.wiring import Wiring
from okra.errors import Fatal, OkraError, Retryable
from okra.ports import Account, RouteRef
from okra.rollout.observation import Problem, RouteReading, TargetGroup

log = structlog.get_logger("okra")

GATHER = 0.02
"""Seconds to wait after a subscription, so that Cells that come together are served by one listing."""
LEAST_BETWEEN = 0.5
"""Seconds between two listings at least, however many Cells come one after the other."""
TURN = 50
"""Cells told in a row before others have the event loop."""


def problem_of(error: OkraError) -> Problem:
    return Problem(error.reason, str(error), isinstance(error, Fatal))


class Discoveries(Actor[Subscribe | Unsubscribe | Forget]):
    """Starts one Discovery per account and region on first need, and stops it when nobody needs it."""

    def __init__(self, wiring: Wiring, subscribed: dict[Key, Subscribe] | None = None) -> None:
        """`subscribed`: who is to be told of what. It outlives this actor, for nobody subscribes a second time."""
        self._wiring = wiring
        self._subscribed = {} if subscribed is None else subscribed
        self._accounts: dict[Key, set[Account]] = {}

    async def started(self) -> None:
        self._discoveries = self.own(Supervisor())
        for known in self._subscribed.values():
            self._spread(known)

    async def receive(self, message: Subscribe | Unsubscribe | Forget) -> None:
        if isinstance(message, Forget):
            for account in self._accounts.get(message.key, ()):
                self._of(account).tell(message)
            return
        if isinstance(message, Subscribe):
            self._subscribed[message.key] = message
        else:
            self._subscribed.pop(message.key, None)
        for account in self._spread(message):
            if not any(account in needed for needed in self._accounts.values()):
                await self._discoveries.stop_child(name_of(account))
                self._wiring.readiness.asked(name_of(account), "")

    def _spread(self, message: Subscribe | Unsubscribe) -> set[Account]:
        """Tell the Discovery of each account that this concerns. Returns those that it doesn't any more, told too."""
        accounts = {ref.account for ref in message.refs} if isinstance(message, Subscribe) else set()
        left = self._accounts.pop(message.key, set()) - accounts
        for account in left:
            self._of(account).tell(Unsubscribe(message.key))
        if isinstance(message, Subscribe):
            self._accounts[message.key] = accounts
            for account in accounts:
                self._of(account).tell(_within(message, account))
        return left

    def _of(self, account: Account) -> ActorRef[Any]:
        return self._discoveries.start_child(ChildSpec(name_of(account), partial(self._make, account)))

    def _make(self, account: Account) -> Discovery:
        return Discovery(self._wiring, account, self._concerning(account))

    def _concerning(self, account: Account) -> list[Subscribe]:
        """For a Discovery that is started again."""
        found = (_within(each, account) for each in self._subscribed.values())
        return [each for each in found if each.refs]


def _within(message: Subscribe, account: Account) -> Subscribe:
    """As far as it concerns one account."""
    return replace(message, refs=tuple(ref for ref in message.refs if ref.account == account))


def name_of(account: Account) -> str:
    """Of its actor, and different for any other account. The external id is half a secret: only its hash is shown."""
    external = hashlib.sha256(account.external_id.encode()).hexdigest()[:8] if account.external_id else ""
    return " ".join(part for part in (account.region or "default", account.role_arn, external) if part)


@dataclass(frozen=True, slots=True)
class Poll(Level):
    """List now."""


@dataclass(frozen=True, slots=True)
class Polled:
    """One listing: the groups (or why not), and each route's reading (or why not)."""

    groups: tuple[TargetGroup, ...] | OkraError
    routes: Mapping[RouteRef, RouteReading | OkraError]
    listed: frozenset[str]
    """The groups that were asked for by ARN."""

    def answers(self, cell: Subscribe) -> bool:
        """All that the Cell asks for; it may have come, or changed, while the listing ran."""
        return cell.listed <= self.listed and all(ref in self.routes for ref in cell.refs)


class Discovery(Actor[Subscribe | Unsubscribe | Forget | Poll | Polled]):
    """One account and region."""

    def __init__(self, wiring: Wiring, account: Account, subscribed: Iterable[Subscribe] = ()) -> None:
        self._wiring, self._account = wiring, account
        self._cells = {each.key: each for each in subscribed}
        self._told: dict[Key, object] = {}
        self._polling = False
        self._polled_at = -LEAST_BETWEEN

    async def started(self) -> None:
        if self._cells:
            self._poll_in(GATHER)

    async def receive(self, message: Subscribe | Unsubscribe | Forget | Poll | Polled) -> None:
        match message:
            case Subscribe():
                self._cells[message.key] = message
                self._told.pop(message.key, None)
                self._poll_in(GATHER)
            case Unsubscribe():
                self._cells.pop(message.key, None)
                self._told.pop(message.key, None)
            case Forget(key=key):
                if key in self._told:
                    self._told[key] = None
            case Poll():
                if not self._polling:
                    self._polling = True
                    self.run(self._poll(), done=lambda polled: polled)
            case Polled():
                self._polling = False
                self._say(message.groups)
                await self._tell(message)
                waits = self._wiring.wait_estimate(self._account)
                self._poll_in(GATHER if self._untold() else self._wiring.defaults.discovery_interval + waits)

    def _untold(self) -> bool:
        return any(key not in self._told for key in self._cells)

    def _poll_in(self, seconds: float) -> None:
        since = self.monotonic() - self._polled_at
        self.timers.after("poll", max(seconds, LEAST_BETWEEN - since), Poll())

    async def _poll(self) -> Polled:
        self._polled_at = self.monotonic()
        refs = {ref for cell in self._cells.values() for ref in cell.refs}
        listed = frozenset(chain.from_iterable(cell.listed for cell in self._cells.values()))
        groups: tuple[TargetGroup, ...] | OkraError
        routes: Mapping[RouteRef, RouteReading | OkraError]
        try:
            groups = tuple(await self._wiring.inventory.target_groups(self._account, listed))
        except OkraError as error:
            groups = error
        try:
            routes = await self._wiring.router.read(refs) if refs else {}
        except OkraError as error:
            routes = dict.fromkeys(refs, error)
        return Polled(groups, routes, listed)

    def _say(self, groups: tuple[TargetGroup, ...] | OkraError) -> None:
        """Each cause once, for who looks into the log first. What passes by itself changes nothing."""
        if isinstance(groups, Retryable):
            return
        account, refusal = name_of(self._account), str(groups) if isinstance(groups, OkraError) else ""
        if not self._wiring.readiness.asked(account, refusal):
            return
        if refusal:
            log.warning("DiscoveryFails", account=account, error=refusal)
        else:
            log.info("DiscoveryWorks", account=account)

    async def _tell(self, polled: Polled) -> None:
        rivals = self._rivals(polled)
        await asyncio.sleep(0)
        groups = None if isinstance(polled.groups, OkraError) else GroupIndex(polled.groups)
        await asyncio.sleep(0)
        for number, (key, cell) in enumerate(tuple(self._cells.items())):
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)
            if not polled.answers(cell):
                continue
            message = self._for(cell, polled, groups, rivals)
            sign = _sign(message)
            if self._told.get(key) != sign and cell.cell.tell(message):
                self._told[key] = sign

    def _for(
        self, cell: Subscribe, polled: Polled, groups: GroupIndex | None, rivals: Mapping[str, Subscribe]
    ) -> Discovered:
        found = {ref.key: polled.routes[ref] for ref in cell.refs}
        problems = {key: problem_of(each) for key, each in found.items() if isinstance(each, OkraError)}
        readings = {key: each for key, each in found.items() if isinstance(each, RouteReading)}
        if isinstance(polled.groups, OkraError):
            problems[""] = problem_of(polled.groups)
        owners = {
            key: rivals[reading.arn].owner for key, reading in readings.items() if rivals[reading.arn].key != cell.key
        }
        concerned = None if groups is None else groups.concerning(cell)
        return Discovered(self._account, concerned, readings, problems, owners)

    def _rivals(self, polled: Polled) -> dict[str, Subscribe]:
        """Route ARN → the Cell that it belongs to: the oldest of those that name it, by whatever name."""
        first: dict[str, Subscribe] = {}
        for cell in sorted(self._cells.values(), key=lambda cell: (cell.created, cell.key)):
            for ref in cell.refs:
                reading = polled.routes.get(ref)
                if isinstance(reading, RouteReading):
                    first.setdefault(reading.arn, cell)
        return first


def _sign(message: Discovered) -> object:
    """What a Cell must be told again about: all but the times of the reads."""
    readings = {
        key: (r.arn, r.action, dict(r.weights), r.sticky, r.differs, r.problem) for key, r in message.readings.items()
    }
    return message.groups, readings, dict(message.problems), dict(message.owners)


class GroupIndex:
    """The groups by tag, and by ARN."""

    def __init__(self, groups: tuple[TargetGroup, ...]) -> None:
        self._all = groups
        self._by_arn = {group.arn: group for group in groups}
        self._by_tag: dict[tuple[str, str], list[TargetGroup]] = {}
        for group in groups:
            for tag in group.tags.items():
                self._by_tag.setdefault(tag, []).append(group)

    def concerning(self, cell: Subscribe) -> tuple[TargetGroup, ...]:
        """The groups that have all tags of one of the Cell's maps, and those that it lists; all if a map is empty, or
        it says neither."""
        if not all(cell.labels) or not (cell.labels or cell.listed):
            return self._all
        found = {arn: self._by_arn[arn] for arn in cell.listed if arn in self._by_arn}
        for wanted in cell.labels:
            fewest = min((self._by_tag.get(tag, []) for tag in wanted.items()), key=len)
            found.update((each.arn, each) for each in fewest if wanted.items() <= each.tags.items())
        return tuple(found.values())
