"""The complex shape of a Cell: EKS clusters, and the applications that run on them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter, WrapValidator

from okra.api.aws import AWSAccount
from okra.api.base import Loc, Model, Violation, filled
from okra.api.checks import CheckList, check_name_rules
from okra.api.durations import Duration
from okra.api.fields import (
    ApplicationListenerARN,
    EKSClusterName,
    Flag,
    Labels,
    Name,
    ObjectName,
    TagKey,
    Tags,
    TargetGroupARN,
)
from okra.api.ingress import Priority
from okra.api.label_selectors import ClusterSelector, TextSelector
from okra.api.secret_labels import FIXED, own_label_rules
from okra.api.strategy import Canary, differences


class EKS(AWSAccount):
    """An EKS cluster in AWS."""

    cluster_name: EKSClusterName | None = Field(default=None, description="Its name; default: the cluster's name.")


class Cluster(Model):
    """A Kubernetes cluster of the Cell."""

    name: Name = Field(description="The cluster's name within the Cell.")
    eks: EKS = Field(default=EKS(), description="The EKS cluster; left out or empty: the one of this name.")
    require_ready: Flag = Field(default=True, description="Nothing migrates before this cluster is ready.")
    ready_timeout: Duration | None = Field(
        default=None, description="Not ready by then: the Cell fails. Left out: it waits."
    )
    labels: Tags = Field(default={}, description="Labels for clusterSelector and arnFromLabel.")

    def rules(self) -> Iterator[Violation]:
        yield from own_label_rules(self.labels)


class ClusterSecret(Model):
    """How a cluster is published to Argo CD: by labels on its cluster secret."""

    name: ObjectName | None = Field(default=None, description="Set as the value of the label cluster-secret.")
    labels: Annotated[Labels, Field(min_length=1)] = Field(
        description="Labels by which ApplicationSets select the cluster; added to publish it, removed to unpublish it."
    )

    def rules(self) -> Iterator[Violation]:
        yield from own_label_rules(self.labels, read=())
        if self.name is None and self.labels.keys() <= FIXED.keys():
            yield Violation(("labels",), "hold only what every cluster secret has: add one of the application's own")


class ApplicationSet(Model):
    """The ApplicationSets to wait for: one by name, or all that a selector matches."""

    name: ObjectName | None = Field(default=None, description="The ApplicationSet's name.")
    selector: TextSelector | None = Field(
        default=None, description="A selector of ApplicationSets by label, as a string (app=api) or as matchLabels."
    )

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "name", "selector")) != 1:
            yield Violation((), "needs exactly one of name and selector")


class ArgoCDStrategyType(StrEnum):
    CREATE_BEFORE_DELETE = "CreateBeforeDelete"
    DELETE_BEFORE_CREATE = "DeleteBeforeCreate"


class ArgoCDStrategy(Model):
    """Which comes first: the new clusters, or the end of the old ones."""

    type: ArgoCDStrategyType = Field(
        default=ArgoCDStrategyType.CREATE_BEFORE_DELETE, description="CreateBeforeDelete or DeleteBeforeCreate."
    )


class ArgoCD(Model):
    """How Argo CD deploys the application."""

    cluster_secret: ClusterSecret = Field(description="How clusters are published.")
    application_set: ApplicationSet = Field(description="The ApplicationSets that deploy the application.")
    update_strategy: ArgoCDStrategy = Field(
        default=ArgoCDStrategy(), description="Whether new clusters are published before the old are removed."
    )


class TargetGroupSource(Model):
    """Where a cluster's target group is found."""

    arn: TargetGroupARN | None = Field(default=None, description="The target group of the one cluster.")
    arn_from_label: TagKey | None = Field(default=None, description="The cluster's label that holds the ARN.")
    targetgroup_binding_selector: TextSelector | None = Field(
        default=None, description="A selector of TargetGroupBindings in the cluster, as a string or as matchLabels."
    )

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "arn", "arn_from_label", "targetgroup_binding_selector")) != 1:
            yield Violation((), "needs exactly one of arn, arnFromLabel, targetgroupBindingSelector")


class ForwardConfig(Model):
    """Which action forwards, and to what."""

    priority: Priority | None = Field(default=None, description="The rule's priority; left out: the default action.")
    target_group: TargetGroupSource = Field(description="Each cluster's target group.")


class ApplicationALB(Model):
    """The application's route: a rule of an Application Load Balancer's listener."""

    listener_arn: ApplicationListenerARN = Field(description="The listener's ARN.")
    forward_config: ForwardConfig = Field(description="The rule and its target groups.")
    update_strategy: Canary | None = Field(
        default=None, description="The steps; stepWeight 100 of totalWeight 100 is blue-green."
    )


MOST_ROUTES = 8
"""Of one application, or of several in lockstep: as many as a simple Cell has."""
ALBList = Annotated[tuple[ApplicationALB, ...], Field(min_length=1, max_length=MOST_ROUTES)]
_LIST: TypeAdapter[tuple[ApplicationALB, ...]] = TypeAdapter(ALBList)


def _one_or_several(given: object, _: object) -> object:
    """What is wrong is said of the place where it stands: of `alb.listenerARN`, or of `alb[1].listenerARN`."""
    return _LIST.validate_python(given) if isinstance(given, list | tuple) else ApplicationALB.model_validate(given)


ALBs = Annotated[
    ApplicationALB | tuple[ApplicationALB, ...],
    WrapValidator(_one_or_several, json_schema_input_type=ApplicationALB | ALBList),
]
"""One route, or a list of some."""


class Application(Model):
    """An application on some of the Cell's clusters."""

    name: Name = Field(description="The application's name.")
    cluster_selector: ClusterSelector | None = Field(
        default=None, description="Which clusters; required when there are two or more."
    )
    argocd: ArgoCD | None = Field(default=None, description="How Argo CD deploys it.")
    alb: ALBs | None = Field(
        default=None,
        description="Its route, or a list of several that step together and revert together; workers have none.",
    )
    prechecks: CheckList = Field(default=(), description="Must pass before anything is changed.")
    checks: CheckList = Field(default=(), description="Must pass at each weight.")
    postchecks: CheckList = Field(default=(), description="Must pass at the end.")

    @property
    def routes(self) -> tuple[tuple[Loc, ApplicationALB], ...]:
        """Its routes and where each stands."""
        if self.alb is None:
            return ()
        if isinstance(self.alb, ApplicationALB):
            return ((("alb",), self.alb),)
        return tuple((("alb", index), each) for index, each in enumerate(self.alb))

    def rules(self) -> Iterator[Violation]:
        yield from check_name_rules({"prechecks": self.prechecks, "checks": self.checks, "postchecks": self.postchecks})
        if self.argocd is None and self.alb is None:
            yield Violation((), "needs argocd, alb or both: there is nothing to do for it")
        strategy = self.argocd.update_strategy.type if self.argocd else None
        if strategy is ArgoCDStrategyType.DELETE_BEFORE_CREATE and self.alb is not None:
            yield Violation(
                ("alb",),
                "can't be with argocd.updateStrategy.type DeleteBeforeCreate, which leaves the route without targets:"
                " use CreateBeforeDelete, or remove alb",
            )
        if self.checks and self.alb is None:
            yield Violation(
                ("checks",), "are for the steps of traffic, and without alb there are none: use prechecks or postchecks"
            )
        first: Canary | None = None
        for loc, each in self.routes:
            first = first or each.update_strategy
            if each.update_strategy and first and (differ := differences(first, each.update_strategy)):
                said = f"has another {' and '.join(differ)} than the entry before: they step together, give them one"
                yield Violation((*loc, "updateStrategy"), said)
