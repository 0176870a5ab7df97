"""Fixtures for tests of `okra controller` on the real control plane and the double of AWS.

A conftest takes them all: `from tests.kube.controller_fixtures import *`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from okra.testing.controlplane import ControlPlane, OwnControlPlane
from okra.testing.moto_server import MotoServer
from tests.kube.controller_process import Controllers
from tests.support.argocd import applicationsets, argocd, argocd_crds, argocd_namespace
from tests.support.aws import aws_server, aws_world, world_may_block
from tests.support.controlplane import (
    control_plane,
    control_plane_binaries,
    control_plane_may_block,
    kube_namespace,
    own_control_plane,
)
from tests.support.crds import okra_crds

__all__ = [
    "applicationsets",
    "argocd",
    "argocd_crds",
    "argocd_namespace",
    "aws_server",
    "aws_world",
    "control_plane",
    "control_plane_binaries",
    "control_plane_may_block",
    "controllers",
    "kube_namespace",
    "okra_crds",
    "own_control_plane",
    "own_controllers",
    "world_may_block",
]


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
