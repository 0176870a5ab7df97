"""When a cluster runs the application, and what it lacks until then."""

from typing import Any

import pytest

from okra.argocd.application_sets import read_application_set
from okra.argocd.applications import read_application
from okra.argocd.readiness import SETTLED, lacks
from tests.argocd.objects import (
    BY_ROLE,
    NOW,
    application,
    application_json,
    application_set,
    condition,
    secret,
    set_json,
)

LATER = NOW + 60
STEPS = {"strategy": {"type": "RollingSync", "rollingSync": {"steps": [{}]}}}


def judge(sets: Any = None, applications: Any = None, *, since: float | None = NOW, now: float = LATER) -> list[str]:
    sets = [application_set()] if sets is None else sets
    applications = [application("a")] if applications is None else applications
    return [each.reason for each in lacks(sets, applications, NOW, since, now)]


def with_conditions(*conditions: dict[str, str], **spec: Any) -> Any:
    obj = set_json(**spec)
    obj["status"]["conditions"] = list(conditions)
    return read_application_set(obj)


def test_synced_healthy_and_reconciled_since_is_ready() -> None:
    assert judge() == []


STATES: list[tuple[str, dict[str, Any], str]] = [
    ("never reconciled", {"reconciledAt": None}, "NotReconciled"),
    ("reconciled at nonsense", {"reconciledAt": "yesterday"}, "NotReconciled"),
    ("reconciled before it was published", {"at": NOW - 1}, "NotReconciled"),
    ("out of sync", {"sync": {"status": "OutOfSync"}}, "NotSynced"),
    ("of unknown sync", {"sync": {}}, "NotSynced"),
    ("being synced", {"operationState": {"phase": "Running"}}, "NotSynced"),
    ("synced with a failure", {"operationState": {"phase": "Failed", "message": "hook failed"}}, "NotSynced"),
    ("progressing", {"health": {"status": "Progressing"}}, "NotHealthy"),
    ("missing", {"health": {"status": "Missing"}}, "NotHealthy"),
    ("of unknown health", {"health": None}, "NotHealthy"),
    ("degraded", {"health": {"status": "Degraded", "message": "CrashLoopBackOff"}}, "ApplicationDegraded"),
]


@pytest.mark.parametrize(("status", "reason"), [s[1:] for s in STATES], ids=[s[0] for s in STATES])
def test_an_application_holds_it_up_that_is(status: dict[str, Any], reason: str) -> None:
    assert judge(applications=[application("a", **status)]) == [reason]
    assert judge(applications=[application("a", name="fine"), application("a", **status)]) == [reason]


