"""The AWS room against the double, through the fault proxy, with timeouts short enough to wait for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import botocore.retries.standard
import pytest

from okra.aws.budget import Rates
from okra.aws.facade import Aws, open_aws
from okra.aws.sessions import Timeouts
from okra.ports import Account, RouteRef
from okra.testing.aws_world import Route
from tests.support.aws import aws_environ, aws_server, aws_world, fault_proxy, world_may_block

__all__ = ["aws_environ", "aws_server", "aws_world", "fault_proxy", "world_may_block"]

TIMEOUTS = Timeouts(connect=5.0, read=5.0, read_total=15.0, write_total=5.0)
"""Generous: a slow machine is no fault."""
IMPATIENT = Timeouts(connect=2.0, read=1.0, read_total=8.0, write_total=2.0)
"""For what hangs, and nothing else: each is waited for."""
SLACK = 10.0
"""Seconds that a slow machine may add to a deadline. Without a deadline, what hangs does so until the test's end."""


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Counted:
    """What `on_call` was told."""

    calls: Counter[str] = field(default_factory=Counter)
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, operation: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        self.calls[operation.partition(":")[2]] += 1
        self.outcomes.append((operation, outcome))


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's retries of reads without their waits of some seconds."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0.0)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def timeouts(request: pytest.FixtureRequest) -> Timeouts:
    parameters = getattr(request.node, "callspec", None)
    hangs = parameters is not None and "HANG" in str(parameters.params)
    return IMPATIENT if hangs else TIMEOUTS


@pytest.fixture
def rates() -> Rates | None:
    """None: as Okra has them."""
    return None


@pytest.fixture
async def aws(
    aws_environ: Mapping[str, str], counted: Counted, timeouts: Timeouts, rates: Rates | None
) -> AsyncIterator[Aws]:
    async with open_aws(
        clock=SystemClock(), environ=aws_environ, timeouts=timeouts, on_call=counted, rates=rates
    ) as opened:
        yield opened


@pytest.fixture
def account() -> Account:
    return Account()


def ref_of(route: Route, *, network: bool = False, by_arn: bool = False) -> RouteRef:
    """How a Cell names a route of `AwsWorld.route`."""
    return RouteRef(
        Account(),
        route.listener_arn,
        network=network,
        rule_arn=route.arn if by_arn else "",
        priority=None if by_arn else route.priority,
    )
