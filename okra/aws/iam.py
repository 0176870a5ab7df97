"""The least-privilege policy, for `okra iam-policy`.

Derived from the table of operations. Reads of load balancers and clusters have no resource-level permissions (Resource
`*`); writes are limited to listeners, rules and the types of records that can be routes, and tagging to the one tag
that Okra sets. Target groups are changed and deleted only where they have that tag; any may get the tags that a set
names. Imports no SDK: the command must be quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from okra.aws.operations import (
    ADD_TAGS,
    ASSUME_ROLE,
    CHANGE_RECORD_SETS,
    CLUSTER_READS,
    CREATE_RULE,
    CREATE_TARGET_GROUP,
    GET_CHANGE,
    GET_HEALTH_CHECK_STATUS,
    GROUP_WRITES,
    LIST_RECORD_SETS,
    MODIFY_LISTENER,
    MODIFY_RULE,
    READS,
    SET_READS,
    TAG_WRITES,
    Operation,
)

OWNER_TAG = "okra.mumoshu.github.io/owner"
"""The tag by which a route names its one owner, `<install>/<namespace>/<name>`."""

RECORD_TYPES = ("A", "AAAA", "CNAME", "TXT")
"""Of the records that Okra writes; the TXT ones say whose the others are."""
RECORD_TYPES_KEY = "route53:ChangeResourceRecordSetsRecordTypes"


def policy(*, roles: Sequence[str] = (), partition: str = "aws", sets: bool = False) -> dict[str, Any]:
    """The policy document for the identity that Okra runs as, or for a role that a Cell names in `aws.roleARN`.

    `roles`: ARNs of the roles that this identity must be able to assume. `partition`: `aws`, `aws-cn`, `aws-us-gov`.
    `sets`: also what ClusterSets and TargetGroupSets need, which list clusters and make target groups.
    """
    prefix = f"arn:{partition}:elasticloadbalancing:*:*"
    rules = [f"{prefix}:listener-rule/app/*/*/*/*"]
    listeners = [f"{prefix}:listener/app/*/*/*", f"{prefix}:listener/net/*/*/*"]
    only_the_owner = {"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": [OWNER_TAG]}}}
    statements = [
        _allow("OkraReads", (*READS, *CLUSTER_READS), ["*"]),
        _allow("OkraMakesRules", [CREATE_RULE], listeners[:1]) | only_the_owner,
        _allow("OkraMovesTrafficOfRules", [MODIFY_RULE], rules),
        _allow("OkraMovesTrafficOfListeners", [MODIFY_LISTENER], listeners),
        _allow("OkraMarksRoutesItOwns", TAG_WRITES, rules + listeners) | only_the_owner,
    ]
    zones = [f"arn:{partition}:route53:::hostedzone/*"]
    statements += [
        _allow("OkraReadsRecords", [LIST_RECORD_SETS], zones),
        _allow("OkraWatchesChangesOfRecords", [GET_CHANGE], [f"arn:{partition}:route53:::change/*"]),
        _allow("OkraReadsHealthChecks", [GET_HEALTH_CHECK_STATUS], [f"arn:{partition}:route53:::healthcheck/*"]),
        _allow("OkraMovesTrafficOfRecords", [CHANGE_RECORD_SETS], zones)
        | {"Condition": {"ForAllValues:StringEquals": {RECORD_TYPES_KEY: list(RECORD_TYPES)}}},
    ]
    if sets:
        groups = [f"{prefix}:targetgroup/*/*"]
        statements += [
            _allow("OkraFindsClusters", SET_READS, ["*"]),
            _allow("OkraMakesTargetGroups", [CREATE_TARGET_GROUP, ADD_TAGS], groups),
            _allow(
                "OkraChangesTargetGroupsItMade", [each for each in GROUP_WRITES if each != CREATE_TARGET_GROUP], groups
            )
            | {"Condition": {"Null": {f"aws:ResourceTag/{OWNER_TAG}": "false"}}},
        ]
    if roles:
        statements.append(_allow("OkraWorksInOtherAccounts", [ASSUME_ROLE], list(roles)))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, operations: Iterable[Operation], resources: list[str]) -> dict[str, Any]:
    actions = sorted(operation.action for operation in operations)
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
