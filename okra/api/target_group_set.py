"""The TargetGroupSet: each EKS cluster gets a target group, made from a template or found by its binding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, StatusModel, Violation, filled
from okra.api.cluster_set import MOST_CLUSTERS, CopiedTags, Generators
from okra.api.conditions import Condition
from okra.api.durations import Interval
from okra.api.fields import Form, Int, Tags
from okra.api.label_selectors import TextSelector
from okra.api.meta import VERSION_LABEL, NamedMeta, Resource
from okra.api.policies import DeletionPolicy
from okra.api.removal import Removal
from okra.api.secret_labels import OWN

Port = Annotated[Int, Field(ge=1, le=65_535)]


class Protocol(StrEnum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"
    TLS = "TLS"
    UDP = "UDP"
    TCP_UDP = "TCP_UDP"


class HealthCheckProtocol(StrEnum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"


class TargetType(StrEnum):
    IP = "ip"
    INSTANCE = "instance"


_Threshold = Annotated[Int, Field(ge=2, le=10)]


class HealthCheck(Model):
    """How the load balancer checks targets. What is left out is AWS's default."""

    protocol: HealthCheckProtocol | None = Field(default=None, description="HTTP, HTTPS or TCP.")
    port: Port | None = Field(default=None, description="The port; default: the traffic's.")
    path: Annotated[str, Form(r"^/.*$", "a path that begins with /", 1024)] | None = Field(
        default=None, description="The path, for HTTP and HTTPS."
    )
    interval: Interval | None = Field(default=None, description="Between two checks, 5s to 300s.")
    timeout: Interval | None = Field(default=None, description="How long a check may take, 2s to 120s.")
    healthy_threshold: _Threshold | None = Field(default=None, description="Successes until a target is healthy.")
    unhealthy_threshold: _Threshold | None = Field(default=None, description="Failures until a target is unhealthy.")
    matcher: Annotated[str, Form(r"^[0-9]{3}([,-][0-9]{3})*$", "status codes such as 200 or 200-299", 64)] | None = (
        Field(default=None, description="Status codes that count as healthy, for HTTP and HTTPS.")
    )

    def rules(self) -> Iterator[Violation]:
        for name, span, low, high in (("interval", self.interval, 5, 300), ("timeout", self.timeout, 2, 120)):
            if span is not None and not (low <= span.seconds <= high and span.milliseconds % 1000 == 0):
                yield Violation((name,), f"must be whole seconds from {low}s to {high}s, not {span}")
        if self.protocol is HealthCheckProtocol.TCP:
            for name in filled(self, "path", "matcher"):
                yield Violation((name,), "is for HTTP and HTTPS: remove it, or change protocol")


AttributeKey = Annotated[str, Form(r"^[a-z][a-z0-9_.]*$", "an attribute's key, as in stickiness.enabled", 256)]
Attributes = Annotated[dict[AttributeKey, Annotated[str, Field(max_length=256)]], Field(max_length=32)]


class TargetGroupSpec(Model):
    """The target group to create. Protocol, port, target type and VPC of one that exists AWS doesn't change."""

    protocol: Protocol = Field(description="HTTP or HTTPS (ALB); TCP, TLS, UDP or TCP_UDP (NLB).")
    port: Port = Field(description="The targets' port.")
    target_type: TargetType = Field(default=TargetType.IP, description="ip or instance.")
    vpc_id: Annotated[str, Form(r"^vpc-[0-9a-f]+$", "the id of a VPC, such as vpc-0a1b2c3d", 32)] | None = Field(
        default=None, description="The VPC; default: the cluster's."
    )
    health_check: HealthCheck = Field(default=HealthCheck(), description="How the load balancer checks targets.")
    attributes: Attributes = Field(
        default={}, description="Attributes of AWS's, such as deregistration_delay.timeout_seconds, as strings."
    )


OWN_TAG = "is Okra's or AWS's own on a target group: choose another key"


def may_tag(key: str) -> bool:
    """May a set put a tag of this key on target groups? Not with AWS's prefix, nor one of Okra's but the version."""
    return key == VERSION_LABEL or not (key.startswith("aws:") or re.match(OWN, key))


class TargetGroupMetadata(Model):
    """What the target group is tagged with."""

    labels: Tags = Field(default={}, description="Tags of the target group, such as role and the version label.")

    def rules(self) -> Iterator[Violation]:
        for key in self.labels:
            if not may_tag(key):
                yield Violation(("labels", key), OWN_TAG)


class TargetGroupTemplate(Model):
    """What each target group is like."""

    metadata: TargetGroupMetadata = Field(default=TargetGroupMetadata(), description="The target group's tags.")
    labels_from_tags: CopiedTags = Field(
        default=(VERSION_LABEL,),
        description="Tags of the EKS cluster that its target group gets, too; default: the version label.",
    )
    spec: TargetGroupSpec | None = Field(default=None, description="Left out when targetgroupBindingSelector finds it.")

    def rules(self) -> Iterator[Violation]:
        for index, key in enumerate(self.labels_from_tags):
            if not may_tag(key):
                yield Violation(("labelsFromTags", index), OWN_TAG)


class TargetGroupSetSpec(Model):
    """Which clusters, and which target group each gets."""

    generators: Generators = Field(description="Where the clusters come from.")
    targetgroup_binding_selector: TextSelector | None = Field(
        default=None, description="Find the target group by a TargetGroupBinding in the cluster, and only tag it."
    )
    template: TargetGroupTemplate = Field(default=TargetGroupTemplate(), description="What each target group is like.")
    removal: Removal = Field(default=Removal(), description="What happens when a cluster isn't found any more.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="Retain: no target group is ever deleted. Delete: those it made, once unused and drained.",
    )

    def rules(self) -> Iterator[Violation]:
        creates, finds = self.template.spec is not None, self.targetgroup_binding_selector is not None
        if creates and finds:
            yield Violation(
                ("template", "spec"),
                "has no use beside targetgroupBindingSelector, which finds target groups that exist: remove one",
            )
        if not creates and not finds:
            yield Violation(
                ("template", "spec"), "is required (to create target groups), or targetgroupBindingSelector"
            )


class ManagedTargetGroup(StatusModel):
    """A cluster's target group."""

    cluster: str = Field(max_length=253, description="The EKS cluster.")
    cluster_arn: str = Field(default="", max_length=512, description="The EKS cluster's ARN.")
    arn: str | None = Field(default=None, max_length=512, description="The target group's ARN.")
    phase: str | None = Field(
        default=None,
        max_length=63,
        description="Present, Waiting, Refused, Missing, Due, Removing, Retained or Unknown.",
    )
    missing_seconds: float | None = Field(
        default=None, description="For how long no complete listing had the cluster while Okra watched."
    )
    message: str = Field(default="", max_length=1024, description="What is wrong.")


class TargetGroupSetStatus(StatusModel):
    """What was found and made."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    ready: bool | None = Field(default=None, description="Every cluster found has its target group; none is missing.")
    phase: str | None = Field(default=None, max_length=63, description="Pending, Synced, Missing, Deleting or Failed.")
    target_groups: Annotated[tuple[ManagedTargetGroup, ...], Field(max_length=MOST_CLUSTERS)] = Field(
        default=(), description="Each cluster's target group."
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="Ready, Reconciling, Stalled."
    )


class TargetGroupSet(Resource):
    """Target groups of EKS clusters."""

    metadata: NamedMeta = Field(description="The object's metadata: at least a name.")
    spec: TargetGroupSetSpec = Field(description="Which clusters, and which target group each gets.")
