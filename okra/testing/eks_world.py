"""EKS clusters in a world of AWS, and what becomes of them. Blocking, as `AwsWorld` is."""

from __future__ import annotations

from collections.abc import Mapping

from okra.testing.aws_world import AwsWorld

STATUS_TAG = "okra-test/status"
ENDPOINT_TAG = "okra-test/endpoint"
CA_TAG = "okra-test/ca"
"""What the double says of a cluster: see `moto_eks`."""


class EksWorld:
    """The clusters of `world`'s account and region. Its connections are the world's."""

    def __init__(self, world: AwsWorld) -> None:
        self._world = world
        self._eks = world.client("eks")

    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        status: str = "",
        endpoint: str = "",
        ca_data: str = "",
    ) -> str:
        """A cluster, ACTIVE unless `status` says other; its ARN. `ca_data`: PEM in base64, for a real `endpoint`."""
        made = self._eks.create_cluster(
            name=name,
            version="1.35",
            roleArn="arn:aws:iam::123456789012:role/eks",
            resourcesVpcConfig={"subnetIds": self._world.subnets},
            tags={**(tags or {}), **_tags(status, endpoint, ca_data)},
        )
        return str(made["cluster"]["arn"])

    def change(self, name: str, *, status: str = "", endpoint: str = "", ca_data: str = "") -> None:
        """What DescribeCluster says from now on; what is left out stays as it is."""
        self.tag(name, _tags(status, endpoint, ca_data))

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._eks.tag_resource(resourceArn=self._arn(name), tags=dict(tags))

    def untag(self, name: str, *keys: str) -> None:
        self._eks.untag_resource(resourceArn=self._arn(name), tagKeys=list(keys))

    def delete(self, name: str) -> None:
        """Delete it, at once. The tagging API goes on listing it, as AWS's does for a while."""
        self._eks.delete_cluster(name=name)

    def _arn(self, name: str) -> str:
        return str(self._eks.describe_cluster(name=name)["cluster"]["arn"])


def _tags(status: str, endpoint: str, ca_data: str) -> dict[str, str]:
    wanted = {STATUS_TAG: status, ENDPOINT_TAG: endpoint, CA_TAG: ca_data}
    return {key: value for key, value in wanted.items() if value}
