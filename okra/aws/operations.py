"""Every API operation that Okra uses, once: the caller takes nothing else, and the IAM policy is derived from it.

So a permission can't be missing from the policy that `okra iam-policy` prints, nor be there without use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is the SDK's, `iam` the prefix of its actions in policies and in AWS's own messages."""

    name: str
    iam: str
    budgeted: bool = False
    """Its rate limits are low enough, and shared with enough others, that Okra keeps to a part of them."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How an operation pages: the request's and the response's token, and the list that continues."""

    request_token: str
    response_token: str
    result: str


@dataclass(frozen=True, slots=True)
class Operation:
    service: Service
    name: str
    method: str
    """The SDK client's method."""
    mutating: bool = False
    """Never retried by the SDK, and bounded in total: a retry could land a stale write."""
    paging: Paging | None = None

    @property
    def action(self) -> str:
        """The IAM action, also how the call is named in metrics and messages: `elasticloadbalancing:ModifyRule`."""
        return f"{self.service.iam}:{self.name}"


ELB = Service("elbv2", "elasticloadbalancing", budgeted=True)
TAGGING = Service("resourcegroupstaggingapi", "tag")
CLOUDWATCH = Service("cloudwatch", "cloudwatch")
EKS = Service("eks", "eks", budgeted=True)
ROUTE53 = Service("route53", "route53", budgeted=True)
STS = Service("sts", "sts")


def _elb_paging(result: str) -> Paging:
    return Paging("Marker", "NextMarker", result)


DESCRIBE_RULES = Operation(ELB, "DescribeRules", "describe_rules", paging=_elb_paging("Rules"))
DESCRIBE_LISTENERS = Operation(ELB, "DescribeListeners", "describe_listeners", paging=_elb_paging("Listeners"))
DESCRIBE_LOAD_BALANCERS = Operation(
    ELB, "DescribeLoadBalancers", "describe_load_balancers", paging=_elb_paging("LoadBalancers")
)
DESCRIBE_TARGET_GROUPS = Operation(
    ELB, "DescribeTargetGroups", "describe_target_groups", paging=_elb_paging("TargetGroups")
)
DESCRIBE_TARGET_HEALTH = Operation(ELB, "DescribeTargetHealth", "describe_target_health")
DESCRIBE_TAGS = Operation(ELB, "DescribeTags", "describe_tags")
CREATE_RULE = Operation(ELB, "CreateRule", "create_rule", mutating=True)
MODIFY_RULE = Operation(ELB, "ModifyRule", "modify_rule", mutating=True)
MODIFY_LISTENER = Operation(ELB, "ModifyListener", "modify_listener", mutating=True)
ADD_TAGS = Operation(ELB, "AddTags", "add_tags", mutating=True)
REMOVE_TAGS = Operation(ELB, "RemoveTags", "remove_tags", mutating=True)
CREATE_TARGET_GROUP = Operation(ELB, "CreateTargetGroup", "create_target_group", mutating=True)
MODIFY_TARGET_GROUP = Operation(ELB, "ModifyTargetGroup", "modify_target_group", mutating=True)
MODIFY_TARGET_GROUP_ATTRIBUTES = Operation(
    ELB, "ModifyTargetGroupAttributes", "modify_target_group_attributes", mutating=True
)
DELETE_TARGET_GROUP = Operation(ELB, "DeleteTargetGroup", "delete_target_group", mutating=True)
GET_RESOURCES = Operation(
    TAGGING,
    "GetResources",
    "get_resources",
    paging=Paging("PaginationToken", "PaginationToken", "ResourceTagMappingList"),
)
GET_METRIC_DATA = Operation(
    CLOUDWATCH, "GetMetricData", "get_metric_data", paging=Paging("NextToken", "NextToken", "MetricDataResults")
)
LIST_RECORD_SETS = Operation(ROUTE53, "ListResourceRecordSets", "list_resource_record_sets")
"""Pages by a name, a type and an identifier: `okra.aws.route53_zones` goes on by them."""
GET_CHANGE = Operation(ROUTE53, "GetChange", "get_change")
GET_HEALTH_CHECK_STATUS = Operation(ROUTE53, "GetHealthCheckStatus", "get_health_check_status")
CHANGE_RECORD_SETS = Operation(ROUTE53, "ChangeResourceRecordSets", "change_resource_record_sets", mutating=True)
DESCRIBE_CLUSTER = Operation(EKS, "DescribeCluster", "describe_cluster")
LIST_CLUSTERS = Operation(EKS, "ListClusters", "list_clusters", paging=Paging("nextToken", "nextToken", "clusters"))
ASSUME_ROLE = Operation(STS, "AssumeRole", "assume_role")
GET_CALLER_IDENTITY = Operation(STS, "GetCallerIdentity", "get_caller_identity")
"""Which takes no permission."""

READS = (
    DESCRIBE_RULES,
    DESCRIBE_LISTENERS,
    DESCRIBE_LOAD_BALANCERS,
    DESCRIBE_TARGET_GROUPS,
    DESCRIBE_TARGET_HEALTH,
    DESCRIBE_TAGS,
    GET_RESOURCES,
    GET_METRIC_DATA,
)
CLUSTER_READS = (DESCRIBE_CLUSTER,)
"""Of Cells of clusters and applications."""
SET_READS = (LIST_CLUSTERS,)
"""Of ClusterSets and TargetGroupSets, beside what all need."""
TAG_WRITES = (ADD_TAGS, REMOVE_TAGS)
GROUP_WRITES = (CREATE_TARGET_GROUP, MODIFY_TARGET_GROUP, MODIFY_TARGET_GROUP_ATTRIBUTES, DELETE_TARGET_GROUP)
"""Of TargetGroupSets."""
