"""The double and the programs of a control plane, for what the demo asks of them."""

from tests.demo.performances import demo_environ
from tests.support.aws import aws_server, aws_world, world_may_block
from tests.support.controlplane import control_plane_binaries

__all__ = ["aws_server", "aws_world", "control_plane_binaries", "demo_environ", "world_may_block"]
