"""The objects that a complex Cell writes for its clusters and applications, and what it reads of them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from okra.api.meta import COMMAND_ANNOTATION, HOTSWAP_GROUP, OKRA_GROUP
from okra.api.parse import parse
from okra.applications.children import (
    PARENT,
    Object,
    Parent,
    cluster_child,
    deployment_as_it_is,
    deployment_child,
    replaced,
    short,
)
from okra.applications.observation import ClusterSeen, DeploymentSeen
from okra.applications.route_children import (
    ATTEMPT,
    CHECKS_OF,
    SINCE,
    abort_of,
    route_child,
    routes_of_check,
    sent,
    sent_back,
)
from okra.applications.seen import cluster_seen, deployment_seen, held_by, pinned, published_to, route_seen
from okra.applications.state import Group, Phase
from okra.rollout.observation import Problem
from tests.applications.cells import LISTENER, SPEC, complex_cell, group, model

US = Parent(OKRA_GROUP, "Cell", "default", "mysystem", "u-1")
OLD, NEW = Group("web-0", group("w0")), Group("web-1", group("w1"))
GROUPS = (("v1", OLD), ("v2", NEW))


def on_ten(groups: tuple[tuple[str, Group], ...]) -> tuple[tuple[str, Group], ...]:
    """With their route."""
    return tuple((version, replace(each, route=f"{LISTENER}#10")) for version, each in groups)


def route(version: str = "v2", groups: tuple[tuple[str, Group], ...] = GROUPS, app: int = 0, **spec: Any) -> Object:
    cell = model(complex_cell(**spec))
    assert cell.spec.applications is not None
    found = route_child(US, cell.spec, cell.spec.applications[app : app + 1], version, groups)
    assert found is not None
    return found


def cluster(index: int = 0, **spec: Any) -> Object:
    cell = model(complex_cell(**spec))
    assert cell.spec.clusters is not None
    return cluster_child(US, cell.spec, cell.spec.clusters[index])


def deployment(*clusters: str, app: int = 0, parent: Parent = US) -> Object:
    cell = model(complex_cell())
    assert cell.spec.applications is not None
    return deployment_child(parent, cell.spec.applications[app], clusters)


# -- what is written ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj", [cluster(), cluster(1), deployment("web-1", "web-2"), deployment("jobs-1", app=2), route(), route(app=1)]
)
def test_every_child_is_a_valid_object_of_its_parent(obj: Object) -> None:
    _, findings = parse(obj)
    assert findings == []
    assert obj["metadata"]["labels"][PARENT] == "mysystem"
    assert US.owns(obj)
    assert not Parent(OKRA_GROUP, "Cell", "default", "mysystem", "another").owns(obj)
    assert not US.owns({"metadata": {}})


def test_a_cluster_is_named_after_the_cell_and_found_by_its_own_name_in_eks() -> None:
    assert cluster()["metadata"]["name"] == "mysystem-web-1"
    assert cluster()["spec"] == {
        "eks": {"clusterName": "eks-web-1"},
        "labels": SPEC["clusters"][0]["labels"],
        "deletionPolicy": "Retain",
    }
    assert cluster(1)["spec"]["eks"] == {"clusterName": "web-2"}


def test_a_cluster_carries_its_labels_as_far_as_they_are_any_to_kubernetes() -> None:
    assert cluster()["metadata"]["labels"] == {"role": "web", PARENT: "mysystem"}, "an ARN is none"
    own = [{"name": "a", "labels": {"role": "web", "team": "b", "a..b/c": "x"}}, *SPEC["clusters"]]
    cell = model(complex_cell(clusters=own))
    assert cell.spec.clusters is not None
    selecting = Parent(OKRA_GROUP, "Cell", "default", "mysystem", "u-1", {"team": "a"}, frozenset({"team", "role"}))
    found = cluster_child(selecting, cell.spec, cell.spec.clusters[0])
    assert found["metadata"]["labels"] == {"team": "a", PARENT: "mysystem"}, "else this Okra wouldn't find it"


def test_a_cluster_is_looked_for_in_the_account_of_the_cell_unless_it_has_its_own() -> None:
    role = "arn:aws:iam::123456789012:role/eks"
    clusters = [{"name": "a", "eks": {"region": "eu-west-1", "roleARN": role}}, *SPEC["clusters"]]
    found = cluster(aws={"region": "us-east-1"}, clusters=clusters, deletionPolicy="Delete")["spec"]
    assert found["aws"] == {"region": "us-east-1"}
    assert found["eks"] == {"region": "eu-west-1", "roleARN": role, "clusterName": "a"}
    assert found["deletionPolicy"] == "Delete"


def test_a_deployment_names_the_clusters_children_and_says_what_argocd_says() -> None:
    obj = deployment("web-1", "web-2")
    assert obj["metadata"]["name"] == "mysystem-web"
    assert obj["spec"]["clusterNames"] == ["mysystem-web-1", "mysystem-web-2"]
    assert obj["spec"]["clusterSecret"] == {"labels": {"myservice-role": "web"}}
    assert obj["spec"]["applicationSet"] == {"name": "web"}
    assert deployment("jobs-1", app=2)["spec"]["updateStrategy"] == {"type": "DeleteBeforeCreate"}


@pytest.mark.parametrize(
    ("before", "lost"),
    [
        ({"labels": {"myservice-role": "web"}}, []),
        ({"labels": {"myservice-role": "former"}}, ["myservice-role=former"]),
        ({"labels": {"myservice-role": "former", "more": "x"}, "name": "y"}, ["myservice-role=former"]),
        ({"labels": {"myservice-role": "web", "more": "x"}, "name": "y"}, []),
    ],
)
def test_a_deployment_keeps_labels_that_would_get_another_value_and_their_application_set(
    before: dict[str, Any], lost: list[str]
) -> None:
    cell = model(complex_cell())
    assert cell.spec.applications is not None
    app, there = cell.spec.applications[0], deployment("web-1")
    there["spec"] |= {"clusterSecret": before, "applicationSet": {"name": "former"}}
    assert replaced(app, there) == lost
    spec = deployment_child(US, app, ["web-1", "web-2"], there)["spec"]
    assert spec["clusterNames"] == ["mysystem-web-1", "mysystem-web-2"]
    assert spec["clusterSecret"] == (before if lost else {"labels": {"myservice-role": "web"}})
    assert spec["applicationSet"] == {"name": "former" if lost else "web"}


def test_the_deployment_of_an_application_without_argocd_stays_as_it_is() -> None:
    cell = model(complex_cell())
    assert cell.spec.applications is not None
    app, there = cell.spec.applications[0].model_copy(update={"argocd": None}), deployment("web-1")
    assert replaced(app, there) == []
    assert deployment_child(US, app, ["web-1"], there)["spec"] == there["spec"]


def test_labels_of_what_must_not_run_twice_are_replaced() -> None:
    cell = model(complex_cell())
    assert cell.spec.applications is not None
    app, there = cell.spec.applications[2], deployment("jobs-1", app=2)
    there["spec"]["clusterSecret"] = {"labels": {"myservice-role": "former"}}
    assert replaced(app, there) == []
    assert deployment_child(US, app, ["jobs-1"], there)["spec"]["clusterSecret"] != there["spec"]["clusterSecret"]


def test_a_route_is_a_simple_cell_that_lists_its_groups_and_is_pinned() -> None:
    obj = route()
    assert (obj["kind"], obj["metadata"]["name"]) == ("Cell", "mysystem-web")
    assert obj["spec"]["ingress"]["awsApplicationLoadBalancer"] == {
        "listenerARN": LISTENER,
        "rule": {"priority": 10},
        "targetGroups": [
            {"arn": OLD.arn, "version": "v1", "cluster": "web-0"},
            {"arn": NEW.arn, "version": "v2", "cluster": "web-1"},
        ],
    }
    assert (obj["spec"]["version"], obj["spec"]["replicas"]) == ("v2", 1)
    assert obj["spec"]["updateStrategy"] == {"type": "Canary", "canary": {"stepWeight": 10, "totalWeight": 100}}
    assert [each["name"] for each in obj["spec"]["checks"]] == ["dd"]
    assert [each["name"] for each in obj["spec"]["postchecks"]] == ["last"]
    assert "prechecks" not in obj["spec"], "these are the parent's"


def test_a_group_says_what_its_cluster_is_called_in_eks_where_that_is_another_name() -> None:
    groups = (("v1", OLD), ("v2", Group("web-1", group("w1"), "eks-web-1")))
    obj = route(groups=groups)
    listed = obj["spec"]["ingress"]["awsApplicationLoadBalancer"]["targetGroups"]
    assert [each.get("eksCluster") for each in listed] == [None, "eks-web-1"]
    assert parse(obj)[1] == []
    assert pinned(obj) == ("v2", on_ten(groups))


def test_all_groups_of_a_version_move_as_a_whole() -> None:
    several = (*GROUPS, ("v2", Group("web-2", group("w2"))))
    assert route(groups=several)["spec"]["replicas"] == 2
    assert route("v1", several)["spec"]["replicas"] == 1
    many = tuple(("v2", Group(f"web-{number}", group(f"w{number}"))) for number in range(6))
    assert parse(route(groups=many))[1] == []


def test_a_route_whose_application_has_none_any_more_is_sent_back_with_what_it_says_itself() -> None:
    assert sent_back(US, stored(route("v2"), cell_status()), "v1", GROUPS) == route("v1")


def test_what_a_cell_says_of_failures_and_times_its_routes_say_too() -> None:
    said: dict[str, Any] = {
        "aws": {"region": "us-east-1"},
        "onFailure": {"action": "Stop", "delay": "5s"},
        "healthTimeout": "1m",
        "bakeTime": "2m",
        "retainFor": "3m",
        "drainTimeout": "4m",
        "onDrift": "Reassert",
        "minHealthyTargets": "100%",
        "propagationDelay": "1s",
        "progressDeadline": "2h",
        "progressDeadlineAction": "Revert",
        "paused": True,
    }
    spec = route(**said)["spec"]
    assert {key: spec[key] for key in said} == said
    assert not said.keys() & route()["spec"].keys()


def test_a_route_without_a_priority_is_the_default_action_and_one_without_steps_has_the_settings() -> None:
    web = deepcopy(SPEC["applications"][0])
    del web["alb"]["forwardConfig"]["priority"], web["alb"]["updateStrategy"]
    spec = route(applications=[web])["spec"]
    assert "rule" not in spec["ingress"]["awsApplicationLoadBalancer"]
    assert spec["updateStrategy"] == {"type": "Canary"}


def test_the_children_of_a_system_are_of_hotswaps_group_and_systems() -> None:
    system = Parent(HOTSWAP_GROUP, "System", "default", "mysystem", "u-1", {"team": "a"})
    cell = model(complex_cell("System", HOTSWAP_GROUP))
    assert cell.spec.applications is not None
    obj = route_child(system, cell.spec, cell.spec.applications[:1], "v2", GROUPS)
    assert obj is not None
    assert (obj["apiVersion"], obj["kind"]) == ("hotswap.mumoshu.github.io/v1alpha1", "System")
    assert obj["metadata"]["ownerReferences"][0] | {"controller": 0, "blockOwnerDeletion": 0} == {
        "apiVersion": "hotswap.mumoshu.github.io/v1alpha1",
        "kind": "System",
        "name": "mysystem",
        "uid": "u-1",
        "controller": 0,
        "blockOwnerDeletion": 0,
    }
    assert obj["metadata"]["labels"] == {"team": "a", PARENT: "mysystem"}
    assert parse(obj)[1] == []
    assert parse(deployment("a", parent=system))[1] == []


def test_a_name_that_is_too_long_gets_a_hash_of_it() -> None:
    long = "a" * 40 + "-" + "b" * 40
    assert short("mysystem-web") == "mysystem-web"
    assert len(short(long)) == 63
    assert short(long) != short(f"{long}c")


# -- what is read of them ----------------------------------------------------------------------------------------------


def ready(reason: str = "Running", message: str = "fine") -> list[dict[str, Any]]:
    return [
        {"type": "Stalled", "status": "False", "reason": "x", "message": "x"},
        {"type": "Ready", "status": "True", "reason": reason, "message": message},
    ]


def stored(
    obj: Object, status: dict[str, Any] | None = None, generation: int = 2, annotations: dict[str, str] | None = None
) -> Object:
    known = {**obj["metadata"].get("annotations", {}), **(annotations or {})}
    metadata = {**obj["metadata"], "generation": generation, "uid": "x", "annotations": known}
    return {**obj, "metadata": metadata, "status": status}


def test_a_cluster_is_ready_when_a_status_of_this_very_spec_says_so() -> None:
    said = {"observedGeneration": 2, "ready": True, "conditions": ready()}
    assert cluster_seen(None) == ClusterSeen(False, "not looked at yet")
    assert cluster_seen(stored(cluster())) == ClusterSeen(False, "not looked at yet")
    assert cluster_seen(stored(cluster(), said, generation=3)) == ClusterSeen(False, "not looked at yet")
    assert cluster_seen(stored(cluster(), said)) == ClusterSeen(True, "fine")
    waiting = [*ready(), {**ready()[1], "type": "LabelsInUse", "message": "keeps env=prod"}]
    seen = cluster_seen(stored(cluster(), {**said, "conditions": waiting}))
    assert seen == ClusterSeen(True, "fine", "keeps env=prod")
    assert cluster_seen(stored(cluster(), {"observedGeneration": 2})) == ClusterSeen(False, "not looked at yet")


def test_a_deployment_says_its_clusters_and_how_they_are() -> None:
    obj = deployment("web-1", "web-2")
    names, on = ("web-1", "web-2"), [{"name": f"mysystem-{name}", "phase": "Ready"} for name in ("web-1", "web-2")]
    said = {"observedGeneration": 2, "ready": True, "conditions": ready(), "clusters": on}
    assert deployment_seen(US, None) is None
    unseen = deployment_seen(US, stored(obj))
    assert unseen == DeploymentSeen(names)
    assert unseen.awaits(names) == "not looked at yet"
    fine = DeploymentSeen(names, {"web-1": "", "web-2": ""}, "Running")
    assert deployment_seen(US, stored(obj, said)) == fine
    assert (fine.awaits(names), fine.awaits(("web-1", "web-3"))) == ("", "not looked at yet")
    left = {"name": "mysystem-web-0", "phase": "Retained"}
    leaving = deployment_seen(US, stored(obj, {**said, "clusters": [*on, left]}))
    assert leaving == replace(fine, lacks={**fine.lacks, "web-0": ""}, leaves=True)
    behind = deployment_seen(US, stored(obj, {**said, "clusters": [*on, {**left, "phase": "LeftBehind"}]}))
    assert behind is not None
    assert (behind.behind, behind.leaves) == (("web-0",), False)
    obj["spec"]["retained"] = ["mysystem-web-1"]
    assert deployment_seen(US, stored(obj, said)) == replace(fine, retained=("web-1",))
    del obj["spec"]["retained"]
    stuck = {**said, "ready": False, "phase": "Failed", "conditions": ready("Preserved", "it keeps resources")}
    problem = Problem("Preserved", "it keeps resources")
    failed = deployment_seen(US, stored(obj, stuck))
    assert failed == replace(fine, reason="Preserved", problem=problem)


def test_a_deployment_published_as_it_is_retains_none_of_the_clusters_that_it_leaves() -> None:
    there = deployment("web-0", "web-1")
    there["spec"]["retained"] = ["mysystem-web-0", "mysystem-web-1"]
    some, none = (deployment_as_it_is(US, "web", each, there) for each in (["web-1", "web-2"], ["web-2"]))
    assert some["spec"] == there["spec"] | {
        "clusterNames": ["mysystem-web-1", "mysystem-web-2"],
        "retained": ["mysystem-web-1"],
    }
    assert "retained" not in none["spec"]


def test_what_a_deployment_lacks_is_asked_of_the_clusters_that_matter() -> None:
    obj = deployment("web-1", "web-2")
    on = [
        {"name": "mysystem-web-1", "phase": "Ready"},
        {"name": "mysystem-web-2", "phase": "Publishing", "message": "web-2 is Degraded."},
        {"name": "mysystem-web-3", "message": "of another spec"},
    ]
    seen = deployment_seen(US, stored(obj, {"observedGeneration": 2, "ready": False, "clusters": on}))
    assert seen is not None
    asked = (("web-1",), ("web-2",), ("web-1", "web-2"), ("web-3",))
    said = ["", "web-2 is Degraded.", "web-2 is Degraded.", "not looked at yet"]
    assert [seen.awaits(each) for each in asked] == said


def test_a_problem_of_a_clusters_own_is_none_of_the_others() -> None:
    """Whatever it says of the one that it is of."""
    obj = deployment("web-1", "web-2", "web-3", "web-4")
    on: list[dict[str, object]] = [
        {"name": "mysystem-web-1", "phase": "Ready"},
        {"name": "mysystem-web-2", "phase": "Pending", "reason": "NotOurs"},
        {"name": "mysystem-web-3", "phase": "Pending", "reason": "NotShared", "message": "web-3 isn't shared."},
        {"name": "mysystem-web-4", "phase": "Ready"},
    ]
    failed = {"observedGeneration": 2, "ready": False, "phase": "Failed"}

    def problem_of(reason: str, *clusters: str) -> Problem | None:
        status = {**failed, "clusters": on, "conditions": ready(reason, "what is wrong")}
        seen = deployment_seen(US, stored(obj, status))
        assert seen is not None
        return seen.problem_of(clusters)

    assert problem_of("NotOurs", "web-1", "web-4") is None
    assert problem_of("NotOurs", "web-1", "web-2") == Problem("NotOurs", "mysystem-web-2 is Pending.")
    assert problem_of("NotOurs", "web-3") == Problem("NotShared", "web-3 isn't shared.")
    assert problem_of("LabelTaken", "web-1", "web-4") == Problem("LabelTaken", "what is wrong")


def test_a_deployment_that_okra_has_no_permission_for_says_nothing_of_the_version() -> None:
    said = {"observedGeneration": 2, "ready": False, "phase": "Failed", "conditions": ready("AccessDenied", "may not")}
    seen = deployment_seen(US, stored(deployment("web-1"), said))
    assert seen == DeploymentSeen(
        ("web-1",), reason="AccessDenied", problem=Problem("AccessDenied", "may not", fatal=False)
    )
    assert seen.awaits(("web-1",)) == "may not"


def test_a_deployment_is_on_the_clusters_that_it_still_leaves() -> None:
    left = {"clusters": [{"name": "mysystem-web-0", "phase": "Unpublishing"}]}
    assert published_to(US, stored(deployment("web-1"), left)) == {"web-0", "web-1"}


def cell_status(**changes: Any) -> dict[str, Any]:
    return {
        "observedGeneration": 2,
        "phase": "Synced",
        "machine": "Idle",
        "stableVersion": "v2",
        "message": "v2 holds the traffic.",
        "rollouts": 4,
        **changes,
    }


def rollout(reason: str | None = None, number: int = 5, version: str = "v2") -> dict[str, Any]:
    time = "2026-01-01T00:00:00Z"
    found = {"number": number, "version": version, "kind": "Canary", "plan": [], "startedAt": time}
    failure = {"reason": reason, "message": "0.2 > 0.1", "time": time, "outcome": "Failed"}
    return {**found, "failure": failure} if reason else found


def test_a_route_is_settled_on_what_its_status_of_this_very_spec_says() -> None:
    assert route_seen(None, None) is None
    seen = route_seen(stored(route(), cell_status()), None)
    assert seen is not None
    assert (seen.version, seen.settled, seen.stable, seen.failed) == ("v2", True, "v2", None)
    assert (seen.retains, seen.message) == (False, "v2 holds the traffic.")
    for status in (cell_status(observedGeneration=1), cell_status(machine="Step"), {}):
        moving = route_seen(stored(route(), status), None)
        assert moving is not None
        assert not moving.settled


def test_a_route_that_keeps_former_groups_attached_says_so() -> None:
    kept = {"key": "r", "extras": [{"arn": OLD.arn, "until": "2026-01-01T00:00:00Z"}]}
    seen = route_seen(stored(route(), cell_status(routes=[{"key": "r"}, kept])), None)
    assert seen is not None
    assert seen.retains


@pytest.mark.parametrize(
    ("reason", "phase"),
    [
        ("CheckFailed", Phase.CHECK_FAILED),
        ("PostcheckFailed", Phase.POSTCHECK_FAILED),
        ("CanaryUnhealthy", Phase.FAILED),
    ],
)
def test_a_failed_rollout_of_the_pinned_version_says_where_it_failed(reason: str, phase: Phase) -> None:
    seen = route_seen(stored(route(), cell_status(rollout=rollout(reason))), None)
    assert seen is not None
    assert (seen.failed, seen.failed_at) == (Problem(reason, "0.2 > 0.1"), phase)


def test_what_a_route_did_before_it_was_told_or_with_another_version_is_no_verdict_on_this_one() -> None:
    told = sent(route(), stored(route("v1"), cell_status(rollouts=5)), attempt=2)
    for found in (rollout("CheckFailed"), rollout("CheckFailed", 6, "v1"), rollout(number=6), None):
        seen = route_seen(stored(told, cell_status(rollout=found)), 2)
        assert seen is not None
        assert seen.failed is None
    again = route_seen(stored(told, cell_status(rollout=rollout("CheckFailed", 6))), 2)
    assert again is not None
    assert again.failed is not None


def test_a_route_that_okra_finds_invalid_has_failed() -> None:
    broken = cell_status(phase="Invalid", reason="InvalidSpec", message="spec.x: no")
    seen = route_seen(stored(route(), broken), None)
    assert seen is not None
    assert (seen.failed, seen.failed_at) == (Problem("InvalidSpec", "spec.x: no"), Phase.FAILED)


def test_a_route_is_told_anew_for_each_attempt() -> None:
    told = stored(sent(route(), None, attempt=2), cell_status())
    assert told["metadata"]["annotations"] == {ATTEMPT: "2", SINCE: "0"}
    assert [seen.version for attempt in (2, 3, None) if (seen := route_seen(told, attempt))] == ["v2", "", "v2"]


@pytest.mark.parametrize("where", ["blockedVersions", "setAside"])
def test_a_version_that_failed_before_begins_again_when_its_parent_says_so(where: str) -> None:
    entry: dict[str, Any] = {"version": "v2", "reason": "bad", "time": "2026-01-01T00:00:00Z", "groups": []}
    status = cell_status(**{where: [entry]})
    body = sent(route(), stored(route("v1"), status), attempt=3)
    command = json.loads(body["metadata"]["annotations"][COMMAND_ANNOTATION])
    assert (command["verb"], command["arg"]) == ("retry", "v2")
    unheard = route_seen(stored(body, status), 3)
    assert unheard is not None
    assert not unheard.settled
    handled = {"id": command["id"], "verb": "retry", "time": "2026-01-01T00:00:00Z", "outcome": "it may start again"}
    heard = route_seen(stored(body, cell_status(commands=[handled])), 3)
    assert heard is not None
    assert heard.settled
    assert COMMAND_ANNOTATION not in sent(route("v1"), stored(route(), status), 3)["metadata"]["annotations"]


@pytest.mark.parametrize("text", ["{", "[]", '{"verb": "retry"}'])
def test_a_command_that_no_cell_can_read_holds_up_nothing(text: str) -> None:
    seen = route_seen(stored(route(), cell_status(), annotations={COMMAND_ANNOTATION: text}), None)
    assert seen is not None
    assert seen.settled


def test_where_a_route_was_told_to_go_is_read_from_its_spec() -> None:
    assert pinned(route()) == ("v2", on_ten(GROUPS))


def test_a_route_that_was_told_to_abort_this_attempt_says_so() -> None:
    told = stored(sent(route(), None, 2), cell_status())
    command = {"okra.mumoshu.github.io/command": abort_of(2, cell_status()["rollouts"])}
    told["metadata"]["annotations"] |= command
    assert [seen.aborted for attempt in (2, 3, None) if (seen := route_seen(told, attempt))] == [True, False, False]
    before = route_seen(stored(sent(route(), None, 2), cell_status()), 2)
    assert before is not None
    assert not before.aborted


def together(**more: Any) -> Object:
    """The child Cell of web and api."""
    cell, api = model(complex_cell(**more)), Group("api", group("a1"), "", f"{LISTENER}#11")
    groups = (*on_ten((("v1", OLD), ("v2", NEW))), ("v2", api))
    found = route_child(US, cell.spec, (cell.spec.applications or ())[:2], "v2", groups)
    assert found is not None
    return found


def test_a_child_of_several_has_the_routes_and_the_checks_of_all() -> None:
    obj = together()
    assert parse(obj)[1] == []
    listed = [each["awsApplicationLoadBalancer"] for each in obj["spec"]["ingresses"]]
    assert [each["rule"]["priority"] for each in listed] == [10, 11]
    assert [[each["arn"] for each in of["targetGroups"]] for of in listed] == [
        [group("w0"), group("w1")],
        [group("a1")],
    ]
    assert (obj["metadata"]["name"], obj["spec"]["replicas"]) == ("mysystem-web", 1)
    assert routes_of_check(obj, "dd") == [f"{LISTENER}#10"]
    assert routes_of_check(obj, "another") == ()
    assert routes_of_check(route(), "dd") == ()
    for text in ("[]", "{"):
        assert routes_of_check(stored(obj, {}, annotations={CHECKS_OF: text}), "dd") == ()


def test_a_child_that_is_told_of_no_target_group_is_none() -> None:
    cell = model(complex_cell())
    assert route_child(US, cell.spec, (cell.spec.applications or ())[:1], "v2", ()) is None


def test_a_child_of_several_is_sent_back_with_the_routes_of_which_nobody_knows_more() -> None:
    obj = stored(together(), cell_status())
    back = sent_back(US, obj, "v1", (("v1", replace(OLD, route=f"{LISTENER}#10")),))
    listed = [each["awsApplicationLoadBalancer"]["targetGroups"] for each in back["spec"]["ingresses"]]
    assert [[each["version"] for each in of] for of in listed] == [["v1"], ["v2"]]


def test_what_a_child_has_is_what_it_is_told_of_and_what_it_has_not_let_go() -> None:
    status = cell_status(routes=[{"key": "r-before"}])
    assert held_by(stored(together(), status)) == {f"{LISTENER}#10", f"{LISTENER}#11", "r-before"}
