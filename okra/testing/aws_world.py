"""A world in AWS, built in milliseconds: load balancers, listeners, rules, target groups, and what people do to them.

Synchronous, through boto3 and a server's URL: tests and the demo build with it, and judge with it what Okra did, by
another SDK client than Okra's. In an event loop call it as `await asyncio.to_thread(world.set_health, arn, 0)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, Self

import boto3
from botocore.config import Config

VERSION_TAG = "okra.mumoshu.github.io/version"
HEALTH_TAG = "okra-test/health"
"""How healthy the double says a group's targets are: see `moto_health`."""
CERTIFICATE = "arn:aws:iam::123456789012:server-certificate/okra"
"""Accepted by the double without being there."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route and the target groups around it, by version."""

    listener_arn: str
    arn: str
    """The rule's ARN, or the listener's for a default action."""
    load_balancer_arn: str
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    priority: int | None = None


class AwsWorld:
    """One account and region of the double at `url`. Close it: it holds connections."""

    def __init__(self, url: str, *, region: str = "us-east-1", credentials: Mapping[str, Any] | None = None) -> None:
        """`credentials`: an AssumeRole answer's, for a world in the role's account."""
        self.url = url
        self.region = region
        self._credentials = credentials or {"AccessKeyId": "testing", "SecretAccessKey": "testing"}
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client, for what the methods here don't say."""
        if service not in self._clients:
            self._clients[service] = _session().client(
                service,
                region_name=self.region,
                endpoint_url=self.url,
                aws_access_key_id=self._credentials["AccessKeyId"],
                aws_secret_access_key=self._credentials["SecretAccessKey"],
                aws_session_token=self._credentials.get("SessionToken"),
                config=Config(
                    retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=20
                ),
            )
        return self._clients[service]

    @property
    def elb(self) -> Any:
        return self.client("elbv2")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What there is

    @cached_property
    def vpc(self) -> str:
        """The account's default VPC, which is there from the start."""
        found = self.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])
        return str(found["Vpcs"][0]["VpcId"])

    def new_vpc(self) -> str:
        """Another VPC."""
        vpc: str = self.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return vpc

    @cached_property
    def subnets(self) -> list[str]:
        found = self.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        return [subnet["SubnetId"] for subnet in found["Subnets"][:2]]

    def load_balancer(self, name: str = "web", *, network: bool = False) -> str:
        kind = "network" if network else "application"
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnets, Type=kind)
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def target_group(
        self,
        name: str,
        *,
        version: str = "",
        tags: Mapping[str, str] | None = None,
        protocol: str = "HTTP",
        targets: int = 2,
        vpc: str = "",
    ) -> str:
        """A group with `targets` registered, healthy as soon as it is attached. Tags: `version` and `tags`."""
        made = self.elb.create_target_group(
            Name=name, Protocol=protocol, Port=80, VpcId=vpc or self.vpc, TargetType="ip"
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        self.tag(arn, ({VERSION_TAG: version} if version else {}) | dict(tags or {}))
        if targets:
            self.register(arn, *(f"10.0.0.{number + 1}:80" for number in range(targets)))
        return arn

    def listener(
        self,
        load_balancer_arn: str,
        weights: Mapping[str, int] | None = None,
        *,
        protocol: str = "HTTP",
        port: int = 80,
        actions: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """A listener that forwards by `weights`, or does `actions`; without either it answers 404."""
        extra = {"Certificates": [{"CertificateArn": CERTIFICATE}]} if protocol in {"HTTPS", "TLS"} else {}
        made = self.elb.create_listener(
            LoadBalancerArn=load_balancer_arn,
            Protocol=protocol,
            Port=port,
            DefaultActions=actions or [forward(weights) if weights else NOT_FOUND],
            **extra,
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def rule(
        self,
        listener_arn: str,
        priority: int,
        weights: Mapping[str, int] | None = None,
        *,
        actions: Sequence[Mapping[str, Any]] | None = None,
        conditions: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """A rule that forwards by `weights`, or does `actions`, for a host of its own unless `conditions` say other."""
        host = {"Field": "host-header", "HostHeaderConfig": {"Values": [f"host-{priority}.example.com"]}}
        made = self.elb.create_rule(
            ListenerArn=listener_arn,
            Priority=priority,
            Conditions=conditions or [host],
            Actions=actions or [forward(weights) if weights else NOT_FOUND],
        )
        return str(made["Rules"][0]["RuleArn"])

    def route(
        self,
        versions: Mapping[str, int] | None = None,
        *,
        kind: str = "rule",
        name: str = "web",
        replicas: int = 2,
        targets: int = 2,
        tags: Mapping[str, str] | None = None,
    ) -> Route:
        """A whole world for a Cell: `kind` is `rule`, `default` (an ALB's), `tcp` or `tls` (an NLB's).

        `versions`: version → weight of each of its `replicas` groups; 0 leaves them unattached, as a new cluster's are.
        `targets`: how many each group has, healthy once it is attached.
        """
        versions = versions or {"1.0.0": 1, "1.1.0": 0}
        network = kind in {"tcp", "tls"}
        groups = {
            version: [
                self.target_group(
                    f"{name}-{version.replace('.', '-')}-{number}",
                    version=version,
                    tags=tags,
                    protocol="TCP" if network else "HTTP",
                    targets=targets,
                )
                for number in range(replicas)
            ]
            for version in versions
        }
        weights = {arn: weight for version, weight in versions.items() if weight for arn in groups[version]}
        balancer = self.load_balancer(name, network=network)
        if kind != "rule":
            protocol = kind.upper() if network else "HTTP"
            listener = self.listener(balancer, weights, protocol=protocol, port=443 if kind == "tls" else 80)
            return Route(listener, listener, balancer, groups)
        listener = self.listener(balancer)
        return Route(listener, self.rule(listener, 10, weights), balancer, groups, priority=10)

    # What it looks like

    def actions(self, route_arn: str) -> list[dict[str, Any]]:
        """The whole action list of a rule or listener."""
        if ":listener-rule/" in route_arn:
            return list(self.described_rule(route_arn)["Actions"])
        return list(self.described_listener(route_arn)["DefaultActions"])

    def described_rule(self, arn: str) -> dict[str, Any]:
        return dict(self.elb.describe_rules(RuleArns=[arn])["Rules"][0])

    def described_listener(self, arn: str) -> dict[str, Any]:
        return dict(self.elb.describe_listeners(ListenerArns=[arn])["Listeners"][0])

    def weights(self, route_arn: str) -> dict[str, int]:
        """Target group ARN → weight, in the action's order; empty for a route that doesn't forward."""
        for action in self.actions(route_arn):
            if action["Type"] == "forward":
                return {group["TargetGroupArn"]: group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]}
        return {}

    def tags(self, arn: str) -> dict[str, str]:
        described = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        return {tag["Key"]: tag["Value"] for one in described for tag in one["Tags"]}

    # What people and clusters do

    def set_weights(self, route_arn: str, weights: Mapping[str, int]) -> None:
        """Change the weights by hand."""
        self.set_actions(route_arn, [forward(weights)])

    def set_actions(self, route_arn: str, actions: Sequence[Mapping[str, Any]]) -> None:
        if ":listener-rule/" in route_arn:
            self.elb.modify_rule(RuleArn=route_arn, Actions=actions)
        else:
            self.elb.modify_listener(ListenerArn=route_arn, DefaultActions=actions)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        if tags:
            self.elb.add_tags(ResourceArns=[arn], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    def untag(self, arn: str, *keys: str) -> None:
        self.elb.remove_tags(ResourceArns=[arn], TagKeys=list(keys))

    def set_health(self, arn: str, health: int | str) -> None:
        """How the group's targets are from now on: `2`, or `healthy=2,unhealthy=1`."""
        self.tag(arn, {HEALTH_TAG: str(health)})

    def register(self, arn: str, *targets: str) -> None:
        """Register `ip:port` targets."""
        self.elb.register_targets(TargetGroupArn=arn, Targets=[_target(target) for target in targets])

    def deregister(self, arn: str, *targets: str) -> None:
        self.elb.deregister_targets(TargetGroupArn=arn, Targets=[_target(target) for target in targets])

    def delete_target_group(self, arn: str) -> None:
        """Delete it. The tagging API goes on listing it, as AWS's does for a while."""
        self.elb.delete_target_group(TargetGroupArn=arn)

    def put_metric(
        self,
        namespace: str,
        name: str,
        value: float,
        *,
        dimensions: Mapping[str, str] | None = None,
        at: float | None = None,
    ) -> None:
        """Publish one value, at epoch seconds `at` or now."""
        moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        datum = {
            "MetricName": name,
            "Value": value,
            "Timestamp": moment,
            "Dimensions": [{"Name": key, "Value": text} for key, text in (dimensions or {}).items()],
        }
        self.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])


NOT_FOUND: Mapping[str, Any] = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"},
}


def forward(weights: Mapping[str, int], **config: Any) -> dict[str, Any]:
    """A forward action; `config` joins its ForwardConfig, for stickiness."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **config}}


@cache
def _session() -> Any:
    """One for the process: each reads the SDK's data files anew, a tenth of a second."""
    return boto3.session.Session()


def _target(name: str) -> dict[str, Any]:
    id_, _, port = name.rpartition(":")
    return {"Id": id_, "Port": int(port)}
