"""AWS as the composition root sees it: one thing to open, five ports to hand out, one thing to close."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from okra.aws.budget import Rates
from okra.aws.calls import Calls, OnCall
from okra.aws.cloudwatch import CloudWatch
from okra.aws.eks import EksClusters
from okra.aws.elbv2 import ElbRouter
from okra.aws.groups import AwsTargetGroups
from okra.aws.identity import Identity
from okra.aws.inventory import AwsInventory
from okra.aws.kinds import AnyInventory, AnyRouter
from okra.aws.route53 import Records
from okra.aws.sessions import Timeouts
from okra.ports import Account, Clock, MetricData, TargetInventory, TrafficRouter
from okra.ports_clusters import ClusterInventory
from okra.ports_groups import TargetGroups


@dataclass(frozen=True, slots=True)
class Aws:
    """What Okra needs of AWS. Valid inside `open_aws`."""

    router: TrafficRouter
    inventory: TargetInventory
    metric_data: MetricData
    clusters: ClusterInventory
    groups: TargetGroups
    _calls: Calls
    _identity: Identity

    async def identity(self, account: Account) -> str:
        """ARN of the role, or the user, that asks AWS and clusters; empty where nobody says. For messages."""
        return await self._identity.of(account)

    def wait_estimate(self, account: Account) -> float:
        """Seconds an ordinary read of this account and region's routes would wait now. Above 0 polls should stretch."""
        return self._calls.wait_estimate(account)

    async def warm_up(self, account: Account) -> None:
        """Make the clients that a first call would wait for. Raises Invalid or CredentialsInvalid early."""
        await self._calls.warm_up(account)


@asynccontextmanager
async def open_aws(
    *,
    clock: Clock,
    environ: Mapping[str, str] = os.environ,
    timeouts: Timeouts | None = None,
    on_call: OnCall | None = None,
    rates: Rates | None = None,
) -> AsyncIterator[Aws]:
    """Open AWS for this process. Credentials, region and endpoints come from where every SDK looks.

    `environ` is only where AWS_REGION is looked up; the SDK reads the process's own environment. Nothing is sent before
    the first call. `rates`: how much of AWS's rate limits Okra may use, half of them by default. On exit every
    connection is closed, and whoever still waits for a read gets Unavailable.
    """
    calls = Calls(environ, timeouts or Timeouts(), clock, on_call, rates)
    cloudwatch, clusters, records = CloudWatch(calls), EksClusters(calls, clock), Records(calls, clock)
    router, groups = AnyRouter(ElbRouter(calls), records), AwsTargetGroups(calls, clock)
    inventory, identity = AnyInventory(AwsInventory(calls, cloudwatch, clock), records), Identity(calls, os.environ)
    try:
        yield Aws(router, inventory, cloudwatch.metric_data, clusters, groups, calls, identity)
    finally:
        await router.close()
        await clusters.close()
        await groups.close()
        await calls.close()
