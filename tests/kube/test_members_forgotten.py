"""What becomes of the client of a member cluster that nobody asks about any more."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from okra.kube.members import KEPT, KubeMembers
from okra.ports import Account
from okra.ports_clusters import ClusterInfo
from okra.testing.controlplane.certificates import Authority
from tests.kube.relay import Relay

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


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """Of the servers; and the CA that EKS reports."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    pair = authority.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return context, base64.b64encode(authority.certificate.read_bytes()).decode()


@pytest.fixture
async def fleet(tls: tuple[ssl.SSLContext, str]) -> AsyncIterator[Fleet]:
    context, ca_data = tls
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _review)
    runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        relays = {name: await stack.enter_async_context(Relay(url)) for name in ("web-1", "web-2")}
        found = Fleet(relays, ca_data)
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
