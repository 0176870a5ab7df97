"""How many calls Okra allows itself: at most half of what AWS gives an account and region, reverts first.

AWS limits the ELB API per account and region (reads: 40 at once, 10 a second; writes: 20 at once, 3 a second) and
everything else that runs there, the AWS Load Balancer Controller above all, draws from the same buckets. A revert that
waits behind somebody's discovery is an outage prolonged: some tokens are kept for urgent calls, which also go first.

Route 53 takes five calls a second of an account, reads and writes together, from everywhere in the world.

EKS has limits of its own, of which AWS publishes no figures, and nodes that join a cluster may need DescribeCluster to
start: Okra, which can wait, takes little of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from okra.errors import Throttled


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket's figures: it holds `burst`, gains `per_second`; the last `reserved` are for urgent calls."""

    per_second: float
    burst: float
    reserved: float


READ_RATE = Rate(per_second=5.0, burst=20.0, reserved=4.0)
WRITE_RATE = Rate(per_second=1.5, burst=10.0, reserved=4.0)
CLUSTER_RATE = Rate(per_second=4.0, burst=16.0, reserved=0.0)
RECORD_READ_RATE = Rate(per_second=1.75, burst=5.0, reserved=1.0)
RECORD_WRITE_RATE = Rate(per_second=0.75, burst=3.0, reserved=1.0)
"""Together half of Route 53's limit."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What Okra allows itself in one account and region. The default is half of AWS's limits."""

    reads: Rate = READ_RATE
    writes: Rate = WRITE_RATE
    clusters: Rate = CLUSTER_RATE
    """Reads of EKS."""
    record_reads: Rate = RECORD_READ_RATE
    record_writes: Rate = RECORD_WRITE_RATE
    """Of Route 53."""

    @property
    def of_clusters(self) -> Rates:
        """For a budget of EKS's own."""
        return replace(self, reads=self.clusters)

    @property
    def of_records(self) -> Rates:
        """For a budget of Route 53's own."""
        return replace(self, reads=self.record_reads, writes=self.record_writes)

    @classmethod
    def share(cls, of_the_limits: float) -> Rates:
        """Another share than 0.5 of AWS's limits: 1.0 where nothing else uses the account, more for a double."""
        factor = of_the_limits / 0.5
        rates = (READ_RATE, WRITE_RATE, CLUSTER_RATE, RECORD_READ_RATE, RECORD_WRITE_RATE)
        return cls(*(_scaled(rate, factor) for rate in rates))


def _scaled(rate: Rate, factor: float) -> Rate:
    return Rate(rate.per_second * factor, rate.burst * factor, rate.reserved * factor)


@dataclass(slots=True)
class TokenBucket:
    """Pure: time is an argument, in seconds of any monotonic clock."""

    rate: Rate
    tokens: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> TokenBucket:
        return cls(rate, rate.burst, now)

    def take(self, now: float, *, urgent: bool = False) -> bool:
        """Take one token if there is one for such a call."""
        if self.wait(now, urgent=urgent) > 0:
            return False
        self.tokens -= 1
        return True

    def wait(self, now: float, *, urgent: bool = False, ahead: int = 0) -> float:
        """Seconds until a call could be made, with `ahead` others before it."""
        self._refill(now)
        floor = 0.0 if urgent else self.rate.reserved
        missing = floor + 1 + ahead - self.tokens
        # A token that is short by a rounding error of the refill is a token: else a waiter would spin on tiny waits.
        return 0.0 if missing <= _ROUNDING else missing / self.rate.per_second

    def spend(self, now: float, tokens: int) -> None:
        """Account for calls that were made without asking (the SDK's retries). May go below zero."""
        self._refill(now)
        self.tokens -= tokens

    def exhaust(self, now: float) -> None:
        """AWS said that the shared limit is used up, by whomever: only urgent calls go on at once."""
        self._refill(now)
        self.tokens = min(self.tokens, self.rate.reserved)

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.rate.per_second
        self.tokens = min(self.rate.burst, self.tokens + gained)
        self.at = max(self.at, now)


_ROUNDING = 1e-9


@dataclass(slots=True)
class _Queue:
    """One bucket and who waits for it. Urgent calls are served before all others, else first come, first served."""

    bucket: TokenBucket
    urgent: deque[asyncio.Future[None]] = field(default_factory=deque)
    ordinary: deque[asyncio.Future[None]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None


class Budget:
    """The budget of one API in an account and region. `clock` is monotonic seconds; the event loop's own by default."""

    def __init__(self, rates: Rates | None = None, *, clock: Callable[[], float] | None = None) -> None:
        rates = rates or Rates()
        self._clock = clock or asyncio.get_running_loop().time
        now = self._clock()
        self._reads = _Queue(TokenBucket.full(rates.reads, now))
        self._writes = _Queue(TokenBucket.full(rates.writes, now))

    async def acquire(self, *, mutating: bool, urgent: bool, within: float) -> None:
        """Wait for the right to make one call. Throttled, at once, when that would take longer than `within` s."""
        queue = self._queue(mutating)
        now = self._clock()
        waiting = queue.urgent if urgent else queue.ordinary
        if not waiting and not queue.urgent and queue.bucket.take(now, urgent=urgent):
            return
        wait = self._estimate(queue, urgent=urgent)
        if wait > within:
            kind = "write" if mutating else "read"
            raise Throttled(
                f"Okra's share of AWS's rate limit is used up: a {kind} would wait {wait:.1f} s now; it is tried again"
            )
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(granted)
        self._serve(queue)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                queue.bucket.tokens += 1  # granted in the same moment: the next in line gets it
            elif granted in waiting:
                waiting.remove(granted)
            self._serve(queue)
            raise

    def wait_estimate(self, *, mutating: bool = False) -> float:
        """Seconds an ordinary call would wait now. Above zero the budget is short: a poll may stretch its interval."""
        return self._estimate(self._queue(mutating), urgent=False)

    def spend(self, *, mutating: bool, calls: int) -> None:
        """Account for calls that AWS saw beyond the one acquired: the SDK's retries."""
        self._queue(mutating).bucket.spend(self._clock(), calls)

    def exhaust(self, *, mutating: bool) -> None:
        """AWS throttled a call: give way to whoever else works in this account."""
        self._queue(mutating).bucket.exhaust(self._clock())

    def close(self) -> None:
        """Stop the timers. Whoever still waits is cancelled by its own owner."""
        for queue in (self._reads, self._writes):
            if queue.timer is not None:
                queue.timer.cancel()
                queue.timer = None

    def _queue(self, mutating: bool) -> _Queue:
        return self._writes if mutating else self._reads

    def _estimate(self, queue: _Queue, *, urgent: bool) -> float:
        ahead = len(queue.urgent) if urgent else len(queue.urgent) + len(queue.ordinary)
        return queue.bucket.wait(self._clock(), urgent=urgent, ahead=ahead)

    def _serve(self, queue: _Queue) -> None:
        """Grant what the bucket allows, then sleep until the next token that somebody waits for."""
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        for waiting, urgent in ((queue.urgent, True), (queue.ordinary, False)):
            while waiting:
                wait = queue.bucket.wait(self._clock(), urgent=urgent)
                if wait > 0:
                    queue.timer = asyncio.get_running_loop().call_later(wait, self._serve, queue)
                    return
                granted = waiting.popleft()
                if not granted.done():
                    queue.bucket.take(self._clock(), urgent=urgent)
                    granted.set_result(None)
