"""The ArgoCDClusters of a ClusterSet: as they are, and as they should be."""

from __future__ import annotations

from typing import Any

from okra.api.cluster_set import ClusterSetSpec, EKSGenerator
from okra.api.meta import OKRA_GROUP
from okra.applications.children import Parent, is_label
from okra.ports import Account, Object
from okra.sets.census import Source
from okra.sets.clusters import Child, Member

EKS_CLUSTER = f"{OKRA_GROUP}/eks-cluster"
"""The annotation of an ArgoCDCluster that holds the ARN of the cluster that it was made for."""


def source_of(generator: EKSGenerator) -> Source:
    aws = generator.aws
    account = Account(aws.region or "", aws.role_arn or "", aws.external_id or "")
    return Source(account, dict(generator.selector.match_tags))


def child_of(obj: Object) -> Child:
    """Of an ArgoCDCluster, whose spec a person may have spoiled."""
    metadata, spec = obj["metadata"], obj.get("spec")
    eks = spec.get("eks") if isinstance(spec, dict) else None
    where = eks if isinstance(eks, dict) else {}
    account = Account(*(str(where.get(each) or "") for each in ("region", "roleARN", "externalID")))
    arn = (metadata.get("annotations") or {}).get(EKS_CLUSTER, "")
    return Child(metadata["name"], arn, account, removing=bool(metadata.get("deletionTimestamp")))


def body_of(parent: Parent, spec: ClusterSetSpec, member: Member) -> Object:
    """What the set says itself goes before a tag of the same key."""
    cluster, account, template = member.located.cluster, member.located.account, spec.template
    copied = {key: cluster.tags[key] for key in template.labels_from_tags if key in cluster.tags}
    labels = {**copied, **template.metadata.labels}
    where = {"region": account.region, "roleARN": account.role_arn, "externalID": account.external_id}
    body: dict[str, Any] = {
        "eks": {**{key: value for key, value in where.items() if value}, "clusterName": cluster.name},
        "labels": labels,
        "deletionPolicy": str(spec.deletion_policy),
    }
    return parent.child(
        "ArgoCDCluster",
        member.name,
        {key: value for key, value in body.items() if value},
        labels={key: value for key, value in labels.items() if is_label(key, value)},
        annotations={**template.metadata.annotations, EKS_CLUSTER: cluster.arn},
    )
