"""What the actors need of EKS clusters, as Protocols: a file beside `okra.ports`, whose rules hold here as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from okra.ports import Account


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """An EKS cluster as DescribeCluster shows it."""

    name: str
    arn: str
    status: str
    """EKS's own word: PENDING, CREATING, ACTIVE, UPDATING, DELETING, FAILED. The API server serves while UPDATING."""
    endpoint: str = ""
    """URL of the API server; `""` as long as EKS has none."""
    ca_data: str = ""
    """What vouches for the endpoint: PEM in base64, as kubeconfigs hold it; `""` as long as EKS has none."""
    version: str = ""
    """Kubernetes' minor version, `1.33`."""
    vpc_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """An EKS cluster as the listings show it."""

    name: str
    arn: str
    tags: Mapping[str, str] = field(default_factory=dict)


class ClusterInventory(Protocol):
    """Which EKS clusters there are, and what opens their API servers."""

    async def cluster(self, account: Account, name: str) -> ClusterInfo:
        """One cluster by its name, as it was a few seconds ago: who asks meanwhile shares the answer. One that is
        ACTIVE may be older where there are many: by half a second for each.

        NotFound (reason `ClusterNotFound`) when the account has none of that name in that region.
        """
        ...

    async def clusters(self, account: Account, tags: Mapping[str, str]) -> Sequence[ClusterInfo]:
        """Every cluster that has all of `tags`, by name. Raises rather than leave one out; Invalid without any tag."""
        ...

    async def fleet(self, account: Account) -> Sequence[FoundCluster]:
        """Every cluster of an account and region that exists and has tags, as it was a few seconds ago at most.

        By name. Raises rather than leave one out. It costs the same however many ask, and describes none at rest.
        """
        ...

    async def token(self, account: Account, name: str) -> str:
        """A bearer token for the cluster's API server, accepted for five more minutes at least. Secret.

        It says who Okra is, not that the cluster lets it in: a cluster that doesn't know the identity answers 401.
        """
        ...


@dataclass(frozen=True, slots=True)
class TargetGroupBinding:
    """A TargetGroupBinding (elbv2.k8s.aws) in a member cluster: which target group its Service's pods are in."""

    namespace: str
    name: str
    arn: str
    """`""`: its spec doesn't name one."""


class MemberClusters(Protocol):
    """The API servers of the clusters themselves. Each call has a deadline; no error of one concerns another."""

    async def answers(self, account: Account, cluster: ClusterInfo) -> None:
        """Returns when the cluster's API answers.

        Unavailable when it doesn't; Fatal with reason `ClusterUnauthorized` when it doesn't let Okra in.
        """
        ...

    async def target_group_bindings(
        self, account: Account, cluster: ClusterInfo, selector: str
    ) -> Sequence[TargetGroupBinding]:
        """Those of all namespaces that a label selector (`a=b,c in (d,e)`) matches; where the kind is unknown, none."""
        ...
