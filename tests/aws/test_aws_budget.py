"""The budget: at most half of AWS's limits, reverts first, nobody forgotten. All on a virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from okra.aws.budget import CLUSTER_RATE, READ_RATE, WRITE_RATE, Budget, Rate, Rates, TokenBucket
from okra.errors import Throttled

FOREVER = 1e9


def now() -> float:
    return asyncio.get_running_loop().time()


async def acquire(budget: Budget, *, mutating: bool = True, urgent: bool = False, within: float = FOREVER) -> float:
    """When the call may be made."""
    await budget.acquire(mutating=mutating, urgent=urgent, within=within)
    return now()


# The bucket, pure


def test_half_of_what_aws_gives_is_the_most_that_okra_takes() -> None:
    assert (READ_RATE.per_second, READ_RATE.burst) == (10 / 2, 40 / 2)
    assert (WRITE_RATE.per_second, WRITE_RATE.burst) == (3 / 2, 20 / 2)


def test_another_share_scales_everything() -> None:
    rates = Rates.share(1.0)
    assert (rates.reads.per_second, rates.reads.burst, rates.writes.per_second, rates.writes.burst) == (10, 40, 3, 20)
    assert rates.writes.reserved == 2 * WRITE_RATE.reserved
    assert rates.clusters.per_second == 2 * CLUSTER_RATE.per_second
    assert Rates.share(0.5) == Rates()


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket.full(Rate(per_second=2, burst=3, reserved=0), now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(100.0) == 0.5
    assert not bucket.take(100.4)
    assert bucket.take(100.5)
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False], "never more than the burst"


def test_the_last_tokens_are_for_urgent_calls() -> None:
    bucket = TokenBucket.full(Rate(per_second=1, burst=5, reserved=2), now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.0, urgent=True) for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_backwards_gains_nothing_and_loses_nothing() -> None:
    bucket = TokenBucket.full(Rate(per_second=1, burst=1, reserved=0), now=10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)


def test_retries_that_the_sdk_made_are_paid_for_afterwards() -> None:
    bucket = TokenBucket.full(Rate(per_second=1, burst=2, reserved=0), now=0.0)
    bucket.spend(0.0, 4)
    assert bucket.wait(0.0) == 3.0


# Waiting


@pytest.mark.looptime
async def test_calls_beyond_the_burst_are_made_at_the_rate_in_the_order_they_came() -> None:
    budget = Budget()
    order: list[int] = []

    async def call(number: int) -> float:
        at = await acquire(budget)
        order.append(number)
        return at

    times = await asyncio.gather(*(call(number) for number in range(9)))

    burst = int(WRITE_RATE.burst - WRITE_RATE.reserved)
    assert times == pytest.approx([0.0] * burst + [(number + 1) / 1.5 for number in range(9 - burst)])
    assert order == list(range(9))


@pytest.mark.looptime
async def test_a_revert_goes_before_everything_that_waits() -> None:
    budget = Budget()
    waiting = [asyncio.create_task(acquire(budget)) for _ in range(20)]
    await asyncio.sleep(0)
    reverts = await asyncio.gather(*(acquire(budget, urgent=True) for _ in range(6)))
    assert reverts[:4] == [0.0] * 4, "the reserved tokens, at once"
    assert reverts[4:] == pytest.approx([1 / 1.5, 2 / 1.5]), "then the next ones, before all others"
    done = sum(task.done() for task in waiting)
    assert done == WRITE_RATE.burst - WRITE_RATE.reserved
    rest = await asyncio.gather(*waiting)
    # The reserve is filled up again before ordinary calls go on.
    assert rest[6:] == pytest.approx([2 / 1.5 + (4 + 1 + number) / 1.5 for number in range(14)])


@pytest.mark.looptime
async def test_a_call_that_would_wait_too_long_is_refused_at_once() -> None:
    budget = Budget()
    for _ in range(6):
        await acquire(budget)
    with pytest.raises(Throttled, match="rate limit"):
        await acquire(budget, within=0.5)
    assert now() == 0.0
    assert await acquire(budget, within=0.7) == pytest.approx(1 / 1.5)


@pytest.mark.looptime
async def test_one_that_gives_up_leaves_its_place_to_the_next() -> None:
    budget = Budget()
    for _ in range(6):
        await acquire(budget)
    first, second = asyncio.create_task(acquire(budget)), asyncio.create_task(acquire(budget))
    await asyncio.sleep(0.1)
    first.cancel()
    assert await second == pytest.approx(1 / 1.5)
    assert first.cancelled()


@pytest.mark.looptime
async def test_a_grant_that_arrives_with_a_cancellation_is_not_lost() -> None:
    budget = Budget()
    for _ in range(6):
        await acquire(budget)
    first, second = asyncio.create_task(acquire(budget)), asyncio.create_task(acquire(budget))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(1 / 1.5, first.cancel)
    assert await second == pytest.approx(1 / 1.5)
    assert first.cancelled()


@pytest.mark.looptime
async def test_a_closed_budget_wakes_nobody() -> None:
    budget = Budget()
    for _ in range(6):
        await acquire(budget)
    waiting = asyncio.create_task(acquire(budget))
    await asyncio.sleep(0)
    budget.close()
    await asyncio.sleep(60)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    budget.close()


@pytest.mark.looptime
async def test_reads_and_writes_have_budgets_of_their_own() -> None:
    budget = Budget()
    for _ in range(6):
        await acquire(budget)
    assert await acquire(budget, mutating=False) == 0.0


@pytest.mark.looptime
async def test_the_estimate_says_how_long_a_poll_would_wait() -> None:
    budget = Budget()
    assert budget.wait_estimate() == 0.0
    for _ in range(16):
        await acquire(budget, mutating=False)
    assert budget.wait_estimate() == pytest.approx(1 / 5)
    waiting = [asyncio.create_task(acquire(budget, mutating=False)) for _ in range(5)]
    await asyncio.sleep(0)
    assert budget.wait_estimate() == pytest.approx(6 / 5)
    await asyncio.gather(*waiting)
    await asyncio.sleep(10)
    assert budget.wait_estimate() == 0.0


@pytest.mark.looptime
async def test_when_aws_throttles_all_but_reverts_slow_down() -> None:
    budget = Budget()
    budget.exhaust(mutating=True)
    assert await acquire(budget, urgent=True) == 0.0
    assert budget.wait_estimate(mutating=True) > 0
    assert await acquire(budget) == pytest.approx(2 / 1.5)


@pytest.mark.looptime
async def test_an_hour_of_pressure_never_exceeds_half_of_the_limits() -> None:
    budget = Budget()
    grants: list[float] = []

    async def caller() -> None:
        while now() < 600:
            grants.append(await acquire(budget))

    await asyncio.gather(*(caller() for _ in range(10)))
    for start in range(0, 590, 10):
        assert sum(start <= at < start + 10 for at in grants) <= 10 + 1.5 * 10
    assert len(grants) == pytest.approx(6 + 1.5 * 600, abs=12)


def test_records_have_a_budget_of_their_own_of_half_the_five_calls_that_route_53_takes() -> None:
    rates = Rates().of_records
    assert rates.reads.per_second + rates.writes.per_second == 5 / 2
    doubled = Rates.share(1.0).of_records
    assert doubled.reads.per_second + doubled.writes.per_second == 5
