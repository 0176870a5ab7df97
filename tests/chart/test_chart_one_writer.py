"""Two Okras that write the same Cells undo each other: what the chart does against it."""

from __future__ import annotations

import pytest

from tests.chart.conftest import Refused, Rendered
from tests.chart.objects import environ, one

ALONE = ("leaderElection.enabled=false", "replicaCount=1")


def test_replicas_elect_one_unless_told_otherwise(rendered: Rendered) -> None:
    objects = rendered()
    assert environ(objects)["OKRA_LEADER_ELECT"] == "true"
    assert one(objects, "Deployment")["spec"]["strategy"]["type"] == "RollingUpdate"


def test_without_an_election_the_next_pod_waits_for_the_end_of_the_last(rendered: Rendered) -> None:
    objects = rendered(*ALONE)
    assert environ(objects)["OKRA_LEADER_ELECT"] == "false"
    assert one(objects, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    rules = one(objects, "Role", "okra-leader")["rules"]
    assert [rule["resources"] for rule in rules] == [["configmaps"]], "there is no Lease"


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ("leaderElection.enabled=false", "set replicaCount=1"),
        ("extraArgs[0]=--no-leader-elect", "leaderElection.enabled"),
        ("extraArgs[0]=--leader-elect", "leaderElection.enabled"),
        ("extraEnv[0].name=OKRA_LEADER_ELECT", "is set by a value of the chart"),
        ("extraEnv[0].name=OKRA_LEASE_NAME", "is set by a value of the chart"),
    ],
)
def test_two_writers_by_a_value_are_refused_with_what_to_set_instead(
    refused: Refused, value: str, instead: str
) -> None:
    assert instead in refused(value)
