"""Two installations claim one route: every order of their reads and writes, in a world of small whole numbers.

Nothing here is sampled. Each question of chance (how long a call takes, when a tag lands, whether its answer is lost,
whether a read is stale) goes to a `Chooser`, which is asked again until every combination of answers was given. One
claimer acts at whole seconds, the other half a second later, so no two things happen at the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from okra.actors.claims import Claims
from okra.actors.wiring import AlwaysOpen
from okra.api.defaults import Defaults
from okra.aws import owners
from okra.aws.calls import Answer
from okra.aws.iam import OWNER_TAG
from okra.aws.operations import ADD_TAGS, Operation
from okra.aws.owners import Owners
from okra.errors import Retryable, Unavailable
from okra.ports import Account, OwnerReading, RouteRef
from okra.testing.clock import FakeClock

pytestmark = pytest.mark.looptime

WITHIN, LANDS, STALE = 1, 2, 1
"""Seconds: how old a reading may be that a tag is sent on; until when it has landed; how old is what a read shows."""
SETTLE = WITHIN + LANDS + 2 * STALE
READS = 1
"""Seconds that the answer of a read is under way at most."""
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/1/2"


@dataclass
class Chooser:
    """Answers as in `path`, and 0 beyond it."""

    path: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    """How many answers each question had."""

    def __call__(self, answers: int) -> int:
        self.asked.append(answers)
        if len(self.asked) > len(self.path):
            self.path.append(0)
        return self.path[len(self.asked) - 1]

    def next(self) -> Chooser | None:
        """The next combination; None after the last."""
        path = self.path[: len(self.asked)]
        while path and path[-1] + 1 == self.asked[len(path) - 1]:
            path.pop()
        return Chooser([*path[:-1], path[-1] + 1]) if path else None


async def every(world: Callable[[Chooser], Awaitable[bool]]) -> int | None:
    """Run it with every combination of answers while it says True: how many there were. None: it said False."""
    chooser: Chooser | None = Chooser()
    count = 0
    while chooser is not None:
        if not await world(chooser):
            return None
        chooser, count = chooser.next(), count + 1
    return count


class Tag:
    """The one tag in AWS, behind calls that take their time. Plays `okra.aws.calls.Calls`."""

    def __init__(self, choose: Chooser, clock: FakeClock) -> None:
        self._chance, self._clock = choose, clock
        self.certain = False
        """Nothing is left to chance."""
        self._values = [(float("-inf"), "")]

    def _choose(self, answers: int) -> int:
        return 0 if self.certain else self._chance(answers)

    def age(self, sent_at: float) -> float:
        return self._clock.monotonic() - sent_at

    async def call(self, account: Account, operation: Operation, **parameters: Any) -> Answer:
        began_at, sent_at = self._clock.now(), self._clock.monotonic()
        if operation is ADD_TAGS:
            await asyncio.sleep(self._choose(LANDS + 1))
            self._values.append((self._clock.now(), parameters["Tags"][0]["Value"]))
            if self._choose(2):
                raise Unavailable("the answer is lost")
            return Answer({}, began_at, sent_at)
        owner = self._shown()
        await asyncio.sleep(self._choose(READS + 1))
        tags = [{"Key": OWNER_TAG, "Value": owner}] if owner else []
        return Answer({"TagDescriptions": [{"ResourceArn": ARN, "Tags": tags}]}, began_at, sent_at)

    def _shown(self) -> str:
        """What it is, or was not longer ago than a read is stale."""
        now = self._clock.now()
        recent = [owner for at, owner in self._values if at > now - STALE]
        before = [owner for at, owner in self._values if at <= now - STALE][-1]
        possible = list(dict.fromkeys([*recent[::-1], before]))
        return possible[self._choose(len(possible))] if len(possible) > 1 else possible[0]

    def now(self) -> str:
        return self._values[-1][1]


class Router:
    """The real owner tags of `okra.aws`, as the part of a TrafficRouter that a claim needs."""

    def __init__(self, tag: Tag) -> None:
        self._owners = Owners(tag)  # type: ignore[arg-type]

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self._owners.owner(ref.account, arn)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        return await self._owners.claim(ref.account, arn, owner)


class Claimer:
    """One installation's Cell."""

    def __init__(self, name: str, tag: Tag, clock: FakeClock, settle: float) -> None:
        defaults = Defaults(claim_settle=settle)
        wiring: Any = SimpleNamespace(router=Router(tag), gate=AlwaysOpen(), clock=clock, defaults=defaults)
        self.name, self._clock, self._claims = name, clock, Claims(wiring)
        self._claims.own = name
        self._ref = RouteRef(Account("us-east-1"), ARN)

    async def may_write(self, start: float = 0.0) -> bool:
        """Claims until the route is surely its own, or seems another's."""
        key = self._ref.key
        await asyncio.sleep(start)
        await self._claims.read_again(key, self._ref, ARN)
        while True:
            try:
                await self._claims.claim(key, self._ref, ARN)
            except Retryable:
                await asyncio.sleep(1)
                continue
            owner = self._claims.owners(moving=False).get(key, "")
            if owner not in ("", self.name):
                return False
            if self._claims.may_write(key):
                return True
            if until := self._claims.settling().get(key):
                await asyncio.sleep(until - self._clock.now())


@dataclass
class Race:
    one: Claimer
    two: Claimer
    tag: Tag

    async def run(self, later: int) -> tuple[bool, bool]:
        """Who may write, by what each knows, when the second begins so many seconds `later`, and a half."""
        return await asyncio.gather(self.one.may_write(), self.two.may_write(start=0.5 + later))

    async def afterwards(self) -> list[str]:
        """Who may write once nothing is late, lost or stale any more."""
        await asyncio.sleep(LANDS + STALE)
        self.tag.certain = True
        return [claimer.name for claimer in (self.one, self.two) if await claimer.may_write()]


def race(choose: Chooser, settle: int) -> Race:
    clock = FakeClock()
    tag = Tag(choose, clock)
    return Race(Claimer("one", tag, clock, settle), Claimer("two", tag, clock, settle), tag)


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "CLAIM_WITHIN", float(WITHIN))


@pytest.mark.parametrize("later", range(SETTLE + 4))
async def test_in_no_order_do_two_claimers_both_write_and_in_the_end_one_does(later: int) -> None:
    async def world(choose: Chooser) -> bool:
        both = race(choose, SETTLE)
        one, two = await both.run(later)
        truth = both.tag.now()
        assert (one, two) in ((False, False), (truth == "one", truth == "two")), choose.path
        assert await both.afterwards() == [truth], choose.path
        return True

    orders = await every(world)
    assert orders is not None
    assert orders > 100


async def test_a_second_less_than_the_bounds_together_would_let_both_write() -> None:
    """The wait is no longer than it must be, and the search finds what is wrong."""

    async def at_most_one(choose: Chooser) -> bool:
        return not all(await race(choose, SETTLE - 1).run(later=choose(SETTLE + 3)))

    assert await every(at_most_one) is None
