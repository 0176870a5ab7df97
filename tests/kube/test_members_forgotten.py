"""What becomes of the client of a member cluster that nobody asks about any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from okra.kube.members import KEPT, KubeMembers
from okra.ports import Account
from okra.ports_clusters import ClusterInfo
from tests.kube.member_servers import Tls, member_server, tls
from tests.kube.relay import Relay

__all__ = ["tls"]

HERE = Account()
ARN = "arn:aws:eks:us-east-1:123456789012:cluster/"


@dataclass
class Fleet:
    """Two member clusters that let everybody in, each behind a relay; and the time by which clients are forgotten."""

    relays: dict[str, Relay]
    ca_data: str
    members: KubeMembers = field(init=False)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.members = KubeMembers(_token, monotonic=lambda: self.now)

    async def ask(self, name: str) -> None:
        info = ClusterInfo(name, ARN + name, "ACTIVE", self.relays[name].url, self.ca_data, "1.33")
        await self.members.answers(HERE, info)


async def _token(account: Account, name: str) -> str:
    return "t0ken"


async def _review(_: web.Request) -> web.Response:
    return web.json_response({"kind": "SelfSubjectReview", "metadata": {}}, status=201)


@pytest.fixture
async def fleet(tls: Tls) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(member_server(tls, _review))
        relays = {name: await stack.enter_async_context(Relay(url)) for name in ("web-1", "web-2")}
        found = Fleet(relays, tls[1])
        await stack.enter_async_context(found.members)
        yield found


async def test_a_cluster_that_nobody_asks_about_any_more_keeps_no_connection(fleet: Fleet) -> None:
    gone, there = fleet.relays["web-1"], fleet.relays["web-2"]
    await fleet.ask("web-1")
    await fleet.ask("web-2")
    fleet.now += KEPT
    await fleet.ask("web-2")
    await gone.until(accepted=1, present=1)
    fleet.now += 1
    await fleet.ask("web-2")
    await gone.until(accepted=1, present=0)
    await fleet.ask("web-1")
    await gone.until(accepted=2, present=1)
    await there.until(accepted=1, present=1)


async def test_whoever_asks_now_and_then_keeps_the_connection(fleet: Fleet) -> None:
    for _ in range(3):
        await fleet.ask("web-1")
        fleet.now += KEPT - 1
        await fleet.ask("web-2")
    await fleet.relays["web-1"].until(accepted=1, present=1)
