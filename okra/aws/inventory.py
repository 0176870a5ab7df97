"""Which target groups exist, which of their targets are healthy, whether they serve: `okra.ports.TargetInventory`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from okra.api.aws import dimension_of
from okra.aws.calls import Calls
from okra.aws.cloudwatch import CloudWatch
from okra.aws.discovery import Discovery
from okra.aws.operations import DESCRIBE_TARGET_HEALTH
from okra.errors import OkraError
from okra.ports import Account, Clock
from okra.rollout.observation import TargetGroup, TargetHealth

_MINUTE = 60.0
_SETTLED_MINUTES = 3
"""ELB's metrics reach CloudWatch minutes late: the newest of these that has data counts as the last complete one."""
_NETWORK_PROTOCOLS = frozenset({"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"})


class AwsInventory:
    """Implements `TargetInventory`."""

    def __init__(self, calls: Calls, cloudwatch: CloudWatch, clock: Clock) -> None:
        self._calls = calls
        self._cloudwatch = cloudwatch
        self._clock = clock
        self._discovery = Discovery(calls)

    async def target_groups(self, account: Account, listed: Collection[str] = ()) -> Sequence[TargetGroup]:
        """See `TargetInventory`."""
        return await self._discovery.target_groups(account, listed)

    async def health(self, account: Account, arn: str) -> TargetHealth:
        """See `TargetInventory`."""
        answer = await self._calls.call(account, DESCRIBE_TARGET_HEALTH, target=arn, TargetGroupArn=arn)
        registered = [target for target in answer.items("TargetHealthDescriptions") if _state(target) != "draining"]
        return TargetHealth(
            healthy=sum(_serves(target) for target in registered),
            registered=len(registered),
            began_at=answer.began_at,
            targets=frozenset(_name(target["Target"]) for target in registered),
        )

    async def active_flows(self, account: Account, group: TargetGroup) -> float | None:
        """See `TargetInventory`. A group on no load balancer has none; ELB reports none as no data."""
        try:
            if group.protocol in _NETWORK_PROTOCOLS:
                return await self._flows(account, group)
            return await self._requests(account, group)
        except OkraError:
            return None

    async def _requests(self, account: Account, group: TargetGroup) -> float:
        """Requests by load balancer and group, summed over the load balancers."""
        return sum(
            [
                await self._newest(account, "AWS/ApplicationELB", "RequestCount", "Sum", load_balancer, group.arn)
                or 0.0
                for load_balancer in group.load_balancer_arns
            ]
        )

    async def _flows(self, account: Account, group: TargetGroup) -> float | None:
        """CloudWatch counts an NLB's flows for the whole load balancer only: none there is none here, else unknown."""
        for load_balancer in group.load_balancer_arns:
            flows = await self._newest(account, "AWS/NetworkELB", "ActiveFlowCount", "Average", load_balancer)
            if flows is None or flows > 0:
                return None
        return 0.0

    async def _newest(
        self, account: Account, namespace: str, metric: str, stat: str, load_balancer: str, group: str = ""
    ) -> float | None:
        """The newest of the last complete minutes, or None without data."""
        dimensions = [{"Name": "LoadBalancer", "Value": dimension_of(load_balancer)}]
        if group:
            dimensions.insert(0, {"Name": "TargetGroup", "Value": dimension_of(group)})
        query = {
            "Id": "newest",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
                "Period": int(_MINUTE),
                "Stat": stat,
            },
        }
        end = self._clock.now() // _MINUTE * _MINUTE
        series = await self._cloudwatch.metric_data(account, [query], end - _SETTLED_MINUTES * _MINUTE, end)
        points = [point for one in series for point in one.points]
        return max(points)[1] if points else None


def _state(target: Mapping[str, Any]) -> str:
    return str(target.get("TargetHealth", {}).get("State", ""))


def _serves(target: Mapping[str, Any]) -> bool:
    """Healthy, or of a group whose health checks are turned off (a Lambda's are by default): ELB sends it traffic."""
    if _state(target) == "healthy":
        return True
    return _state(target) == "unavailable" and target["TargetHealth"].get("Reason") == "Target.HealthCheckDisabled"


def _name(target: Mapping[str, Any]) -> str:
    return f"{target['Id']}:{target['Port']}" if "Port" in target else str(target["Id"])
