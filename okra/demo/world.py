"""The AWS side of the demo, in the double: a load balancer, its listener, and a target group for each cluster.

What the proxy and the final judgement know of AWS they read here, by another SDK client than Okra's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from okra.demo.clusters import Cluster
from okra.demo.failure import CantGoOn
from okra.testing.aws_world import AwsWorld

P = ParamSpec("P")
T = TypeVar("T")

LABELS = {"role": "web"}


class DemoWorld:
    """Its methods run in a thread, one at a time: the SDK's client is synchronous."""

    def __init__(self, aws: AwsWorld) -> None:
        self._aws = aws
        self._lock = asyncio.Lock()
        self.listener_arn = ""
        self.names: dict[str, str] = {}
        """Target group ARN → its name, which is the cluster's."""

    async def build(self, clusters: Sequence[Cluster]) -> list[str]:
        """As `add`, and a load balancer that sends everything to them."""
        arns = await self.add(clusters)
        self.listener_arn = await self._run(self._build, arns)
        return arns

    def _build(self, arns: Collection[str]) -> str:
        return self._aws.listener(self._aws.load_balancer("web"), dict.fromkeys(arns, 1))

    async def add(self, clusters: Sequence[Cluster]) -> list[str]:
        """A target group for each, its cluster registered; attached to nothing. Their ARNs."""
        return [await self._run(self._add, cluster) for cluster in clusters]

    def _add(self, cluster: Cluster) -> str:
        arn = self._aws.target_group(cluster.name, version=cluster.version, targets=0)
        self._aws.register(arn, cluster.address)
        self._aws.tag(arn, LABELS)  # last: by this Okra finds it
        self.names[arn] = cluster.name
        return arn

    async def weights(self) -> Mapping[str, int]:
        """Target group ARN → weight, as the listener has them now."""
        return await self._run(self._aws.weights, self.listener_arn)

    async def addresses(self, arn: str) -> list[str]:
        """`ip:port` of a group's registered targets."""
        return await self._run(self._addresses, arn)

    def _addresses(self, arn: str) -> list[str]:
        found = self._aws.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return [f"{each['Target']['Id']}:{each['Target']['Port']}" for each in found]

    async def publish(self, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """PutMetricData."""
        put = self._aws.client("cloudwatch").put_metric_data
        await self._run(lambda: put(Namespace=namespace, MetricData=list(data)))

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._lock:
            try:
                return await asyncio.to_thread(function, *args, **kwargs)
            except (BotoCoreError, ClientError) as error:
                raise CantGoOn(f"The double of AWS fails: {error}") from error
