"""Which Check objects a Cell creates, and what they are called: the seeds' names, and never one name for two things."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis import analysis_hash, check_name, checks_for
from okra.api.check import CheckSpec
from okra.api.checks import CellCheck
from okra.errors import Invalid

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def group(cluster: str, **more: str) -> dict[str, str]:
    return {"clusterName": cluster, "targetGroupName": f"tg-{cluster}", "version": "v2", **more}


def check(name: str = "dd", query: str = "... {{.Vars.clusterName}}", **analysis: Any) -> dict[str, Any]:
    return valid({"name": name, "analysis": {"query": query, "max": 0.1} | analysis})


def valid(check: dict[str, Any]) -> dict[str, Any]:
    """A Cell's check as the API takes it."""
    return CellCheck.model_validate(check).model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_queries_that_differ_between_clusters_make_one_check_each() -> None:
    made = checks_for("mysystem", [check()], [group("mycluster-web-1-v2"), group("mycluster-web-2-v2")])
    assert [item.name for item in made] == ["mysystem-dd-mycluster-web-1-v2", "mysystem-dd-mycluster-web-2-v2"]
    assert [item.cluster for item in made] == ["mycluster-web-1-v2", "mycluster-web-2-v2"]
    assert made[0].spec == {"analysis": {"interval": "10s", "query": "... mycluster-web-1-v2", "max": 0.1}}
    assert made[0].hash == analysis_hash(made[0].spec["analysis"]) != made[1].hash


def test_queries_that_are_the_same_everywhere_make_one_check_for_all() -> None:
    same = check(query="... {{.Vars.version}} ...")
    (made,) = checks_for("mysystem", [same], [group("web-1"), group("web-2")])
    assert (made.name, made.cluster) == ("mysystem-dd", "")
    assert made.spec["analysis"]["query"] == "... v2 ..."


def test_a_single_cluster_needs_no_suffix() -> None:
    (made,) = checks_for("mysystem", [check()], [group("web-1")])
    assert (made.name, made.cluster) == ("mysystem-dd", "")


def test_two_target_groups_of_one_cluster_are_told_apart_by_their_names() -> None:
    asks = check(query="{{.Vars.targetGroupName}}")
    groups = [group("web-1", targetGroupName="a"), group("web-1", targetGroupName="b"), group("web-2")]
    assert [item.name for item in checks_for("c", [asks], groups)] == ["c-dd-web-1-a", "c-dd-web-1-b", "c-dd-web-2"]


def test_clusters_that_ask_the_same_share_a_check() -> None:
    groups = [group("web-1"), group("web-2"), group("web-1")]
    assert [item.name for item in checks_for("c", [check()], groups)] == ["c-dd-web-1", "c-dd-web-2"]


def test_what_a_person_applied_makes_no_check_here() -> None:
    other = valid({"name": "other", "from": {"checkName": "theirs"}})
    assert checks_for("c", [other], [group("web-1")]) == []


def test_jobs_are_named_as_analyses_are() -> None:
    job = valid({"name": "job", "dryRun": True, "job": {"template": {"spec": {"image": "x", "args": ["a"]}}}})
    (one,) = checks_for("c", [job], [group("web-1"), group("web-2")])
    assert (one.name, one.spec) == ("c-job", {"job": job["job"], "dryRun": True})
    job["job"]["template"]["spec"]["args"] = ["{{.Vars.clusterName}}"]
    assert [each.name for each in checks_for("c", [job], [group("web-1"), group("web-2")])] == [
        "c-job-web-1",
        "c-job-web-2",
    ]


def test_without_target_groups_there_are_no_checks() -> None:
    assert checks_for("c", [check()], []) == []


def test_the_cells_interval_and_dry_run_are_kept() -> None:
    asks = valid({"name": "dd", "dryRun": True, "analysis": {"interval": "1m", "query": "q", "max": 1}})
    (made,) = checks_for("c", [asks], [group("web-1")])
    assert made.spec["analysis"]["interval"] == "1m"
    assert made.spec["dryRun"] is True


def test_a_provider_is_rendered_but_not_its_secret_nor_a_condition() -> None:
    web = {
        "url": "http://metrics/{{.Vars.version}}",
        "headers": {"X-Cluster": "{{.Vars.clusterName}}"},
        "secretRef": {"name": "w"},
    }
    condition = "result == '{{.Vars.version}}'"
    asks = valid({"name": "w", "analysis": {"provider": {"web": web}, "successCondition": condition}})
    (made,) = checks_for("c", [asks], [group("web-1", version="1/2")])
    assert made.spec["analysis"]["provider"]["web"] == {
        "url": "http://metrics/1%2F2",
        "headers": {"X-Cluster": "web-1"},
        "secretRef": {"name": "w"},
    }
    assert made.spec["analysis"]["successCondition"] == condition


