"""Fixtures for tests of `okra controller` on the real control plane and the double of AWS, for a conftest to import."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane import ControlPlane, OwnControlPlane
from okra.testing.moto_server import MotoServer
from tests.kube.controller_process import Controllers


@pytest.fixture(scope="session", autouse=True)
def no_loop_by_accident() -> None:
    """looptime asks for a loop around synchronous tests too, and asyncio would make one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture
def kube_world(aws_server: MotoServer) -> Iterator[AwsWorld]:
    """An empty AWS account."""
    aws_server.reset()
    with AwsWorld(aws_server.url) as world:
        yield world


@pytest.fixture
def controllers(
    okra_crds: ControlPlane, kube_namespace: str, aws_server: MotoServer, tmp_path: Path
) -> Iterator[Controllers]:
    """Okra in a namespace of the test's own."""
    controllers = Controllers(okra_crds, kube_namespace, tmp_path, aws_server.environ)
    yield controllers
    controllers.close()


@pytest.fixture
def own_controllers(
    own_control_plane: OwnControlPlane, aws_server: MotoServer, tmp_path: Path
) -> Iterator[Controllers]:
    """On a control plane of its own, which knows none of Okra's kinds yet: see `install_crds`."""
    folder = tmp_path / "okra"
    folder.mkdir()
    controllers = Controllers(own_control_plane, "default", folder, aws_server.environ)
    yield controllers
    controllers.close()
