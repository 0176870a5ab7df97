"""What the tests of this room share: the real control plane."""

from tests.support.controlplane import (
    control_plane,
    control_plane_binaries,
    control_plane_may_block,
    kube_namespace,
    own_control_plane,
)

__all__ = ["control_plane", "control_plane_binaries", "control_plane_may_block", "kube_namespace", "own_control_plane"]
