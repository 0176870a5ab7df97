"""The ClusterSet: EKS clusters by tag become ArgoCDClusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from okra.api.aws import AWSAccount
from okra.api.base import Model, StatusModel, Violation
from okra.api.conditions import Condition
from okra.api.fields import TagKey, Tags
from okra.api.job import TemplateMetadata
from okra.api.meta import NamedMeta, Resource
from okra.api.policies import DeletionPolicy
from okra.api.removal import Removal
from okra.api.secret_labels import FIXED, is_own, own_label_rules

MOST_CLUSTERS = 1024
"""Of one set."""


class TagSelector(Model):
    """Which EKS clusters, by their tags in AWS."""

    match_tags: Tags = Field(description="Tags that must be equal.")

    def rules(self) -> Iterator[Violation]:
        if not self.match_tags:
            yield Violation(("matchTags",), "matches every cluster of the account: name at least one tag")


class EKSGenerator(Model):
    """EKS clusters of one account and region."""

    selector: TagSelector = Field(description="Which clusters.")
    aws: AWSAccount = Field(default=AWSAccount(), description="Whose AWS; default: the controller's own.")


class Generator(Model):
    """A source of clusters."""

    awseks: EKSGenerator = Field(description="EKS clusters.")


Generators = Annotated[tuple[Generator, ...], Field(min_length=1, max_length=32)]
CopiedTags = Annotated[tuple[TagKey, ...], Field(max_length=32)]
"""Keys of tags of an EKS cluster."""


class ClusterTemplate(Model):
    """What each ArgoCDCluster is made like."""

    metadata: TemplateMetadata = Field(
        default=TemplateMetadata(),
        description="Labels of the ArgoCDCluster and its secret, and annotations of the ArgoCDCluster.",
    )
    labels_from_tags: CopiedTags = Field(
        default=(), description="Tags of the EKS cluster that become labels, under the same key."
    )

    def rules(self) -> Iterator[Violation]:
        for loc, message in own_label_rules(self.metadata.labels):
            yield Violation(("metadata", *loc), message)
        for index, key in enumerate(self.labels_from_tags):
            if is_own(key) or key in FIXED:
                yield Violation(
                    ("labelsFromTags", index), "is Okra's own on a cluster secret: remove it, or choose another tag"
                )


class ClusterSetSpec(Model):
    """Which clusters, and what becomes of them."""

    generators: Generators = Field(description="Where the clusters come from.")
    template: ClusterTemplate = Field(default=ClusterTemplate(), description="What each ArgoCDCluster is made like.")
    removal: Removal = Field(default=Removal(), description="What happens when a cluster isn't found any more.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="Of the ArgoCDClusters. Retain: their cluster secrets stay. Delete: these go, once unused.",
    )


class SetCluster(StatusModel):
    """A cluster of the set."""

    name: str = Field(max_length=253, description="The ArgoCDCluster's name.")
    arn: str = Field(default="", max_length=512, description="The EKS cluster's ARN.")
    phase: str = Field(max_length=63, description="Present, Missing, Due, Unknown, Removing or Refused.")
    missing_seconds: float | None = Field(
        default=None, description="For how long no complete listing had it while Okra watched."
    )
    message: str = Field(default="", max_length=1024, description="What is wrong.")


class ClusterSetStatus(StatusModel):
    """What was found."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    ready: bool | None = Field(default=None, description="Every cluster found has its ArgoCDCluster; none is missing.")
    phase: str | None = Field(default=None, max_length=63, description="Pending, Synced, Missing or Failed.")
    clusters: Annotated[tuple[SetCluster, ...], Field(max_length=MOST_CLUSTERS)] = Field(
        default=(), description="Each cluster found, and each that was."
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="Ready, Reconciling, Stalled."
    )


class ClusterSet(Resource):
    """EKS clusters by tag, as ArgoCDClusters."""

    metadata: NamedMeta = Field(description="The object's metadata: at least a name.")
    spec: ClusterSetSpec = Field(description="Which clusters, and what becomes of them.")
