"""A status is what the next look goes on with; a listing that fails for a while leaves Ready as it was."""

from __future__ import annotations

from okra.api.cluster_set import ClusterSetSpec, ClusterSetStatus, EKSGenerator
from okra.api.conditions import ConditionType
from okra.api.target_group_set import TargetGroupSetStatus
from okra.applications.children import Parent
from okra.ports import Account
from okra.sets.census import Located
from okra.sets.children import EKS_CLUSTER, body_of, child_of, source_of
from okra.sets.clusters import Child, Member
from okra.sets.group_status import group_set_status
from okra.sets.group_status import missing_from as groups_missing_from
from okra.sets.removal import Entry, Phase
from okra.sets.report import Summary
from okra.sets.status import cluster_set_status, missing_from
from tests.sets.worlds import OTHER, cluster

SYNCED = Summary("Synced", "Synced", "1 cluster.", ready=True)
DOWN = Summary("Pending", "Unavailable", "EKS doesn't answer.", unknown=True)
ENTRIES = [Entry("prod-web-1", "arn:1", Phase.MISSING, 30.04), Entry("prod-web-2", "arn:2", Phase.PRESENT)]
PARENT = Parent("okra.mumoshu.github.io", "ClusterSet", "default", "prod", "uid-1")


def ready(status: ClusterSetStatus | TargetGroupSetStatus) -> tuple[str, str]:
    found = next(each for each in status.conditions if each.type == ConditionType.READY)
    return str(found.status), found.reason


def test_what_was_written_of_a_cluster_set_is_what_is_read() -> None:
    status = cluster_set_status(ENTRIES, SYNCED, ClusterSetStatus(), 1, 0.0)
    again = ClusterSetStatus.model_validate(status.model_dump(mode="json"))
    assert missing_from(again) == {"prod-web-1": 30.0}
    assert (again.ready, again.phase, ready(again)) == (True, "Synced", ("True", "Synced"))


def test_what_was_written_of_a_target_group_set_is_what_is_read() -> None:
    entries = {"arn:x:cluster/web-1": Entry("", "arn:x:cluster/web-1", Phase.WAITING, 45.0)}
    status = group_set_status(entries, SYNCED, TargetGroupSetStatus(), 1, 0.0, most=9)
    again = TargetGroupSetStatus.model_validate(status.model_dump(mode="json"))
    assert groups_missing_from(again) == {"arn:x:cluster/web-1": 45.0}
    assert (again.target_groups[0].cluster, again.target_groups[0].arn) == ("web-1", None)


def test_a_listing_that_fails_for_a_while_leaves_ready_as_it_was_for_this_spec_only() -> None:
    before = cluster_set_status(ENTRIES, SYNCED, ClusterSetStatus(), 1, 0.0)
    same = cluster_set_status(ENTRIES, DOWN, before, 1, 1.0)
    assert (same.ready, same.phase, ready(same)) == (True, "Synced", ("True", "Synced"))
    edited = cluster_set_status(ENTRIES, DOWN, before, 2, 1.0)
    assert (edited.ready, edited.phase, ready(edited)) == (False, "Pending", ("False", "Unavailable"))


def test_a_child_is_read_as_it_was_made() -> None:
    found = cluster("web-1", OTHER)
    account = Account("us-east-1", OTHER.role_arn, "shared-id")
    spec = ClusterSetSpec.model_validate({"generators": [{"awseks": {"selector": {"matchTags": {"a": "b"}}}}]})
    body = body_of(PARENT, spec, Member("prod-web-1", Located(found, account)))
    assert child_of(body) == Child("prod-web-1", found.arn, account)
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "annotations": {EKS_CLUSTER: ""}}
    body["spec"] = {"spoiled": True}
    assert child_of(body) == Child("prod-web-1", "", Account(), removing=True)


def test_a_generator_is_read_with_its_account() -> None:
    aws = {"region": "us-east-1", "roleARN": OTHER.role_arn, "externalID": "shared-id"}
    generator = EKSGenerator.model_validate({"selector": {"matchTags": {"role": "web"}}, "aws": aws})
    found = source_of(generator)
    assert (found.account, found.tags) == (Account("us-east-1", OTHER.role_arn, "shared-id"), {"role": "web"})
