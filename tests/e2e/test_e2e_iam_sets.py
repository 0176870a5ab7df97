"""AWS allows sets what `okra iam-policy --sets` prints: all of it is used, and each action that is missing is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from okra.aws.iam import policy
from okra.testing.aws_world import AwsWorld
from okra.testing.eks_world import EksWorld
from okra.testing.moto_iam import decisions
from tests.e2e.identities import Account, Document
from tests.e2e.installed import Installed
from tests.e2e.test_e2e_iam import notes, unused, without
from tests.scenarios.eventually import eventually

pytestmark = [pytest.mark.timeout(600)]

CLUSTER_SETS, GROUP_SETS = "clustersets", "targetgroupsets"
KINDS = {CLUSTER_SETS: "ClusterSet", GROUP_SETS: "TargetGroupSet"}
FINDING = ["eks:ListClusters", "tag:GetResources"]
"""What a ClusterSet needs: a cluster that only one of both listings has is described, too, and there is none here."""
ELB = "elasticloadbalancing:"
MAKING = [
    *FINDING,
    "eks:DescribeCluster",
    *(
        f"{ELB}{each}"
        for each in (
            "AddTags",
            "CreateTargetGroup",
            "DeleteTargetGroup",
            "DescribeTags",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
            "ModifyTargetGroup",
            "ModifyTargetGroupAttributes",
        )
    ),
]
"""What a TargetGroupSet needs from its first group to its own end."""
SPEC = {"protocol": "HTTP", "port": 8080, "attributes": {"deregistration_delay.timeout_seconds": "30"}}


def of_sets(document: Document) -> Document:
    """The statements that are there for sets."""
    plain = {each["Sid"] for each in policy()["Statement"]}
    return {**document, "Statement": [each for each in document["Statement"] if each["Sid"] not in plain]}


def made(plural: str, name: str, role: str, **spec: Any) -> dict[str, Any]:
    """A set of the one cluster of its name, which works as this role."""
    generator = {"awseks": {"selector": {"matchTags": {"of": name}}, "aws": {"roleARN": role}}}
    kind = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": KINDS[plural], "metadata": {"name": name}}
    return {**kind, "spec": {"generators": [generator], **spec}}


def groups_of(name: str, role: str) -> dict[str, Any]:
    return made(GROUP_SETS, name, role, template={"spec": SPEC}, deletionPolicy="Delete")


def named(actions: list[str]) -> dict[str, str]:
    """A role of each action that it lacks → the action."""
    return {f"no-{each.partition(':')[2].lower()}": each for each in actions}


def unsaid(okra: Installed, lacking: Mapping[str, str]) -> Iterator[str]:
    """What a set lacks, and hasn't said."""
    return (action for name, action in lacking.items() if action not in notes(okra, name))


def test_sets_use_all_of_the_printed_policy_and_say_of_each_action_that_they_lack_it(
    aws_world: AwsWorld, okra: Installed
) -> None:
    """Each works as a role of its own, whose policy is the printed one but for one action."""
    document: Document = json.loads(okra.controllers.cli("iam-policy", "--sets").stdout)
    lacking, account, eks = named(MAKING), Account(aws_world), EksWorld(aws_world)
    roles = {name: account.role(name, without(document, action)) for name, action in lacking.items()}
    roles["whole"] = account.role("whole", document)
    for name in roles:
        eks.create(name, tags={"of": name})
    okra.start("--no-leader-elect", **account.user("okra", policy(roles=list(roles.values()))))
    okra.apply(*(groups_of(name, role) for name, role in roles.items()))
    okra.apply(*(made(CLUSTER_SETS, name, roles[name]) for name in (*named(FINDING), "whole")))
    for plural in KINDS:
        okra.wait(f"{plural}.okra.mumoshu.github.io/whole", "condition=Ready")
    later = {f"{ELB}ModifyTargetGroup", f"{ELB}DescribeTargetHealth", f"{ELB}DeleteTargetGroup"}
    at_first = {name: action for name, action in lacking.items() if action not in later}
    eventually(lambda: [*unsaid(okra, at_first)], lambda left: not left)
    for name, action in named(FINDING).items():
        eventually(partial(okra.condition, name, "Ready", CLUSTER_SETS), partial(says, action))

    changed = {"template": {"spec": {**SPEC, "healthCheck": {"path": "/ready"}}}}
    for name in roles:
        patch = json.dumps({"spec": changed})
        okra.kubectl("patch", f"{GROUP_SETS}.okra.mumoshu.github.io", name, "--type=merge", "-p", patch)
    eventually(lambda: path_of(aws_world, "whole"), lambda path: path == "/ready")
    eventually(lambda: [*unsaid(okra, named([f"{ELB}ModifyTargetGroup"]))], lambda left: not left)

    okra.kubectl("delete", f"{GROUP_SETS}.okra.mumoshu.github.io", "--all", "--wait=false")
    eventually(lambda: path_of(aws_world, "whole"), lambda path: path == "")
    eventually(lambda: [*unsaid(okra, lacking)], lambda left: not left)
    assert path_of(aws_world, "no-deletetargetgroup") == "/ready"
    done = [
        each for each in decisions(aws_world.url) if each.principal.partition(":assumed-role/")[2].startswith("whole")
    ]
    assert [each for each in done if not each.allowed] == []
    assert sorted({each.action for each in done}) == sorted(MAKING)
    assert unused(of_sets(document), done) == []


def says(action: str, condition: Mapping[str, Any]) -> bool:
    """That it is missing."""
    return bool(condition and condition["reason"] == "AccessDenied" and action in condition["message"])


def path_of(world: AwsWorld, name: str) -> str:
    """Of the health checks of a set's target group; empty when there is none."""
    groups = world.elb.describe_target_groups()["TargetGroups"]
    found = [each["HealthCheckPath"] for each in groups if each["TargetGroupName"].startswith(f"{name[:14]}-")]
    return str(found[0]) if found else ""
