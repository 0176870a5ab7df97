"""The double, for what the demo asks of it. Synchronous tests run without an event loop, as in tests/analysis."""

import asyncio

from tests.demo.performances import demo_environ
from tests.support.aws import aws_server, aws_world, world_may_block
from tests.support.controlplane import control_plane_binaries

asyncio.set_event_loop(None)

__all__ = ["aws_server", "aws_world", "control_plane_binaries", "demo_environ", "world_may_block"]
