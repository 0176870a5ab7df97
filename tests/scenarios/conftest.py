"""One AWS double a worker, emptied for each test; `okra run` in a folder of its own; an observer that looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.moto_server import MotoServer, environ_for
from tests.scenarios.observer import Observer
from tests.scenarios.okra_process import Okra
from tests.support.aws import aws_server, aws_world, world_may_block

__all__ = ["aws_server", "aws_world", "world_may_block"]

Observe = Callable[[Route], Observer]


@pytest.fixture
def world(aws_world: AwsWorld) -> AwsWorld:
    return aws_world


@pytest.fixture
def okra(aws_server: MotoServer, tmp_path: Path) -> Iterator[Okra]:
    okra = Okra(tmp_path, aws_server.environ)
    yield okra
    okra.close()


@pytest.fixture
def observe(world: AwsWorld) -> Observe:
    """Begin to look at a route."""
    return lambda route: Observer(world.url, route)


@pytest.fixture
def proxy(aws_server: MotoServer) -> Iterator[FaultProxyProcess]:
    with FaultProxyProcess(aws_server.url) as proxy:
        yield proxy


@pytest.fixture
def faulty(proxy: FaultProxyProcess, tmp_path: Path) -> Iterator[Okra]:
    """As `okra`, but behind the proxy; observers are not."""
    okra = Okra(tmp_path, environ_for(proxy.url))
    yield okra
    okra.close()