def test_what_is_made_is_a_valid_check_that_says_no_more_than_the_cell() -> None:
    asks = check(query="{{.Vars.clusterName}}", provider={"prometheus": {"address": "http://p"}}, onNoData="Fail")
    (made,) = checks_for("c", [asks], [group("web-1")])
    assert made.spec == {
        "analysis": {
            "interval": "10s",
            "query": "web-1",
            "max": 0.1,
            "provider": {"prometheus": {"address": "http://p"}},
            "onNoData": "Fail",
        }
    }
    assert CheckSpec.model_validate(made.spec).analysis is not None


def test_a_datadog_query_refuses_values_with_spaces() -> None:
    problem = r"spec\.checks\[0\]\.analysis\.query: the value of clusterName holds ' '"
    with pytest.raises(Invalid, match=problem):
        checks_for("c", [check(provider={"datadog": {}})], [group("web 1")])
    elsewhere = check(provider={"prometheus": {"address": "http://p"}})
    assert len(checks_for("c", [elsewhere], [group("web 1")])) == 1


def test_an_unknown_variable_is_an_error_with_its_field_path() -> None:
    asks = check("other", query="{{.Vars.eksClusterName}}")
    problem = r"spec\.prechecks\[1\]\.analysis\.query: variable eksClusterName has no value here; this Cell gives"
    with pytest.raises(Invalid, match=problem):
        checks_for("c", [check(), asks], [group("web-1")], path="spec.prechecks")


def test_a_comparison_carries_the_same_query_for_the_stable_side() -> None:
    asks = check(query="{{.Vars.clusterName}}", successCondition="result <= stable")
    made = checks_for(
        "c",
        [asks],
        [group("new-1"), group("new-2"), group("new-3")],
        [group("old-1", version="v1"), group("old-2", version="v1")],
    )
    assert [item.stable and item.stable["query"] for item in made] == ["old-1", "old-2", "old-1"]
    (alone,) = checks_for("c", [asks], [group("new-1")])
    assert alone.stable is None


def test_a_check_that_does_not_compare_has_no_stable_side() -> None:
    (made,) = checks_for("c", [check()], [group("new-1")], [group("old-1")])
    assert made.stable is None


def test_the_same_query_compared_with_different_stable_clusters_is_two_checks() -> None:
    asks = check(query="{{.Vars.version}}", failureCondition="result > stable")
    groups = [group("new-1"), group("new-2")]
    made = checks_for("c", [asks], groups, [group("old-1", version="x"), group("old-2", version="y")])
    assert [item.name for item in made] == ["c-dd-new-1", "c-dd-new-2"]


def test_two_checks_that_would_share_a_name_are_refused_not_shared() -> None:
    checks = [check("dd"), check("dd-web-1", query="{{.Vars.version}}")]
    with pytest.raises(Invalid, match="check dd for web-1 and check dd-web-1 would share the name c-dd-web-1"):
        checks_for("c", checks, [group("web-1"), group("web-2")])


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("mysystem", "dd"), "mysystem-dd"),
        (("mysystem", "dd", ""), "mysystem-dd"),
        (("a", "b", "c", "d"), "a-b-c-d"),
        (("x" * 30, "y" * 32), "x" * 30 + "-" + "y" * 32),
    ],
)
def test_a_name_that_is_a_label_stays_as_it_is(parts: tuple[str, ...], name: str) -> None:
    assert check_name(*parts) == name


@pytest.mark.parametrize(
    ("parts", "start"),
    [
        (("x" * 31, "y" * 32), "x" * 31 + "-" + "y" * 20 + "-"),
        (("c", "dd", "Web_1"), "c-dd-web-1-"),
        (("my.cell", "dd"), "my-cell-dd-"),
        (("c", "dd", "web-1-"), "c-dd-web-1-"),
        (("é",), ""),
    ],
)
def test_any_other_name_becomes_one_and_gets_a_hash(parts: tuple[str, ...], start: str) -> None:
    name = check_name(*parts)
    assert re.fullmatch(re.escape(start) + "[0-9a-f]{10}", name)
    assert len(name) <= 63
    assert name == check_name(*parts)


def test_names_that_differ_only_in_what_a_label_cannot_hold_stay_different() -> None:
    clusters = ["web-1", "Web-1", "web.1", "web_1", "web-1-", "web/1", "x" * 80, "x" * 81]
    assert len({check_name("c", "dd", cluster) for cluster in clusters}) == len(clusters)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4).filter(any))
def test_every_name_is_a_dns_label(parts: list[str]) -> None:
    assert DNS_LABEL.fullmatch(check_name(*parts))


def test_the_hash_is_of_what_an_analysis_says_not_of_how_it_is_written() -> None:
    one = {"query": "é", "max": 0.1, "provider": {"prometheus": {"address": "http://p"}}}
    other = {"provider": {"prometheus": {"address": "http://p"}}, "max": 0.1, "query": "é"}
    assert analysis_hash(one) == analysis_hash(other)
    assert re.fullmatch("[0-9a-f]{10}", analysis_hash(one))
    assert analysis_hash(one) != analysis_hash({**one, "max": 0.2})
    assert analysis_hash({"query": "q"}) == "cf11c31927"
