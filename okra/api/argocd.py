"""ArgoCDCluster (one EKS cluster's secret) and ArgoCDApplicationDeployment (which clusters an application is on)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okra.api.aws import AWSAccount
from okra.api.base import Model, StatusModel, Violation
from okra.api.complex import ApplicationSet, ArgoCDStrategy, ClusterSecret
from okra.api.conditions import Condition
from okra.api.fields import UNIQUE, EKSClusterName, ObjectName, Tags
from okra.api.meta import Resource
from okra.api.policies import DeletionPolicy
from okra.api.secret_labels import own_label_rules

_Conditions = Annotated[tuple[Condition, ...], Field(max_length=16)]


class NamedEKS(AWSAccount):
    """An EKS cluster by its name."""

    cluster_name: EKSClusterName = Field(description="The EKS cluster's name.")


class ArgoCDClusterSpec(Model):
    """The EKS cluster, and what its secret is labelled with."""

    eks: NamedEKS = Field(description="The EKS cluster.")
    aws: AWSAccount = Field(default=AWSAccount(), description="Whose AWS; default: the controller's own.")
    labels: Tags = Field(default={}, description="The cluster's labels.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN, description="Retain: deleting this object doesn't remove the cluster secret."
    )

    def rules(self) -> Iterator[Violation]:
        yield from own_label_rules(self.labels)


class ArgoCDClusterStatus(StatusModel):
    """Whether the cluster can be used."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    ready: bool | None = Field(default=None, description="EKS says ACTIVE and its API answers.")
    phase: str | None = Field(default=None, max_length=63, description="Pending, Running, Failed or Deleting.")
    endpoint: str | None = Field(default=None, max_length=2048, description="The cluster's API.")
    arn: str | None = Field(default=None, max_length=512, description="The EKS cluster's ARN.")
    conditions: _Conditions = Field(default=(), description="Ready, Reconciling, Stalled.")


class ArgoCDCluster(Resource):
    """An EKS cluster as Argo CD knows it."""

    spec: ArgoCDClusterSpec = Field(description="The EKS cluster, and what its secret is labelled with.")


class ArgoCDApplicationDeploymentSpec(Model):
    """Where an application is deployed."""

    cluster_names: Annotated[tuple[ObjectName, ...], Field(max_length=64, json_schema_extra=UNIQUE)] = Field(
        description="Names of ArgoCDClusters to which the application is published."
    )
    retained: Annotated[tuple[ObjectName, ...], Field(max_length=64, json_schema_extra=UNIQUE)] = Field(
        default=(),
        description="Of clusterNames those that stay published as they are, by whatever labels, and aren't waited for.",
    )
    cluster_secret: ClusterSecret = Field(description="How clusters are published.")
    application_set: ApplicationSet = Field(description="The ApplicationSets that deploy the application.")
    update_strategy: ArgoCDStrategy = Field(
        default=ArgoCDStrategy(), description="Whether new clusters are published before the old are removed."
    )

    def rules(self) -> Iterator[Violation]:
        for index, name in enumerate(self.cluster_names):
            if name in self.cluster_names[:index]:
                yield Violation(("clusterNames", index), f"{name} is listed twice: remove one")


LABELS_IN_USE = "LabelsInUse"
"""The condition of an ArgoCDCluster that holds while an edit of its labels waits; a Cell's reason for the same."""


class ClusterPhase(StrEnum):
    PENDING = "Pending"
    PUBLISHING = "Publishing"
    READY = "Ready"
    RETAINED = "Retained"
    """It stays as it is: the spec says so, or it isn't listed any more, and the others aren't ready yet."""
    UNPUBLISHING = "Unpublishing"
    LEFT_BEHIND = "LeftBehind"
    """By an object that had the name before. It is left as it is until somebody lists it."""


class ClusterApplications(StatusModel):
    """The application on one cluster."""

    name: str = Field(max_length=253, description="The ArgoCDCluster.")
    phase: str | None = Field(
        default=None, max_length=63, description="Pending, Publishing, Ready, Retained, Unpublishing or LeftBehind."
    )
    applications: Annotated[tuple[str, ...], Field(max_length=256)] = Field(
        default=(), description="The Applications of Argo CD."
    )
    unchanged_since: str | None = Field(
        default=None, max_length=40, description="Since when they have been these (RFC 3339)."
    )
    reason: str = Field(
        default="", max_length=63, description="Why a person must do something about this very cluster, as one word."
    )
    message: str = Field(default="", max_length=4096, description="What is missing.")


class ArgoCDApplicationDeploymentStatus(StatusModel):
    """How far the application is."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    ready: bool | None = Field(
        default=None,
        description="Deployed, synced and healthy on every cluster listed; others may not be taken back yet.",
    )
    phase: str | None = Field(
        default=None, max_length=63, description="Pending, Updating, Synced (nothing is left to do) or Failed."
    )
    clusters: Annotated[tuple[ClusterApplications, ...], Field(max_length=64)] = Field(
        default=(), description="The application on each cluster."
    )
    conditions: _Conditions = Field(default=(), description="Ready, Reconciling, Stalled.")


class ArgoCDApplicationDeployment(Resource):
    """An application's deployment to clusters by Argo CD."""

    spec: ArgoCDApplicationDeploymentSpec = Field(description="Where the application is deployed.")
