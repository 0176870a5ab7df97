"""What the status of an ArgoCDApplicationDeployment says, and what is read of it again."""

from dataclasses import replace

from okra.api.argocd import ArgoCDApplicationDeploymentStatus, ClusterPhase
from okra.argocd.applications import read_application
from okra.argocd.census import Known
from okra.argocd.report import ClusterReport, Phase, Report
from okra.argocd.status import known_from, status_of
from tests.argocd.objects import NOW, application_json

READY = Report(
    Phase.SYNCED,
    ready=True,
    reason="Synced",
    message="Deployed on every cluster.",
    clusters=(ClusterReport("a", ClusterPhase.READY, ("web-a",), NOW),),
)
NOTHING = ArgoCDApplicationDeploymentStatus()


def holds(status: ArgoCDApplicationDeploymentStatus) -> dict[str, str]:
    return {each.type: each.status.value for each in status.conditions}


def test_conditions_are_what_kstatus_reads() -> None:
    assert holds(status_of(READY, NOTHING, 1, NOW)) == {"Ready": "True", "Reconciling": "False", "Stalled": "False"}
    waiting = replace(READY, phase=Phase.UPDATING, ready=False)
    assert holds(status_of(waiting, NOTHING, 1, NOW)) == {"Ready": "False", "Reconciling": "True", "Stalled": "False"}
    stuck = replace(READY, phase=Phase.FAILED, ready=False, stalled=True)
    assert holds(status_of(stuck, NOTHING, 1, NOW)) == {"Ready": "False", "Reconciling": "False", "Stalled": "True"}


def test_ready_with_old_clusters_left_is_still_reconciling() -> None:
    leaving = status_of(replace(READY, phase=Phase.UPDATING), NOTHING, 1, NOW)
    assert (leaving.ready, leaving.phase) == (True, "Updating")
    assert holds(leaving) == {"Ready": "True", "Reconciling": "True", "Stalled": "False"}


def test_applications_that_are_synced_by_hand_are_a_condition_as_long_as_they_are() -> None:
    by_hand = status_of(replace(READY, needs_sync=("web-a", "web-b")), NOTHING, 1, NOW)
    assert holds(by_hand)["NeedsSync"] == "True"
    assert "web-a, web-b" in by_hand.conditions[-1].message
    assert "NeedsSync" not in holds(status_of(READY, by_hand, 1, NOW))


def test_a_transition_time_moves_only_with_its_status() -> None:
    first = status_of(READY, NOTHING, 1, NOW)
    again = status_of(replace(READY, message="Still."), first, 2, NOW + 60)
    assert [each.last_transition_time for each in again.conditions] == [
        each.last_transition_time for each in first.conditions
    ]
    lost = status_of(replace(READY, ready=False), again, 2, NOW + 60)
    assert lost.conditions[0].last_transition_time == "2023-11-14T22:14:20.000000Z"


def test_the_next_decision_knows_what_this_one_saw() -> None:
    status = status_of(READY, NOTHING, 1, NOW)
    stored = ArgoCDApplicationDeploymentStatus.model_validate(status.model_dump(mode="json"))
    assert known_from(stored) == {"a": Known(("web-a",), NOW)}
    pending = replace(READY, clusters=(ClusterReport("b", ClusterPhase.PENDING),))
    assert known_from(status_of(pending, NOTHING, 1, NOW)) == {"b": Known((), None)}


def test_an_application_that_a_person_made_belongs_to_no_application_set() -> None:
    obj = application_json("a")
    obj["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "web", "uid": "u"}]
    assert read_application(obj).set == ""
