"""The real control plane and the double of AWS, for tests that kill, freeze and break what there is."""

from __future__ import annotations

from tests.kube.controller_fixtures import controllers, kube_world, no_loop_by_accident, own_controllers
from tests.support.aws import aws_server
from tests.support.controlplane import (
    control_plane,
    control_plane_binaries,
    control_plane_may_block,
    kube_namespace,
    own_control_plane,
)
from tests.support.crds import okra_crds

__all__ = [
    "aws_server",
    "control_plane",
    "control_plane_binaries",
    "control_plane_may_block",
    "controllers",
    "kube_namespace",
    "kube_world",
    "no_loop_by_accident",
    "okra_crds",
    "own_control_plane",
    "own_controllers",
]
