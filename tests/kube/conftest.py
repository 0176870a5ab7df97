"""The real control plane, the double of AWS, `okra controller` on both, and members."""

from tests.kube.controller_fixtures import *
from tests.support.aws import aws_environ, fault_proxy
from tests.support.members import member_planes, members, members_may_block

__all__ = ["aws_environ", "fault_proxy", "member_planes", "members", "members_may_block"]
