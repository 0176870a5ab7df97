"""Concurrent reads as one call: what may be shared, what may not, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from okra.aws.batches import Batches, ByArn
from okra.errors import NotFound, OkraError, Throttled, Unavailable
from okra.ports import Account


class Source:
    """Reads that take a second each, and how they went."""

    def __init__(self) -> None:
        self.flights: list[tuple[float, str, list[str]]] = []
        self.cancelled = 0

    async def read(self, key: str, items: Sequence[str]) -> dict[str, str | OkraError]:
        self.flights.append((asyncio.get_running_loop().time(), key, list(items)))
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return {item: item.upper() for item in items}


@pytest.mark.looptime
async def test_what_is_asked_for_in_one_moment_is_one_read() -> None:
    source = Source()
    batches = Batches[str, str, str](source.read)
    answers = await asyncio.gather(*(batches.get("k", [item]) for item in ("a", "b", "a")))
    assert answers == [{"a": "A"}, {"b": "B"}, {"a": "A"}]
    assert source.flights == [(0, "k", ["a", "b"])]


@pytest.mark.looptime
async def test_what_is_asked_for_in_flight_waits_for_the_next_read_and_shares_it() -> None:
    source = Source()
    batches = Batches[str, str, str](source.read)
    first = asyncio.create_task(batches.get("k", ["a"]))
    await asyncio.sleep(0.5)
    later = await asyncio.gather(*(batches.get("k", [item]) for item in ("a", "b", "c")))
    assert source.flights == [(0, "k", ["a"]), (1, "k", ["a", "b", "c"])]
    assert later == [{"a": "A"}, {"b": "B"}, {"c": "C"}]
    await first


@pytest.mark.looptime
async def test_keys_do_not_wait_for_each_other() -> None:
    source = Source()
    batches = Batches[str, str, str](source.read)
    await asyncio.gather(batches.get("k", ["a"]), batches.get("other", ["a"]))
    assert asyncio.get_running_loop().time() == 1


@pytest.mark.looptime
async def test_one_that_gives_up_takes_nothing_from_the_others_and_the_last_one_ends_the_read() -> None:
    source = Source()
    batches = Batches[str, str, str](source.read)
    one, other = (asyncio.create_task(batches.get("k", [item])) for item in ("a", "b"))
    await asyncio.sleep(0.1)
    one.cancel()
    assert await other == {"b": "B"}
    assert source.cancelled == 0

    alone = asyncio.create_task(batches.get("k", ["a"]))
    await asyncio.sleep(0.1)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    assert await batches.get("k", ["c"]) == {"c": "C"}
    assert source.cancelled == 1


@pytest.mark.looptime
async def test_a_queued_read_that_nobody_waits_for_is_never_made() -> None:
    source = Source()
    batches = Batches[str, str, str](source.read)
    first = asyncio.create_task(batches.get("k", ["a"]))
    await asyncio.sleep(0.5)
    queued = asyncio.create_task(batches.get("k", ["b"]))
    await asyncio.sleep(0.1)
    queued.cancel()
    await first
    await asyncio.sleep(5)
    assert [items for _, _, items in source.flights] == [["a"]]


@pytest.mark.looptime
async def test_closing_answers_those_who_wait_with_unavailable() -> None:
    batches = Batches[str, str, str](Source().read)
    in_flight = asyncio.create_task(batches.get("k", ["a"]))
    await asyncio.sleep(0.1)
    queued = asyncio.create_task(batches.get("k", ["b"]))
    await asyncio.sleep(0.1)
    await batches.close()
    assert isinstance((await in_flight)["a"], Unavailable)
    assert isinstance((await queued)["b"], Unavailable)


class Aws:
    """Knows some ARNs; a call that names another fails as a whole, as AWS's does."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.calls: list[list[str]] = []
        self.error: OkraError | None = None

    async def describe(self, account: Account, arns: list[str]) -> dict[str, str]:
        self.calls.append(arns)
        if self.error is not None:
            raise self.error
        if not self.known.issuperset(arns):
            raise NotFound("one or more not found", reason="RuleNotFound")
        return {arn: arn.upper() for arn in arns}


async def test_an_unknown_arn_is_read_alone_from_the_second_time_on_until_it_exists() -> None:
    aws = Aws("a", "b", "c")
    by_arn = ByArn[str](2, aws.describe)

    found = await by_arn.read(Account(), ["a", "x", "b", "c"])
    assert {arn: value for arn, value in found.items() if isinstance(value, str)} == {"a": "A", "b": "B", "c": "C"}
    assert isinstance(found["x"], NotFound)
    assert aws.calls == [["a", "x"], ["b", "c"], ["a"], ["x"]]

    aws.calls.clear()
    await by_arn.read(Account(), ["a", "x", "b", "c"])
    assert aws.calls == [["a", "b"], ["c"], ["x"]]

    aws.known.add("x")
    aws.calls.clear()
    await by_arn.read(Account(), ["x"])
    assert (await by_arn.read(Account(), ["a", "x"]))["x"] == "X"
    assert aws.calls == [["x"], ["a", "x"]]


async def test_an_error_of_the_service_is_everyones_and_asks_nobody_again() -> None:
    aws = Aws("a", "b")
    aws.error = Throttled("slow down")
    found = await ByArn[str](20, aws.describe).read(Account(), ["a", "b"])
    assert all(isinstance(value, Throttled) for value in found.values())
    assert aws.calls == [["a", "b"]]


async def test_an_arn_that_the_answer_leaves_out_is_not_found() -> None:
    class Forgetful(Aws):
        async def describe(self, account: Account, arns: list[str]) -> dict[str, str]:
            return {}

    found = await ByArn[str](20, Forgetful().describe).read(Account(), ["a"])
    assert isinstance(found["a"], NotFound)
