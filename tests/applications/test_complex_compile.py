"""What a complex Cell and the settings come to."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from okra.api.defaults import Defaults
from okra.api.policies import OnFailureAction
from okra.applications.compile import by_tags, compile_policy, while_leaving, while_unknown
from okra.applications.policy import Cluster, OnFailure, Policy
from okra.applications.state import AppState, Placement, RolledBack, State
from okra.applications.versions import LABEL
from tests.applications.cells import SPEC, check, complex_cell, model

DEFAULTS = Defaults()


def compiled(tags: dict[str, dict[str, str]] | None = None, **spec: Any) -> Policy:
    policy = compile_policy(model(complex_cell(**spec)), DEFAULTS, tags or {})
    assert policy is not None
    return policy


def selecting(**selector: Any) -> dict[str, Any]:
    """The spec with one application: web, with this selector."""
    web = {**deepcopy(SPEC["applications"][0]), "clusterSelector": selector}
    return {"applications": [web]}


def test_each_application_is_on_the_clusters_that_its_labels_select_in_the_order_of_the_spec() -> None:
    policy = compiled()
    found = {each.name: (each.clusters, each.deployed, each.routed, each.deletes_first) for each in policy.applications}
    assert found == {
        "web": (("web-1", "web-2"), True, True, False),
        "api": (("api-1",), True, True, False),
        "jobs": (("jobs-1",), True, False, True),
    }
    assert policy.applications[0].version == "web-1+web-2"
    assert (policy.applications[0].prechecks, policy.applications[0].postchecks) == (("first",), ("last",))
    assert policy.problem is None


def test_clusters_say_whether_and_how_long_they_are_waited_for() -> None:
    assert compiled().clusters == (
        Cluster("web-1", eks="eks-web-1"),
        Cluster("web-2"),
        Cluster("api-1", True, 3600.0),
        Cluster("jobs-1", require_ready=False),
    )


def test_what_the_cell_leaves_out_comes_from_the_settings() -> None:
    policy = compiled()
    assert (policy.on_failure, policy.failure_delay, policy.deploy_timeout) == (OnFailure.ROLLBACK, 60.0, 300.0)
    assert (policy.check_interval, policy.poll_interval, policy.paused, policy.name) == (120.0, 10.0, False, "mysystem")


def test_what_the_cell_says_goes_before_the_settings() -> None:
    policy = compiled(onFailure={"action": "Stop", "delay": "5s"}, healthTimeout="1m", paused=True)
    assert (policy.on_failure, policy.failure_delay, policy.deploy_timeout) == (OnFailure.STOP, 5.0, 60.0)
    assert policy.paused
    policy_of_settings = compile_policy(model(complex_cell()), Defaults(on_failure=OnFailureAction.STOP), {})
    assert policy_of_settings is not None
    assert policy_of_settings.on_failure is OnFailure.STOP


def test_a_selector_of_tags_knows_nothing_before_the_tags_of_every_cluster_are_known() -> None:
    cell = model(complex_cell(**selecting(matchEKSTags={"role": "web"})))
    assert by_tags(cell.spec)
    tags: dict[str, dict[str, str]] = {"web-1": {"role": "web"}, "web-2": {}, "api-1": {"role": "web"}}
    assert compile_policy(cell, DEFAULTS, tags) is None
    policy = compile_policy(cell, DEFAULTS, {**tags, "jobs-1": {}})
    assert policy is not None
    assert policy.applications[0].clusters == ("web-1", "api-1")
    assert not by_tags(model(complex_cell()).spec)


def test_one_application_without_a_selector_is_on_the_one_cluster() -> None:
    one = {**deepcopy(SPEC["applications"][0])}
    del one["clusterSelector"]
    policy = compiled(clusters=[{"name": "only"}], applications=[one])
    assert policy.applications[0].clusters == ("only",)


def test_a_selector_that_matches_nothing_has_no_version() -> None:
    app = compiled(**selecting(role="nobody")).applications[0]
    assert (app.clusters, app.version) == ((), "")


def test_clusters_that_carry_one_version_are_of_that_version() -> None:
    clusters = [{"name": name, "labels": {"role": "web", LABEL: "v2"}} for name in ("a", "b")]
    assert compiled(**selecting(role="web"), clusters=clusters).applications[0].version == "v2"
    clusters[1] = {"name": "b", "labels": {"role": "web", LABEL: "v3"}}
    assert compiled(**selecting(role="web"), clusters=clusters).applications[0].version == "a+b"


def test_the_version_may_be_a_tag_where_tags_select_and_labels_go_before_tags() -> None:
    tags = {name: {"role": "web", LABEL: "v7"} for name in ("a", "b")}
    spec = {**selecting(matchEKSTags={"role": "web"}), "clusters": [{"name": "a"}, {"name": "b"}]}
    assert compiled(tags, **spec).applications[0].version == "v7"
    spec["clusters"] = [{"name": name, "labels": {LABEL: "v8"}} for name in ("a", "b")]
    assert compiled(tags, **spec).applications[0].version == "v8"


def test_a_check_without_a_provider_is_said_before_anything_moves() -> None:
    bare = check("dd")
    del bare["analysis"]["provider"]
    web = {**deepcopy(SPEC["applications"][0]), "checks": [bare]}
    problem = compiled(applications=[web]).problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert problem.message.startswith("spec.applications[0].checks[0].analysis.provider: is required")


# -- tags that aren't known, and leaving -------------------------------------------------------------------------------

OLD, NEW = Placement("v1", ("a",)), Placement("v2", ("b",))


def test_while_tags_are_unknown_what_moves_goes_on_and_the_rest_waits_for_their_clusters() -> None:
    cell = model(complex_cell(**selecting(matchEKSTags={"role": "web"})))
    moving = State((AppState("web", target=NEW, synced=OLD),))
    policy = while_unknown(cell, DEFAULTS, {"web-1": {}}, moving)
    assert (policy.applications[0].clusters, policy.applications[0].version) == (("b",), "v2")
    resting = while_unknown(cell, DEFAULTS, {"web-1": {}}, State((AppState("web", synced=OLD),)))
    assert (resting.applications[0].clusters, resting.applications[0].version) == ((), "")
    assert [each.require_ready for each in resting.clusters] == [True, True, True, True]
    known = {name: {"role": "web"} for name in ("web-1", "web-2", "api-1", "jobs-1")}
    assert while_unknown(cell, DEFAULTS, known, State()) == compile_policy(cell, DEFAULTS, known)


def test_a_cell_that_leaves_takes_back_what_moves_and_touches_nothing_else() -> None:
    policy = compiled()
    state = State((AppState("web", target=NEW, synced=OLD), AppState("api", synced=OLD), AppState("gone", target=NEW)))
    left = while_leaving(policy, state)
    assert [(each.name, each.version, each.clusters) for each in left.applications] == [
        ("web", "", ("a",)),
        ("gone", "", ()),
    ]
    assert left.applications[0].prechecks == ("first",)


def test_a_cell_that_leaves_while_it_is_rolled_back_goes_on_from_what_was_left() -> None:
    moving = AppState("web", target=NEW, synced=OLD)
    fails = replace(moving, name="api", blocked=("v0",))
    state = State((replace(moving, blocked=("v1",)), fails), rolled_back=RolledBack("sys-a", 1, 7, "ann", 1000.0))
    found = while_leaving(compiled(), state).applications
    assert [(each.name, each.version) for each in found] == [("web", "v2"), ("api", "")]
    found = while_leaving(compiled(), replace(state, rolled_back=None)).applications
    assert [each.version for each in found] == ["", ""], "a canary begins from what is blocked, and goes back there"
