"""The ClusterSet: EKS clusters by tag become ArgoCDClusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from okra.api.aws import AWSAccount
from okra.api.base import Model, StatusModel, Violation
from okra.api.conditions import Condition
from okra.api.fields import Tags
from okra.api.job import TemplateMetadata
from okra.api.meta import NamedMeta, Resource


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


class ClusterTemplate(Model):
    """What each ArgoCDCluster is made like."""

    metadata: TemplateMetadata = Field(
        default=TemplateMetadata(), description="Labels and annotations of the ArgoCDCluster and its secret."
    )


class ClusterSetSpec(Model):
    """Which clusters, and what becomes of them."""

    generators: Generators = Field(description="Where the clusters come from.")
    template: ClusterTemplate = Field(default=ClusterTemplate(), description="What each ArgoCDCluster is made like.")


class ClusterSetStatus(StatusModel):
    """What was found."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    clusters: Annotated[tuple[str, ...], Field(max_length=1024)] = Field(
        default=(), description="Names of the ArgoCDClusters."
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="Ready, Reconciling, Stalled."
    )


class ClusterSet(Resource):
    """EKS clusters by tag, as ArgoCDClusters."""

    metadata: NamedMeta = Field(description="The object's metadata: at least a name.")
    spec: ClusterSetSpec = Field(description="Which clusters, and what becomes of them.")
