"""Fixtures around the AWS double, for every room's tests: `pytest_plugins`-free, import what is needed into a conftest.

    from tests.support.aws import aws_environ, aws_server, aws_world, fault_proxy, world_may_block

One server for the whole session (it takes 1.5 s to start), emptied before each test that asks for a world.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from blockbuster import BlockBuster

from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.eks_world import EksWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.moto_server import MotoServer, environ_for


@pytest.fixture(scope="session")
def aws_server() -> Iterator[MotoServer]:
    """The AWS double, in a process of its own."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def world_may_block(detector: BlockBuster) -> None:
    """Tests build their world with synchronous calls, of some milliseconds each, in asynchronous tests as well."""
    for function in detector.functions.values():
        function.can_block_in("okra/testing/aws_world.py", set(dir(AwsWorld)))
        function.can_block_in("okra/testing/eks_world.py", set(dir(EksWorld)))
        function.can_block_in("okra/testing/dns_world.py", set(dir(DnsWorld)))


@pytest.fixture
def aws_world(aws_server: MotoServer, world_may_block: None) -> Iterator[AwsWorld]:
    """An empty AWS account, and a client to build in it with."""
    aws_server.reset()
    with AwsWorld(aws_server.url) as world:
        yield world


@pytest.fixture
async def fault_proxy(aws_server: MotoServer) -> AsyncIterator[FaultProxy]:
    """A proxy before the double: add faults, look at calls."""
    async with FaultProxy(aws_server.url) as proxy:
        yield proxy


@pytest.fixture
def aws_environ(monkeypatch: pytest.MonkeyPatch, fault_proxy: FaultProxy) -> Mapping[str, str]:
    """This process's SDKs speak to the double through the fault proxy, and know nothing of the developer's own AWS."""
    return point_sdk_at(monkeypatch, fault_proxy.url)


def point_sdk_at(monkeypatch: pytest.MonkeyPatch, url: str) -> Mapping[str, str]:
    """Set the environment of this process so that the SDK speaks to `url` only."""
    environ = {**environ_for(url), "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ
