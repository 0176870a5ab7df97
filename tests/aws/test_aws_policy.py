"""The printed policy is exactly what is used, and no wider than it must be."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from typing import Any

import okra.aws.operations as operations
from okra.aws.iam import OWNER_TAG, policy
from okra.aws.operations import ASSUME_ROLE, GET_CALLER_IDENTITY, Operation

RULE = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/web/1/2/3"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/web/1/2"
NETWORK = "arn:aws:elasticloadbalancing:us-east-1:1:listener/net/web/1/2"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1"


def allowed(action: str, resource: str, document: dict[str, Any] | None = None) -> bool:
    return any(
        action in statement["Action"] and any(fnmatch(resource, pattern) for pattern in statement["Resource"])
        for statement in (document or policy())["Statement"]
    )


def used() -> set[str]:
    """What the rooms of AWS can call, and need a permission for."""
    known = {value.action for value in vars(operations).values() if isinstance(value, Operation)}
    return known - {GET_CALLER_IDENTITY.action}


def test_every_operation_that_okra_uses_is_allowed_and_nothing_else() -> None:
    document = policy(roles=["arn:aws:iam::1:role/okra"], sets=True)
    granted = {action for statement in document["Statement"] for action in statement["Action"]}
    assert granted == used()
    assert not any("*" in action for action in granted)


def test_writes_are_allowed_on_routes_only() -> None:
    assert allowed("elasticloadbalancing:ModifyRule", RULE)
    assert allowed("elasticloadbalancing:ModifyListener", LISTENER)
    assert allowed("elasticloadbalancing:ModifyListener", NETWORK)
    assert not allowed("elasticloadbalancing:ModifyRule", LISTENER)
    assert not allowed("elasticloadbalancing:ModifyListener", RULE)
    assert not allowed("elasticloadbalancing:AddTags", GROUP)
    assert allowed("elasticloadbalancing:CreateRule", LISTENER), "a rule is made on its listener"
    assert not allowed("elasticloadbalancing:CreateRule", NETWORK)


def test_target_groups_are_made_only_by_who_has_sets() -> None:
    makes = ("CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "DeleteTargetGroup", "AddTags")
    for action in makes:
        assert not allowed(f"elasticloadbalancing:{action}", GROUP)
        assert allowed(f"elasticloadbalancing:{action}", GROUP, policy(sets=True))
    assert not allowed("eks:ListClusters", "*")
    assert allowed("eks:ListClusters", "*", policy(sets=True))
    assert not allowed("elasticloadbalancing:DeleteTargetGroup", RULE, policy(sets=True))
    assert not allowed("elasticloadbalancing:RemoveTags", GROUP, policy(sets=True)), "it takes no tag off"


def test_only_the_owner_tag_may_be_set() -> None:
    (tagging,) = [
        statement for statement in policy()["Statement"] if "elasticloadbalancing:AddTags" in statement["Action"]
    ]
    assert tagging["Condition"] == {"ForAllValues:StringEquals": {"aws:TagKeys": [OWNER_TAG]}}
    assert all(allowed("elasticloadbalancing:AddTags", arn) for arn in (RULE, LISTENER, NETWORK))


def test_roles_are_assumed_only_when_named() -> None:
    assert not allowed(ASSUME_ROLE.action, "arn:aws:iam::1:role/okra")
    document = policy(roles=["arn:aws:iam::1:role/okra"])
    assert allowed(ASSUME_ROLE.action, "arn:aws:iam::1:role/okra", document)
    assert not allowed(ASSUME_ROLE.action, "arn:aws:iam::1:role/admin", document)


def test_other_partitions_have_their_own_arns() -> None:
    assert "arn:aws-cn:elasticloadbalancing" in json.dumps(policy(partition="aws-cn"))
    assert "arn:aws:" not in json.dumps(policy(partition="aws-cn"))


def test_the_policy_needs_no_sdk() -> None:
    code = (
        "import sys, okra.aws.iam; sys.exit(any(name.startswith(('botocore', 'aiobotocore')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
