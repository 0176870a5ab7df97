"""EKS as AWS behaves where moto differs: clusters that aren't ready yet, real endpoints, the tagging API.

What a test wants is written in tags of the cluster, which DescribeCluster then doesn't show (`eks_world` sets them):

    okra-test/status   = "CREATING"        any status of EKS; without the tag ACTIVE
    okra-test/endpoint = "https://…"       where the API server is; without the tag moto's invented URL
    okra-test/ca       = "LS0tLS1…"        PEM in base64; without the tag moto's invented text, which is no certificate

A cluster that EKS still makes, or failed to make, has neither endpoint nor CA, whatever the tags say: as on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.ec2.models import ec2_backends
from moto.eks import models

from okra.testing.eks_world import CA_TAG, ENDPOINT_TAG, STATUS_TAG

_OWN = (STATUS_TAG, ENDPOINT_TAG, CA_TAG)
_WITHOUT_ENDPOINT = frozenset({"PENDING", "CREATING", "FAILED"})


def apply() -> None:
    """Let the clusters of this process be ours."""
    models.eks_backends.backend = Clusters
    module: Any = models
    module.validate_role_arn = lambda _arn: None  # reads the SDK's data files for each cluster: a third of a second


class Clusters(models.EKSBackend, TaggableResourcesMixin):
    """The clusters of one account and region."""

    SERVICE_NAMESPACE = "eks"
    __module__ = models.__name__
    """Beside which moto looks for the URLs."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.deleted: dict[str, dict[str, str]] = {}
        """ARN → tags."""

    def describe_cluster(self, name: str) -> models.Cluster:
        """As the tags say. AWS names the VPC of the subnets; moto repeats what the creator sent."""
        cluster = copy(super().describe_cluster(name))
        tags, cluster.tags = cluster.tags, _shown(cluster.tags)
        cluster.status = tags.get(STATUS_TAG, cluster.status)
        if cluster.status in _WITHOUT_ENDPOINT:
            del cluster.endpoint
            cluster.certificate_authority = {}
        else:
            cluster.endpoint = tags.get(ENDPOINT_TAG, cluster.endpoint)
            cluster.certificate_authority = {"data": tags.get(CA_TAG, cluster.certificate_authority["data"])}
        subnets = ec2_backends[self.account_id][self.region_name].describe_subnets(
            subnet_ids=cluster.resources_vpc_config["subnetIds"]
        )
        cluster.resources_vpc_config = {**cluster.resources_vpc_config, "vpcId": subnets[0].vpc_id}
        return cluster

    def delete_cluster(self, name: str) -> models.Cluster:
        """The tagging API goes on listing it for a while."""
        cluster = super().delete_cluster(name)
        self.deleted[cluster.arn] = _shown(cluster.tags)
        return cluster

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """For the tagging API, which moto's EKS isn't part of. Over copies: clusters come and go between two pages."""
        tags = self.deleted | {cluster.arn: _shown(cluster.tags) for cluster in self.clusters.values()}
        for arn, shown in tags.items():
            yield TaggedResource(arn=arn, tags=shown, resource_type="eks:cluster")


def _shown(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _OWN}
