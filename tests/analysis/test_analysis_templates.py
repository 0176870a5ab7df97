"""Variables in queries: found before the rollout, filled in once, and never a way to change what a query asks."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis.templates import LONGEST_VALUE, Place, render, render_all, variables_in
from okra.errors import Invalid

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-v2/0123456789abcdef"
VARS = {"clusterName": "web-1", "version": "1.2.0", "targetGroupARN": ARN}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no variables", "no variables"),
        ("{{.Vars.clusterName}}", "web-1"),
        ("{{ .Vars.clusterName }}", "web-1"),
        ("{{\t.Vars.clusterName\n}}", "web-1"),
        ("avg:errors{cluster:{{.Vars.clusterName}}}.as_rate()", "avg:errors{cluster:web-1}.as_rate()"),
        ("sum:x{{{.Vars.version}}}", "sum:x{1.2.0}"),
        ('rate(x{c="{{.Vars.clusterName}}",v="{{ .Vars.version }}"}[1m])', 'rate(x{c="web-1",v="1.2.0"}[1m])'),
        ("{{.Vars.clusterName}}{{.Vars.version}}", "web-11.2.0"),
        ("{{.Vars.targetGroupARN}}", ARN),
        ("", ""),
    ],
)
def test_variables_are_filled_in(text: str, expected: str) -> None:
    assert render(text, VARS) == expected


def test_the_variables_of_a_text_are_known_without_values() -> None:
    assert variables_in("{{.Vars.a}} {{ .Vars.b }} {{.Vars.a}}") == {"a", "b"}
    assert variables_in("rate(x[1m])") == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "{{clusterName}}",
        "{{ .Values.x }}",
        "{{.Vars.a | quote}}",
        "{{if .Vars.a}}x{{end}}",
        "{{.Vars.}}",
        "{{.Vars.a.b}}",
        "{{.Vars.a",
        "{{",
        "{{}}",
    ],
)
def test_any_other_template_action_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"only {{\.Vars\.name}} can be filled in"):
        variables_in(text)


def test_an_unknown_variable_is_named_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as caught:
        render("{{.Vars.clustername}}", VARS)
    assert str(caught.value) == ("unknown variable clustername; this Cell gives clusterName, targetGroupARN, version")


def test_a_known_variable_without_a_value_here_is_told_apart() -> None:
    with pytest.raises(Invalid, match="variable eksClusterName has no value here; this Cell gives none"):
        render("{{.Vars.eksClusterName}}", {})


def test_values_are_never_expanded_again() -> None:
    with pytest.raises(Invalid, match="the value of version holds"):
        render("{{.Vars.version}}", {"version": "{{.Vars.clusterName}}"})


@pytest.mark.parametrize("hostile", [*list("\"'`{}()[]\\,;|&!<>~*$%#?^\n\r\t\x00\x7f"), "é", "\u2028", "\u202e"])
def test_a_value_that_could_break_out_of_a_query_is_refused(hostile: str) -> None:
    for place in Place:
        with pytest.raises(Invalid) as caught:
            render("x{{.Vars.version}}x", {"version": f"1.0{hostile}0"}, place)
        assert "the value of version holds" in str(caught.value)
        assert "change the tag it comes from" in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(("value", "problem"), [("", "is empty"), ("x" * (LONGEST_VALUE + 1), "at most 512")])
def test_a_value_must_be_there_and_short(value: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        render("{{.Vars.version}}", {"version": value})


def test_a_value_of_the_greatest_length_is_filled_in() -> None:
    assert render("{{.Vars.version}}", {"version": "x" * LONGEST_VALUE}) == "x" * LONGEST_VALUE


def test_a_value_that_no_query_uses_is_not_judged() -> None:
    assert render("{{.Vars.clusterName}}", {"clusterName": "a", "version": '"; drop'}) == "a"


def test_a_space_is_refused_in_datadog_where_it_would_begin_another_condition() -> None:
    text = "avg:errors{version:{{.Vars.version}}}"
    assert render(text, {"version": "1 OR env:other"}) == "avg:errors{version:1 OR env:other}"
    with pytest.raises(Invalid, match="holds ' '"):
        render(text, {"version": "1 OR env:other"}, Place.DATADOG)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.2.0", "http://h/1.2.0/x"),
        ("a/../b", "http://h/a%2F..%2Fb/x"),
        ("evil.example:80@", "http://h/evil.example%3A80%40/x"),
        ("a b+c", "http://h/a%20b%2Bc/x"),
    ],
)
def test_in_a_url_a_value_stays_within_its_part(value: str, expected: str) -> None:
    assert render("http://h/{{.Vars.version}}/x", {"version": value}, Place.URL) == expected


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_that_would_leave_the_urls_path_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match=re.escape(repr(value))):
        render("http://h/{{.Vars.version}}/x", {"version": value}, Place.URL)
    assert render("{{.Vars.version}}", {"version": value}) == value


def test_every_text_of_a_structure_is_rendered_where_it_has_a_place() -> None:
    node = {"a": "{{.Vars.version}}", "b": ["x", {"c": "{{.Vars.clusterName}}"}, 1, None], "d": "{{.Vars.unknown}}"}
    done = render_all(node, VARS, lambda path: None if path == ("d",) else Place.QUERY)
    assert done == {"a": "1.2.0", "b": ["x", {"c": "web-1"}, 1, None], "d": "{{.Vars.unknown}}"}
    assert node["a"] == "{{.Vars.version}}"


def test_a_problem_in_a_structure_has_its_path() -> None:
    with pytest.raises(Invalid, match=r"^web\.headers\.1: unknown variable x"):
        render_all({"web": {"headers": ["ok", "{{.Vars.x}}"]}}, VARS, lambda _: Place.QUERY)


SAFE = st.text("abcXYZ019 ._:/@+=-", min_size=1, max_size=20)


@given(st.lists(st.sampled_from(["clusterName", "version"]), max_size=5), SAFE, SAFE)
def test_rendering_is_plain_substitution(names: list[str], cluster: str, version: str) -> None:
    values = {"clusterName": cluster, "version": version}
    text = "|".join(f"{{{{ .Vars.{name} }}}}" for name in names)
    assert render(text, values) == "|".join(values[name] for name in names)


@given(st.text(max_size=20))
def test_whatever_a_tag_holds_what_is_inserted_is_harmless(value: str) -> None:
    try:
        inserted = render("{{.Vars.version}}", {"version": value})
        in_url = render("{{.Vars.version}}", {"version": value}, Place.URL)
    except Invalid:
        return
    assert inserted == value == unquote(in_url)
    assert re.fullmatch(r"[A-Za-z0-9 ._:/@+=-]+", inserted)
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", in_url)
