"""By which spec an application's children go: by that which brought it where it is, while it is wanted elsewhere."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from okra.api.cell import CellSpec
from okra.applications.children import Object, Parent
from okra.applications.kept import as_kept, astray, before
from okra.applications.policy import Application, Policy
from okra.applications.state import AppState, Failure, Group, Phase, Placement, State
from okra.applications.told import clusters_of, deployment, route
from tests.applications.cells import SPEC, complex_cell, group, model

PARENT = Parent("okra.mumoshu.github.io", "Cell", "default", "mysystem", "u-1")
WEB = ("web-1", "web-2")


def placed(*clusters: str, version: str = "v1") -> Placement:
    return Placement(version, clusters, tuple(Group(each, group(each)) for each in clusters))


def state(synced: Placement | None, name: str = "web", **more: Any) -> AppState:
    return AppState(name, synced=synced, **more)


def spec(**web: Any) -> CellSpec:
    """The example, with its first application changed."""
    obj = complex_cell(applications=deepcopy(SPEC["applications"]))
    obj["spec"]["applications"][0] |= web
    return model(obj).spec


def names(found: CellSpec, index: int = 0) -> tuple[str, ...]:
    return tuple(each.name for each in (found.applications or ())[index].checks)


# -- which applications ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("synced", "wanted", "clusters", "is_astray"),
    [
        (placed(*WEB), "v1", WEB, False),
        (placed(*WEB), "v2", ("web-3",), True),
        (placed(*WEB), "", WEB, True),  # its Cell is being deleted
        (placed(*WEB), "", (), False),  # nobody knows where
        (None, "v2", ("web-3",), False),
    ],
)
def test_what_is_wanted_elsewhere_is_astray(
    synced: Placement | None, wanted: str, clusters: tuple[str, ...], is_astray: bool
) -> None:
    app = state(synced)
    found = astray(Policy(applications=(Application("web", clusters, wanted),)), State((app,)))
    assert found == ((app,) if is_astray else ())


def test_what_the_spec_names_no_more_is_wanted_nowhere() -> None:
    assert astray(Policy(), State((state(placed(*WEB)),))) == ()


# -- which spec --------------------------------------------------------------------------------------------------------


def test_the_newest_spec_that_names_these_very_clusters_is_gone_by() -> None:
    newest, older = spec(checks=[]), spec(postchecks=[])
    assert before([newest, older], (state(placed(*WEB)),)) == {"web": newest}
    other = spec(clusterSelector={"role": "jobs"})
    assert before([other, older], (state(placed(*reversed(WEB))),)) == {"web": older}


def test_without_such_a_spec_there_is_none_and_one_that_cannot_be_read_is_no_such() -> None:
    assert before([spec()], (state(placed("web-0")), state(placed(*WEB), "unknown"), state(None))) == {}
    assert before(None, (state(placed(*WEB)),)) == {"web": None}


def test_by_tags_any_spec_that_has_the_clusters_will_do() -> None:
    tagged = spec(clusterSelector={"matchEKSTags": {"role": "web"}})
    assert before([tagged], (state(placed(*WEB)),)).keys() == {"web"}
    assert before([tagged], (state(placed("web-1", "web-9")),)) == {}


# -- what the children are told ----------------------------------------------------------------------------------------


def published(labels: dict[str, str], app_set: str) -> Object:
    """The deployment as it is there."""
    there = PARENT.child("ArgoCDApplicationDeployment", "mysystem-web", {})
    names = [PARENT.cluster(each) for each in WEB]
    there["spec"] = {"clusterNames": names, "clusterSecret": {"labels": labels}, "applicationSet": {"name": app_set}}
    return there


def argocd(labels: dict[str, str], app_set: str, **secret: str) -> dict[str, Any]:
    return {"clusterSecret": {"labels": labels, **secret}, "applicationSet": {"name": app_set}}


OLD = {"a": "1"}


@pytest.mark.parametrize(
    ("former", "labels", "app_set"),
    [
        (argocd({"b": "2"}, "old"), {"b": "2"}, "old"),
        (argocd({"a": "2"}, "old"), OLD, "there"),  # LabelsInUse: it was never followed
        (None, OLD, "there"),
    ],
)
def test_a_deployment_that_goes_back_is_as_the_former_spec_had_it(
    former: dict[str, Any] | None, labels: dict[str, str], app_set: str
) -> None:
    app, at = (spec(argocd=argocd({"c": "3"}, "newest")).applications or ())[0], state(placed(*WEB))
    then = None if former is None else spec(argocd=former)
    found = deployment(PARENT, app, at, WEB, published(OLD, "there"), {"web": then}, ())
    assert found is not None
    assert found["spec"]["clusterSecret"]["labels"] == labels
    assert found["spec"]["applicationSet"] == {"name": app_set}
    assert found["spec"]["clusterNames"] == ["mysystem-web-1", "mysystem-web-2"]


@pytest.mark.parametrize(
    ("clusters", "former", "app_set"),
    [
        (("web-1", "web-0"), ("web-0",), "old"),  # still published where it was before
        (("web-1", "web-3"), (), "newest"),  # on its way
    ],
)
def test_a_deployment_goes_by_the_former_spec_only_where_that_brought_it(
    clusters: tuple[str, ...], former: tuple[str, ...], app_set: str
) -> None:
    app = (spec(argocd=argocd(OLD, "newest")).applications or ())[0]
    then = spec(argocd=argocd(OLD, "old"))
    at = state(placed(*WEB), former=former)
    found = deployment(PARENT, app, at, clusters, published(OLD, "there"), {"web": then}, ("web-3",))
    assert found is not None
    assert found["spec"]["applicationSet"] == {"name": app_set}


def test_two_specs_say_the_same_of_applications_whose_entries_and_clusters_are_alike() -> None:
    then = spec()
    first, *others = (each.name for each in then.applications or ())
    assert as_kept(then, spec()) == {first, *others}
    assert as_kept(then, spec(prechecks=[])) == {*others}
    assert as_kept(then, spec(name="other")) == {*others}
    clusters = deepcopy(SPEC["clusters"])
    clusters[0]["labels"] = {**clusters[0]["labels"], "more": "a"}
    assert as_kept(then, model(complex_cell(clusters=clusters)).spec) < {first, *others}


def test_a_cluster_that_an_edit_took_out_of_the_version_it_moves_to_is_one_of_the_spec_until_it_has_arrived() -> None:
    app, moves = (
        Application("web", ("web-1",), "v2"),
        replace(state(None), target=placed("web-1", "web-2", version="v2")),
    )
    assert clusters_of(app, state(None)) == ("web-1",)
    assert {*clusters_of(app, moves)} == {"web-1", "web-2"}
    assert clusters_of(replace(app, version="v3"), moves) == ("web-1",)
    assert clusters_of(app, replace(moves, failure=Failure(Phase.FAILED, "Degraded", "no", 0.0))) == ("web-1",)
    assert clusters_of(Application("web", (), ""), moves) == ()


def test_clusters_that_are_left_and_those_that_go_back_stay_as_they_are() -> None:
    app = (spec(argocd=argocd({"a": "9"}, "newest")).applications or ())[0]
    then = spec(argocd=argocd(OLD, "old"))
    before, there = {"web": then}, published(OLD, "there")

    def told(at: AppState, *clusters: str, wanted: tuple[str, ...] = ("web-3",)) -> tuple[dict[str, str], list[str]]:
        nonlocal there
        found = deployment(PARENT, app, at, clusters, there, before, wanted)
        assert found is not None
        there = found
        return found["spec"]["clusterSecret"]["labels"], found["spec"].get("retained", [])

    old, moves = (
        ["mysystem-web-1", "mysystem-web-2"],
        replace(state(placed(*WEB)), target=placed("web-3", version="v3")),
    )
    assert told(moves, *WEB) == (OLD, []), "not published elsewhere yet"
    assert told(moves, *WEB, "web-3") == ({"a": "9"}, old), "another value for a label that only they have"
    assert told(moves, *WEB, "web-3", wanted=("web-4",)) == ({"a": "9"}, [*old, "mysystem-web-3"]), "and yet others"
    failed = replace(moves, failure=Failure(Phase.FAILED, "Degraded", "no", 0.0))
    assert told(failed, *WEB) == (OLD, old)
    assert told(state(placed(*WEB)), *WEB) == (OLD, old)
    arrived = state(placed("web-3", version="v3"), former=WEB)
    before = {}
    assert told(arrived, *WEB, "web-3") == ({"a": "9"}, old)
    back = replace(arrived, target=placed(*WEB))
    app = (then.applications or ())[0]
    assert told(back, *WEB, "web-3", wanted=WEB) == (OLD, ["mysystem-web-3"]), "what is gone back to is waited for"


@pytest.mark.parametrize("either", ["former", "present"])
def test_what_must_not_run_twice_by_either_spec_does_not_on_the_way_back(either: str) -> None:
    first = {"updateStrategy": {"type": "DeleteBeforeCreate"}}

    def named(which: str) -> CellSpec:
        more = first if which == either else {}
        return spec(alb=None, checks=[], argocd=argocd(OLD, which) | more)

    app, before = (named("present").applications or ())[0], {"web": named("former")}
    made = deployment(PARENT, app, state(placed(*WEB)), WEB, None, before, ("web-3",))
    assert made is not None
    assert made["spec"]["applicationSet"] == {"name": "former"}
    assert made["spec"]["updateStrategy"] == first["updateStrategy"]


def test_a_deployment_that_was_deleted_is_made_by_the_former_spec_or_if_none_is_known_by_the_present_one() -> None:
    app = (spec(argocd=argocd(OLD, "newest")).applications or ())[0]
    then = spec(argocd=argocd(OLD, "old"))
    made = [deployment(PARENT, app, state(placed(*WEB)), WEB, None, {"web": each}, WEB) for each in (then, None)]
    assert [each and each["spec"]["applicationSet"]["name"] for each in made] == ["old", "newest"]


def test_what_argo_cd_does_not_deploy_has_no_deployment() -> None:
    app = (spec(argocd=None).applications or ())[0]
    assert deployment(PARENT, app, state(None), WEB, None, {}, WEB) is None


def child(version: str) -> Object:
    """The child Cell as it is there."""
    listed = [{"arn": group("w0"), "version": "v0"}]
    route = {"listenerARN": "the listener that is there", "targetGroups": listed}
    body = {"ingress": {"awsApplicationLoadBalancer": route}, "version": version, "bakeTime": "9m"}
    return PARENT.child("Cell", "mysystem-web", body)


def test_the_child_cell_that_goes_back_has_the_former_checks_and_listener() -> None:
    present, then = spec(checks=[]), spec()
    app = (present.applications or ())[:1]
    at, groups = [state(placed(*WEB))], (("v1", Group("web-1", group("w1"))),)
    back = route(PARENT, present, app, at, ("v1", groups), child("v2"), {"web": then})
    on = route(PARENT, present, app, at, ("v2", groups), child("v1"), {"web": then})
    assert back is not None
    assert on is not None
    assert [each["name"] for each in back["spec"]["checks"]] == ["dd"]
    assert "checks" not in on["spec"]
    assert (back["spec"]["version"], on["spec"]["version"]) == ("v1", "v2")


def test_the_child_cell_that_goes_back_has_the_former_settings_as_connected_and_paused_as_now() -> None:
    then = model(complex_cell(aws={"region": "us-east-1"}, bakeTime="1m", onDrift="Respect", healthTimeout="1m")).spec
    now: dict[str, Any] = {"aws": {"roleARN": "arn:aws:iam::123456789012:role/new"}, "onFailure": {"action": "Stop"}}
    now |= {"healthTimeout": "1h", "paused": True}
    present = model(complex_cell(bakeTime="9m", onDrift="Reassert", retainFor="9h", **now)).spec
    app, to = (present.applications or ())[:1], ("v1", (("v1", Group("web-1", group("w1"))),))
    back = route(PARENT, present, app, [state(placed(*WEB))], to, child("v2"), {"web": then})
    assert back is not None
    assert (back["spec"]["bakeTime"], "retainFor" in back["spec"]) == ("1m", False)
    assert back["spec"].get("onDrift", "Respect") == "Respect"
    now["aws"] |= {"region": "us-east-1"}
    assert {key: back["spec"][key] for key in now} == now


def test_a_child_cell_of_which_nobody_knows_more_keeps_the_rest() -> None:
    """The kept specs can't be read; the former one, or the present one, has no route for it."""
    present, without = spec(), spec(alb=None, checks=[])
    to = ("v1", (("v1", Group("web-1", group("w1"))),))
    for app, found in ((present, {"web": None}), (present, {"web": without}), (without, {})):
        entry = (app.applications or ())[:1]
        body = route(PARENT, app, entry, [state(placed(*WEB))], to, child("v2"), found)
        assert body is not None
        balancer = body["spec"]["ingress"]["awsApplicationLoadBalancer"]
        assert (body["spec"]["version"], body["spec"]["bakeTime"]) == ("v1", "9m")
        assert balancer["listenerARN"] == "the listener that is there"
        assert [each["arn"] for each in balancer["targetGroups"]] == [group("w1")]


def test_a_child_cell_that_is_gone_is_made_anew_if_it_has_a_route() -> None:
    present, without = spec(), spec(alb=None, checks=[])
    to = ("v1", (("v1", Group("web-1", group("w1"))),))
    made = route(PARENT, present, (present.applications or ())[:1], [state(placed(*WEB))], to, None, {"web": None})
    assert made is not None
    assert made["spec"]["version"] == "v1"
    assert route(PARENT, without, (without.applications or ())[:1], [state(placed(*WEB))], to, None, {}) is None
