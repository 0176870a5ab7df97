"""The proxy really forwards, by the weights that it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import aiohttp
import pytest

from okra.demo.clusters import Cluster, serving
from okra.demo.proxy import Proxy, proxying


class Front:
    """Three clusters behind a proxy whose weights a test sets as AWS would show them."""

    def __init__(self) -> None:
        self.weights: dict[str, int] = {}
        self.clusters = {name: Cluster(name, "1.0.0") for name in "abc"}
        self.answers: Counter[tuple[str, int]] = Counter()
        self.seen: list[Mapping[str, int]] = []
        self.proxy: Proxy
        self.session: aiohttp.ClientSession

    async def read(self) -> Mapping[str, int]:
        return dict(self.weights)

    async def addresses(self, arn: str) -> list[str]:
        return [self.clusters[arn].address]

    def answered(self, arn: str, status: int) -> None:
        self.answers[arn, status] += 1

    async def get(self, times: int = 1) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for _ in range(times):
            async with self.session.get(self.proxy.url) as answer:
                statuses[answer.status] += 1
        return statuses


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front = Front()
    front.weights = {"a": 1, "b": 0, "c": 0}
    async with AsyncExitStack() as stack:
        for cluster in front.clusters.values():
            await stack.enter_async_context(serving(cluster))
        front.session = await stack.enter_async_context(aiohttp.ClientSession())
        front.proxy = Proxy(
            front.session, front.read, front.addresses, on_answer=front.answered, on_weights=front.seen.append
        )
        await stack.enter_async_context(proxying(front.proxy))
        yield front


async def test_requests_are_distributed_by_the_weights_that_were_read(front: Front) -> None:
    front.weights = {"a": 7, "b": 3, "c": 0}
    await front.proxy.look()
    assert await front.get(20) == {200: 20}
    assert {name: cluster.requests for name, cluster in front.clusters.items()} == {"a": 14, "b": 6, "c": 0}


async def test_a_change_in_aws_reaches_the_traffic_without_anybody_telling_the_proxy(front: Front) -> None:
    front.weights = {"a": 0, "b": 0, "c": 1}
    while not front.clusters["c"].requests:
        await front.get()
    assert front.seen[-1] == front.weights


async def test_an_error_of_a_cluster_reaches_the_user_and_is_counted(front: Front) -> None:
    front.clusters["a"].fail_every = 4
    assert await front.get(8) == {200: 6, 500: 2}
    assert front.answers == {("a", 200): 6, ("a", 500): 2}
    assert front.clusters["a"].errors == 2


async def test_without_any_weight_users_get_a_503(front: Front) -> None:
    front.weights = {}
    await front.proxy.look()
    assert await front.get() == {503: 1}
    assert not front.answers


async def test_a_cluster_that_is_gone_is_a_502_of_its_group() -> None:
    front = Front()
    front.weights = {"a": 1}
    async with serving(front.clusters["a"]):
        pass
    async with aiohttp.ClientSession() as front.session:
        front.proxy = Proxy(front.session, front.read, front.addresses, on_answer=front.answered)
        async with proxying(front.proxy):
            assert await front.get() == {502: 1}
    assert front.answers == {("a", 502): 1}