WORDS: list[tuple[str, dict[str, Any], str]] = [
    (
        "an error before anything else",
        {
            "sync": {"status": "Unknown"},
            "health": {"status": "Unknown", "message": "?"},
            "conditions": [
                {"type": "OrphanedResourceWarning", "message": "1 orphan"},
                {"type": "ComparisonError", "message": "no such revision"},
            ],
        },
        "The Application web-a is Unknown: no such revision.",
    ),
    (
        "nothing of an operation that went well",
        {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Succeeded", "message": "successfully synced"}},
        "The Application web-a is OutOfSync.",
    ),
    (
        "what an operation failed with",
        {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Failed", "message": "hook failed"}},
        "The Application web-a is OutOfSync: hook failed.",
    ),
]


@pytest.mark.parametrize(("status", "message"), [w[1:] for w in WORDS], ids=[w[0] for w in WORDS])
def test_an_application_is_told_of_in_argo_cds_words(status: dict[str, Any], message: str) -> None:
    found = lacks([application_set()], [application("a", **status)], NOW, NOW - 60, NOW)
    assert next(found).message == message


def test_a_finished_operation_holds_nothing_up() -> None:
    assert judge(applications=[application("a", operationState={"phase": "Succeeded"})]) == []


def test_one_that_is_about_to_be_synced_or_deleted_holds_it_up() -> None:
    obj = application_json("a")
    assert judge(applications=[read_application({**obj, "operation": {"sync": {}}})]) == ["NotSynced"]
    deleting = {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": "2023-11-14T22:13:20Z"}}
    assert judge(applications=[read_application(deleting)]) == ["ApplicationDeleting"]


def test_reconciled_in_the_second_of_the_publication_counts() -> None:
    """Argo CD writes whole seconds."""
    found = [application("a", at=float(int(NOW)))]
    assert [each.reason for each in lacks([application_set()], found, NOW + 0.7, NOW, LATER)] == []


@pytest.mark.parametrize("policy", [{}, {"automated": {"enabled": False}}, {"automated": None}, None])
def test_an_application_that_is_synced_by_hand_says_so(policy: Any) -> None:
    obj = application_json("a", sync={"status": "OutOfSync"})
    obj["spec"]["syncPolicy"] = policy
    assert judge(applications=[read_application(obj)]) == ["NeedsSync"]


def test_synced_by_hand_and_synced_is_ready() -> None:
    obj = application_json("a")
    obj["spec"]["syncPolicy"] = {}
    assert judge(applications=[read_application(obj)]) == []


def test_each_application_set_must_have_made_one() -> None:
    assert judge([application_set("web"), application_set("sidecars")]) == ["NoApplication"]
    assert judge(applications=[]) == ["NoApplication"]


CONDITIONS: list[tuple[str, list[dict[str, str]], str]] = [
    ("without conditions", [], "ApplicationSetNotUpToDate"),
    ("not up to date", [condition("ResourcesUpToDate", "False")], "ApplicationSetNotUpToDate"),
    ("in error", [condition("ErrorOccurred", "True", "no such project")], "ApplicationSetError"),
    (
        "in error, though up to date once",
        [condition("ResourcesUpToDate", "True"), condition("ErrorOccurred", "True")],
        "ApplicationSetError",
    ),
]


@pytest.mark.parametrize(("conditions", "reason"), [c[1:] for c in CONDITIONS], ids=[c[0] for c in CONDITIONS])
def test_an_application_set_holds_it_up_that_is(conditions: list[dict[str, str]], reason: str) -> None:
    assert judge([with_conditions(*conditions)]) == [reason]


def test_what_an_application_set_says_is_repeated() -> None:
    broken = with_conditions(condition("ErrorOccurred", "True", "no such project"))
    found = list(lacks([broken], [application("a")], NOW, NOW, LATER))
    assert found[0].message == "The ApplicationSet web: no such project."


def test_the_applications_must_stay_the_same_for_a_while() -> None:
    assert judge(since=LATER - SETTLED) == []
    assert judge(since=LATER - SETTLED + 0.1) == ["Settling"]
    assert judge(since=None) == ["Settling"]
    found = list(lacks([application_set()], [application("a")], NOW, LATER - 4, LATER))
    assert [each.until for each in found] == [LATER - 4 + SETTLED]


# -- RollingSync -----------------------------------------------------------------------------------------------------

DONE = (condition("ResourcesUpToDate", "True"), condition("RolloutProgressing", "False"))


def rolling(*conditions: dict[str, str], **steps: str) -> Any:
    obj = set_json("web", [BY_ROLE], **STEPS)
    status = [{"application": name, "status": state} for name, state in steps.items()]
    obj["status"] = {"conditions": list(conditions), "applicationStatus": status}
    return read_application_set(obj)


def test_a_rolling_sync_counts_when_all_its_steps_are_done() -> None:
    assert judge([rolling(*DONE, **{"web-a": "Healthy"})]) == []
    progressing = (condition("ResourcesUpToDate", "True"), condition("RolloutProgressing", "True"))
    assert judge([rolling(*progressing, **{"web-a": "Healthy"})]) == ["RollingSync"]


@pytest.mark.parametrize("steps", [{}, {"web-a": "Waiting"}, {"web-a": "Pending"}, {"web-a": "Progressing"}])
def test_a_rolling_sync_isnt_done_before_it_knows_the_application(steps: dict[str, str]) -> None:
    assert judge([rolling(*DONE, **steps)]) == ["RollingSync"]


def test_a_rolling_sync_needs_no_person_for_what_isnt_automated() -> None:
    obj = application_json("a", sync={"status": "OutOfSync"})
    obj["spec"]["syncPolicy"] = {}
    assert judge([rolling(*DONE, **{"web-a": "Pending"})], [read_application(obj)]) == ["RollingSync", "NotSynced"]


def test_where_progressive_syncs_arent_switched_on_the_strategy_means_nothing() -> None:
    assert judge([rolling(condition("ResourcesUpToDate", "True"))]) == []


# -- destinations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "there"),
    [
        ({"server": "https://a.eks.example"}, True),
        ({"server": "https://a.eks.example/"}, True),
        ({"name": "a"}, True),
        ({"server": "https://b.eks.example"}, False),
        ({"name": "b"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_an_application_is_where_its_server_or_its_clusters_name_says(destination: Any, there: bool) -> None:
    obj = application_json("a")
    obj["spec"]["destination"] = destination
    assert read_application(obj).goes_to(secret("a")) is there


def test_nothing_goes_to_a_cluster_without_a_server_and_a_name() -> None:
    obj = application_json("a")
    obj["spec"]["destination"] = {}
    assert not read_application(obj).goes_to(secret("a", data={"server": "", "name": ""}))
