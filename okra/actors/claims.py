"""Whose the routes of one Cell are, as this process knows it: nobody writes to a route that isn't surely its own.

AWS has no condition on tags: of two that claim a route at the same moment both write the owner tag, the later one wins,
and the earlier one may have read its own in between. So a claim counts only when it has *settled*: a read that began
`claim_settle` seconds after the tag was first read as ours still shows it. This is Fischer's mutual exclusion (Lamport,
"A Fast Mutual Exclusion Algorithm", 1987). Let C = 2 s be the age that a reading of "nobody's" has at most when the tag
is sent on it, W = 5 s the time within which a tag lands or never does (both kept by `okra.aws`), and E = 3 s how stale
a read may be. `claim_settle` is C + W + 2E = 13 s. Say that A's tag landed at t.

- B, who reads after t + E, sees A's tag or a later one, and doesn't write its own.
- B, who read before, has sent its tag before t + E + C if at all, and it landed before t + E + C + W. The read that
  settles A's claim began after t + C + W + 2E and shows what was there E before or later: B's tag. A doesn't settle.

So when a claim settles no other one is on its way, and at most one ever does; `tests/actors/test_claims_interleaved.py`
tries every order. What this can't exclude, since AWS has no fencing token, is a process that stood still between its
read and its tag for longer than C, a person who sets the tag, and a process that was killed while a second claim of a
route that it had written before settled. Therefore the tag is read again with each look at the routes, and nothing is
raised on a reading older than `OWNED_FOR`: whoever lost the route stops within one poll.

A reading counts from when its request was sent. It may have been asked for long before: it waits for the rate budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from okra.actors.discovery import problem_of
from okra.actors.wiring import Wiring
from okra.errors import OkraError, Retryable, Unavailable
from okra.ports import OwnerReading, RouteRef
from okra.rollout.observation import Problem

Answer = TypeVar("Answer")

OWNED_FOR = 10.0
"""Seconds for which a reading of the owner tag allows writes: as long as `status` may take to be written before."""
ANSWER = 20.0
"""Seconds that one question may take: verdicts and a failing canary wait behind it. A tag may land all the same."""


@dataclass(frozen=True, slots=True)
class _Tag:
    owner: str
    since: float
    """From when on each read showed this owner. Monotonic, as all times here: what a clock says may jump."""
    read_at: float
    settled: bool
    known: bool = True
    """False: it has to be read again before it means anything."""


NOBODY = _Tag("", since=0.0, read_at=0.0, settled=False, known=False)


class Claims:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._tags: dict[str, _Tag] = {}
        self._rivals: dict[str, str] = {}
        self._problems: dict[str, Problem] = {}
        self._written: frozenset[str] = frozenset()
        self.own = ""

    # -- what is known ---------------------------------------------------------------------------------------------

    def owners(self, *, moving: bool) -> Mapping[str, str]:
        """Route → whose it is. One that an older Cell names is that Cell's, but only once what moves there, on a tag
        that is ours, went back."""
        tags = {key: tag.owner for key, tag in self._tags.items() if tag.known}
        yields = {key: owner for key, owner in self._rivals.items() if not (moving and tags.get(key) == self.own)}
        return {**tags, **yields}

    def settling(self) -> Mapping[str, float]:
        """Route → epoch seconds when its claim may have settled, and is to be read again."""
        now, ends = self._wiring.clock.now(), self._wiring.clock.monotonic() - self._wiring.defaults.claim_settle
        return {
            key: now + max(0.0, tag.since - ends)
            for key, tag in self._tags.items()
            if tag.known and tag.owner == self.own and not tag.settled
        }

    def may_write(self, key: str) -> bool:
        """Was the route surely ours just now? If that was too long ago, it is read again."""
        tag = self._tags.get(key)
        if tag is None or not tag.known or tag.owner != self.own or not tag.settled:
            return False
        if self._wiring.clock.monotonic() - tag.read_at <= OWNED_FOR:
            return True
        self.ask_anew((key,))
        return False

    def contested(self) -> bool:
        """Is one of the routes another's, by tag or by age, or was a claim refused?"""
        return bool(self.others or self._rivals or self._problems)

    @property
    def others(self) -> Collection[str]:
        """Routes that are tagged as somebody else's."""
        return tuple(key for key, tag in self._tags.items() if tag.known and tag.owner != self.own)

    @property
    def problems(self) -> Mapping[str, Problem]:
        return self._problems

    # -- what is learned -------------------------------------------------------------------------------------------

    def wrote_before(self, keys: Collection[str]) -> None:
        """Routes that this Cell has written: a tag of ours that is found there was settled by an earlier process."""
        self._written = frozenset(keys)

    def rivals(self, looked_at: Collection[str], owners: Mapping[str, str]) -> None:
        """Of these routes, those that an older Cell of this installation names too, and its owner tag."""
        self._rivals = {**{k: owner for k, owner in self._rivals.items() if k not in looked_at}, **owners}

    @property
    def rivalled(self) -> Collection[str]:
        return tuple(self._rivals)

    async def claim(self, key: str, ref: RouteRef, arn: str) -> None:
        """Tag the route as ours unless it has an owner; where nothing may be written, see whose it is.

        Raises what may pass by itself; the rest is a problem.
        """
        router, writes = self._wiring.router, self._wiring.gate.may_write()
        try:
            if key in self._tags or key in self._written or not writes:
                self._read(key, await _in_time(router.owner(ref, arn)))
            if writes and not self._tags.get(key, NOBODY).owner:
                owner = await _in_time(router.claim(ref, arn, self.own))
                # a stale read shows no tag yet
                self._saw(key, owner or self.own, self._wiring.clock.monotonic(), claimed=True)
        except OkraError as error:
            self._problems[key] = problem_of(error)
            if isinstance(error, Retryable):
                raise
        else:
            self._problems.pop(key, None)

    async def read_again(self, key: str, ref: RouteRef, arn: str) -> None:
        """With a look at the routes: is it still ours? Without an answer nobody knows."""
        if key not in self._tags:
            return
        try:
            reading = await self._wiring.router.owner(ref, arn)
        except OkraError as error:
            self.ask_anew((key,))
            self._problems[key] = problem_of(error)
        else:
            self._read(key, reading)
            if reading.owner:
                self._problems.pop(key, None)  # nobody's, it would say nothing about a claim that was refused

    def _read(self, key: str, reading: OwnerReading) -> None:
        self._saw(key, reading.owner, reading.sent_at)

    def _saw(self, key: str, owner: str, read_at: float, *, claimed: bool = False) -> None:
        before = self._tags.get(key)
        if before is not None and before.owner == owner and not claimed:
            since, settled = before.since, before.settled
        else:
            since, settled = read_at, before is None and key in self._written and not claimed
        settled = settled or read_at >= since + self._wiring.defaults.claim_settle
        self._tags[key] = _Tag(owner, since, read_at, settled)

    # -- what is forgotten -----------------------------------------------------------------------------------------

    def refused(self) -> None:
        """Ask anew for what was refused."""
        self._problems.clear()

    def ask_anew(self, keys: Collection[str]) -> None:
        """What was ours is to be read again. What is another's stays that: who doesn't know better writes nothing."""
        for key in keys:
            if (tag := self._tags.get(key)) is not None and tag.owner == self.own:
                self._tags[key] = replace(tag, known=False)

    def gave_up(self, keys: Collection[str]) -> None:
        """Our tags were removed."""
        for key in self._tags.keys() & keys:
            self._tags[key] = NOBODY

    def forget(self, key: str) -> None:
        """The route is another than before."""
        self._tags.pop(key, None)
        self._problems.pop(key, None)

    def keep(self, keys: Collection[str]) -> None:
        """Forget the other routes."""
        self._tags = {key: tag for key, tag in self._tags.items() if key in keys}
        self._problems = {key: problem for key, problem in self._problems.items() if key in keys}
        self._rivals = {key: owner for key, owner in self._rivals.items() if key in keys}


async def _in_time(question: Awaitable[Answer]) -> Answer:
    try:
        async with asyncio.timeout(ANSWER):
            return await question
    except TimeoutError as error:
        raise Unavailable(f"AWS didn't say within {ANSWER:g} s whose the route is.") from error
