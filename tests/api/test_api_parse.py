"""`parse` takes anything and says everything."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from okra.api.cell import Cell
from okra.api.kinds import KINDS
from okra.api.parse import parse, parse_as
from okra.api.provider import Provider
from tests.api.cases import CASES, VALID, merged

DATA = Path(__file__).with_name("data")
SIMPLE = next(case.object for case in CASES if case.name == "the smallest Cell")


def simple(patch: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = merged(SIMPLE, patch)
    return result


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.name)
def test_the_documents_of_the_readmes_parse_once_filled_in(file: Path) -> None:
    model, findings = parse(yaml.safe_load(file.read_text()))
    assert findings == []
    assert isinstance(model, Cell)


def test_what_a_cell_leaves_out_is_none() -> None:
    model, _ = parse(SIMPLE)
    assert isinstance(model, Cell)
    spec = model.spec
    left_out = (
        spec.update_strategy.canary,
        spec.bake_time,
        spec.retain_for,
        spec.propagation_delay,
        spec.health_timeout,
        spec.min_healthy_targets,
        spec.on_failure.action,
        spec.on_failure.delay,
        spec.progress_deadline,
    )
    assert left_out == (None,) * len(left_out)
    assert (spec.drain_timeout.seconds, spec.paused, model.metadata.namespace) == (300, False, "default")


def test_all_findings_come_at_once_even_behind_a_typo() -> None:
    obj = simple({"spec": {"replica": 9, "bakeTime": 5, "version": 2.1, "checks": [{"nam": "DD", "from": {}}]}})
    del obj["spec"]["replicas"]
    _, findings = parse(obj)
    assert [finding.path for finding in findings] == [
        "spec.checks[0].nam",
        "spec.replica",
        "spec.version",
        "spec.checks[0].name",
        "spec.checks[0].from.checkName",
        "spec.bakeTime",
    ]


def test_a_typo_hides_neither_the_rules_of_its_value_nor_of_what_surrounds_it() -> None:
    obj = simple({"spec": {"replica": 9}})
    del obj["spec"]["replicas"]
    _, findings = parse(obj)
    typo, rule = findings
    assert str(typo) == "spec.replica: unknown field; did you mean replicas?"
    assert str(rule).startswith("spec.replicas: must be at most 4: a forward action holds 5 target groups")


def test_without_an_api_version_the_rest_is_judged_too() -> None:
    obj = simple({"spec": {"replicas": 0}})
    del obj["apiVersion"]
    _, findings = parse(obj)
    assert [finding.path for finding in findings] == ["apiVersion", "spec.replicas"]


def test_status_is_ignored() -> None:
    model, findings = parse({**SIMPLE, "status": {"anything": ["at", {"all": None}]}})
    assert findings == []
    assert model is not None


def test_null_is_absent() -> None:
    obj = copy.deepcopy(SIMPLE)
    obj["spec"] |= {"bakeTime": None, "checks": None, "onFailure": None, "paused": None}
    model, findings = parse(obj)
    assert findings == []
    assert isinstance(model, Cell)
    assert model.spec.checks == ()


def test_metadata_of_a_newer_server_is_no_reason_to_stop() -> None:
    stored = {"uid": "1", "resourceVersion": "5", "managedFields": [{"f": {}}], "somethingNew": {"a": 1}}
    assert parse(simple({"metadata": stored}))[1] == []
    del stored["uid"]
    assert [finding.path for finding in parse(simple({"metadata": stored}))[1]] == ["metadata.somethingNew"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "an object is a map"),
        ([], "an object is a map"),
        ({}, "is required"),
        ({"kind": 5}, "is required"),
        (simple({"spec": {"version": float("nan")}}), "finite"),
        (simple({"spec": {"replicas": 10**400}}), "too large"),
        (simple({"spec": {"version": "\ud800"}}), "no valid Unicode"),
        (simple({"spec": {"\udfff": 1}}), "no string of valid Unicode"),
        (simple({"spec": {5: 1}}), "no string of valid Unicode"),
        (simple({"spec": {"version": b"1"}}), "no JSON value but a bytes"),
        (simple({"spec": {"a": {"b": {"c" * 500: "\x1b[2J"}}}}), "unknown field"),
    ],
)
def test_garbage_is_a_finding(value: object, says: str) -> None:
    model, findings = parse(value)
    assert model is None
    assert any(says in finding.message for finding in findings)
    assert all(str(finding).isprintable() for finding in findings)


def test_bottomless_and_endless_objects_are_findings() -> None:
    deep: dict[str, Any] = {}
    for _ in range(10_000):
        deep = {"a": deep}
    endless: dict[str, Any] = {}
    endless["spec"] = endless
    for value in (deep, endless):
        assert "deep" in parse(value)[1][0].message
    assert "more than" in parse(simple({"spec": {"checks": [0] * 200_000}}))[1][0].message


def test_values_that_may_be_secrets_are_not_repeated() -> None:
    secret = "s3cret-value"
    web = {"url": f"http://user:{secret}@example.com", "headers": {"Authorization": [secret], "X": secret + "\n"}}
    spec = {
        "aws": {"externalID": secret + "!"},
        "checks": [{"name": "a", "analysis": {"max": secret, "provider": {"web": web}}}],
    }
    _, findings = parse(simple({"spec": spec}))
    assert len(findings) == 5
    assert not any(secret in str(finding) for finding in findings)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            {"checks": [{"name": f"c{n}", "from": {"checkName": "a"}} for n in range(40)]},
            "spec.checks: holds 40 entries; at most 16",
        ),
        ({"version": "v" * 300}, "spec.version: must be at most 253 characters long, not 300"),
        ({"ingresses": [None]}, "spec.ingresses[0]: must be a map, not empty"),
        ({"paused": "true"}, "spec.paused: must be true or false, not a string"),
        ({"onDrift": True}, "spec.onDrift: must be Respect or Reassert, not true or false"),
        (
            {"checks": [{"name": "a", "analysis": {"max": [1]}}]},
            "spec.checks[0].analysis.max: must be a number, not a list",
        ),
    ],
)
def test_every_kind_of_mistake_has_words(spec: dict[str, Any], says: str) -> None:
    assert says in [str(finding) for finding in parse(simple({"spec": spec}))[1]]


def _cost(spec: dict[str, Any]) -> float:
    began = time.process_time()
    _, findings = parse(simple({"spec": spec}))
    assert len(findings) == 100
    return time.process_time() - began


def test_ten_times_as_many_mistakes_cost_some_ten_times_as_much_and_few_are_named() -> None:
    """In squares it would be a hundred times."""
    assert _cost({f"x{n}": n for n in range(90_000)}) < 40 * _cost({f"x{n}": n for n in range(9_000)})
    assert _cost({"checks": [{"nam": "DD"}] * 30_000}) < 40 * _cost({"checks": [{"nam": "DD"}] * 3_000})


def test_selectors_are_bounded() -> None:
    complex_cell = next(case.object for case in VALID if case.name == "clusters and applications")
    application = complex_cell["spec"]["applications"][0]
    labels = {f"l{n}": "x" for n in range(60)}
    long = merged(application, {"argocd": {"applicationSet": {"name": None, "selector": "a," * 600}}})
    for each, says in (({**application, "clusterSelector": labels}, "at most 50"), (long, "at most 1024 characters")):
        _, findings = parse(merged(complex_cell, {"spec": {"applications": [each]}}))
        assert [says in finding.message for finding in findings] == [True]


def test_typos_below_typos_are_found_until_they_are_too_many() -> None:
    typo = {"ingres": {"awsApplicationLoadBalncer": {"targetGroupSelektor": {"matchLabel": {"a": "b"}}}}}
    obj = merged(SIMPLE, {"spec": {"ingress": None, **typo}})
    assert [finding.path.rpartition(".")[2] for finding in parse(obj)[1]][:4] == [
        "ingres",
        "awsApplicationLoadBalncer",
        "targetGroupSelektor",
        "matchLabel",
    ]


def test_a_part_is_parsed_by_itself() -> None:
    provider, findings = parse_as(Provider, {"datadog": {"site": "datadoghq.eu"}})
    assert findings == []
    assert provider is not None
    assert provider.datadog is not None
    _, findings = parse_as(Provider, {"datadog": {"sites": "datadoghq.eu"}})
    assert [str(finding) for finding in findings] == ["datadog.sites: unknown field; did you mean site?"]
    assert parse_as(Provider, "datadog")[1][0].message == "must be a map, not a string"


TOKENS = [
    "result",
    "stable",
    "(",
    ")",
    "[",
    "]",
    "{",
    "<",
    "&&",
    "!",
    "-",
    "?",
    ".",
    "1",
    "'",
    '"a"',
    ".all(",
    "\n",
    "é",
]


@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=6), st.sampled_from([1, 1, 4, 60, 200]))
def test_no_expression_makes_parse_raise(tokens: list[str], times: int) -> None:
    text = ("".join(tokens) * times)[:1024]
    provider = {"web": {"url": "http://a", "jmesPath": text}}
    check = {"name": "a", "analysis": {"successCondition": text, "provider": provider}}
    _, findings = parse(simple({"spec": {"checks": [check]}}))
    wrong = {finding.path.rpartition(".")[2] for finding in findings}
    assert wrong <= {"successCondition", "jmesPath"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_parse_never_raises_on_any_value(value: object) -> None:
    model, findings = parse(value)
    assert (model is None) == bool(findings)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(["spec", "metadata", "status", "x"]), JSON))
def test_parse_never_raises_on_any_object_of_its_kinds(info: Any, rest: dict[str, Any]) -> None:
    model, findings = parse({"apiVersion": info.api_version, "kind": info.kind, **rest})
    assert (model is None) == bool(findings)


def places(value: Any, loc: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [loc, *(each for key, below in entries for each in places(below, (*loc, key)))]


@settings(max_examples=400)
@given(st.data())
def test_parse_never_raises_on_a_valid_object_with_a_part_replaced(data: st.DataObject) -> None:
    obj = copy.deepcopy(data.draw(st.sampled_from(VALID)).object)
    *above, last = data.draw(st.sampled_from(places(obj)[1:]))
    holder: Any = obj
    for key in above:
        holder = holder[key]
    match data.draw(st.sampled_from(["replace", "remove", "rename", "repeat"])):
        case "replace":
            holder[last] = data.draw(JSON)
        case "remove":
            del holder[last]
        case "rename" if isinstance(holder, dict):
            holder[data.draw(st.text(max_size=8))] = holder.pop(last)
        case _:
            holder[last] = [holder[last]] * 3
    model, findings = parse(obj)
    assert (model is None) == bool(findings)
    assert all(str(finding).isprintable() for finding in findings)
    if model is not None:
        json.dumps(model.model_dump(mode="json", by_alias=True))
