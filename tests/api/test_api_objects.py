"""YAML and JSON are read as kubectl reads them, with lines, within bounds, past what is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from okra.api.objects import load_objects, read_objects
from okra.errors import Invalid


def value_of(text: str) -> Any:
    objects, problems = read_objects(f"kind: X\nvalue: {text}\n")
    assert problems == []
    return objects[0].object["value"]


def problems_of(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in read_objects(text)[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-20", "2026-11-20"),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("1e-3", 0.001),
        ("0.1", 0.1),
        ("2.0", 2),
        ("-1e3", -1000),
        ("1e300", 1e300),
        ("10", 10),
        ("010", 8),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-5", -5),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("", None),
        ('"10"', "10"),
        ("'yes'", "yes"),
        ("!!str 10", "10"),
        ('!!int "10"', 10),
        ("9" * 100, "9" * 100),
        ("0b_", "0b_"),
        ("{1: a, true: b, null: c, 1.5: d, 2.0: e}", {"1": "a", "true": "b", "null": "c", "1.5": "d", "2": "e"}),
        ("|\n  a\n  b", "a\nb\n"),
    ],
)
def test_a_scalar_is_what_kubectl_makes_of_it(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_a_document_in_braces_need_not_be_json() -> None:
    assert load_objects("{kind: A, name: é}")[0].object == {"kind": "A", "name": "é"}
    assert load_objects('{"kind":\t"A",\n\t"name": "\\ud83d\\ude00\\/\x7f\u2028"}')[0].object["name"] == "😀/\x7f\u2028"


def test_a_whole_number_with_a_point_is_an_integer_in_json_too_as_kubectl_sends_it() -> None:
    assert repr(load_objects('{"kind": "A", "value": 2.0}')[0].object["value"]) == "2"


def test_infinity_and_nan_are_numbers_here_and_findings_later() -> None:
    assert value_of("-.inf") == float("-inf")
    assert value_of(".nan") != value_of(".nan")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=9,
    )
)
def test_json_is_read_as_json(value: Any) -> None:
    objects, problems = read_objects(json.dumps({"kind": "X", "value": value}, indent="\t"))
    assert problems == []
    assert objects[0].object == {"kind": "X", "value": value}


@given(st.text(st.sampled_from("ab:- \n'\"{}[]#&*!|>%@`,?~\t\x00é\ud800<1"), max_size=60))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    objects, problems = read_objects(text)
    assert all(isinstance(each.object, dict) for each in objects)
    assert all(1 <= problem.line <= text.count("\n") + 2 for problem in problems)


def test_every_field_has_its_line() -> None:
    text = "# a comment\nkind: A\nmetadata:\n  name: a\nspec:\n- x: 1\n  y:\n    - 2\n"
    first, second = load_objects(text + "---\nkind: B\nspec: {a: 1,\n  b: 2}\n")
    assert (first.line, second.line) == (2, 10)
    assert first.line_of(("metadata", "name")) == 4
    assert first.line_of(("spec", 0, "y", 0)) == 8
    assert second.line_of(("spec", "b")) == 12


def test_a_missing_field_has_the_line_of_what_surrounds_it() -> None:
    (loaded,) = load_objects("kind: A\nspec:\n  a:\n    b: 1\n")
    assert loaded.line_of(("spec", "a", "c", 0, "d")) == 3
    assert loaded.line_of(("metadata", "name")) == 1


def test_an_object_is_known_by_kind_name_and_namespace() -> None:
    first, second = load_objects(
        "apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: n}\n---\nkind: 5\nmetadata: []\n"
    )
    assert (first.api_version, first.kind, first.namespace, first.name) == ("v1", "A", "n", "a")
    assert (second.api_version, second.kind, second.namespace, second.name) == ("", "", "default", "")


def test_windows_line_ends_a_byte_order_mark_and_empty_documents_are_no_problem() -> None:
    objects, problems = read_objects("\ufeff---\r\n# nothing\r\n---\r\nkind: A\r\n---\r\n---\r\nkind: B\r\n...\r\n")
    assert problems == []
    assert [(each.kind, each.line) for each in objects] == [("A", 4), ("B", 7)]


def test_the_items_of_a_list_are_objects() -> None:
    objects, problems = read_objects("kind: List\nitems:\n- kind: A\n  spec: {}\n- kind: B\n- 5\n")
    assert [(each.kind, each.line) for each in objects] == [("A", 3), ("B", 5)]
    assert objects[0].line_of(("spec",)) == 4
    assert [(each.line, each.message) for each in problems] == [(6, "is no object: items are maps")]


def test_anchors_and_merges_are_followed() -> None:
    (loaded,) = load_objects("kind: A\na: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [*a, {z: 4}]}\n")
    assert loaded.object["b"] == {"x": 1, "y": 2}
    assert loaded.object["c"] == {"x": 1, "y": 3}
    assert loaded.object["d"] == {"x": 1, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("kind: A\n\tspec: 1\n", 2, "a tab can't indent"),
        ("kind: A\nspec: @x\n", 2, "begins with @ belongs in quotes"),
        ("kind: A\nquery: {{.Vars.x}}\n", 2, "begins with { or [ belongs in quotes"),
        ("kind: A\nspec: [1, 2\n", 2, "while parsing a flow sequence"),
        ("kind: 'A\n", 1, "unexpected end of stream"),
        ("kind: A\n  spec: 1\n", 2, "mapping values are not allowed"),
        ("kind: A\nspec: *x\n", 2, "names nothing"),
        ("kind: A\nspec: &x [*x]\n", 2, "names nothing"),
        ("kind: A\nspec: !Ref x\n", 2, "the tag !Ref is not known"),
        ("kind: A\nspec: {<<: 5}\n", 2, "<< merges maps"),
        ("kind: A\nspec: a\x07b\n", 2, "control character"),
        ("- kind: A\n", 1, "is no object"),
        ("just words\n", 1, "is no object"),
    ],
)
def test_text_that_is_no_yaml_says_where_and_what_to_do(text: str, line: int, says: str) -> None:
    ((found, message),) = problems_of(text)
    assert found == line
    assert says in message


def test_a_forgotten_colon_is_named_and_the_rest_is_read() -> None:
    text = "kind: A\nspec:\n  checks:\n  - name: dd\n    analysis\n      query: |\n        x\n"
    objects, problems = read_objects(text + "  ingress   # here too\n    type: b\n")
    assert [(each.line, each.message.rpartition("; ")[2]) for each in problems] == [
        (5, "did you forget ':' after 'analysis'?"),
        (8, "did you forget ':' after 'ingress'?"),
    ]
    spec = {"checks": [{"name": "dd", "analysis": {"query": "x\n"}}], "ingress": {"type": "b"}}
    assert objects[0].object == {"kind": "A", "spec": spec}
    assert problems[0].kind == "A"


def test_a_bare_word_is_left_alone_when_it_is_not_the_cause() -> None:
    ((line, message),) = problems_of("kind: A\nnote: |\n  word\n    deeper\nvalue: @x\n")
    assert (line, "did you forget" in message) == (5, False)


def test_a_broken_document_does_not_hide_the_others() -> None:
    objects, problems = read_objects("kind: A\n---\nkind: [\n---\nkind: C\n")
    assert [each.kind for each in objects] == ["A", "C"]
    assert [each.line for each in problems] == [4]


def test_a_key_that_is_given_twice_is_a_problem_of_its_object() -> None:
    (loaded,) = read_objects("kind: A\nspec:\n  a: 1\n  b: {c: 1, c: 2}\n  a: 2\n")[0]
    assert [(each.line, each.loc) for each in loaded.duplicates] == [(4, ("spec", "b", "c")), (5, ("spec", "a"))]
    with pytest.raises(Invalid, match="line 5: is given twice, first in line 3: remove one"):
        load_objects("kind: A\nspec:\n  a: 1\n  b: 1\n  a: 2\n")


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    """Or this would take longer than the universe has."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "more than 100000 values" in problems_of("\n".join(lines))[0][1]
    for base in ("{}", "{k: v}"):
        merges = [f"b0: &b0 {base}", *(f"b{n}: &b{n} {{<<: [*b{n - 1}, *b{n - 1}]}}" for n in range(1, 60))]
        assert "more than 100000 values" in problems_of("\n".join(merges))[0][1]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "\n".join(" " * n + "a:" for n in range(900))]
)
def test_depth_is_refused_and_not_a_crash(text: str) -> None:
    assert any("nested more than 64 deep" in message for _, message in problems_of(text))


@pytest.mark.parametrize("form", ["{{x: *a{}}}", "{{<<: *a{}}}"])
def test_depth_by_aliases_is_refused_as_well(form: str) -> None:
    text = "\n".join(["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {form.format(n - 1)}" for n in range(1, 80))])
    assert any("nested more than 64 deep" in message for _, message in problems_of(text))


def test_many_forgotten_colons_end_in_a_list_of_them() -> None:
    text = "kind: A\n" + "".join(f"k{n}\n  x: 1\n" for n in range(30))
    lines = [line for line, _ in problems_of(text)]
    assert lines == sorted(lines)
    assert len(lines) == 20


def test_what_another_library_writes_is_read_the_same() -> None:
    value = {
        "kind": "A",
        "spec": {"a": [1, "1", None, True, "yes", "2026-11-20", 0.5, "a: b", "#c"], "é": "multi\nline\n"},
    }
    assert load_objects(yaml.safe_dump(value))[0].object == value
