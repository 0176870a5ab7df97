"""Selectors match labels as Kubernetes does, and are written as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.api.label_selectors import ClusterSelector, LabelSelector, TextSelector
from okra.api.selectors import Operator, Requirement, Selector

LABELS = {"app": "api", "tier": "a", "empty": ""}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("  ", True),
        ("app=api", True),
        ("app==api", True),
        ("app = web", False),
        ("app!=web", True),
        ("team!=x", True),
        ("tier in (a,b)", True),
        ("tier in (b, c)", False),
        ("tier notin (b,c)", True),
        ("team notin (b)", True),
        ("app", True),
        ("team", False),
        ("!team", True),
        ("!app", False),
        ("empty=", True),
        ("empty", True),
        ("app=api,tier in (a,b),!team", True),
        ("app=api , tier in (a,b) , team", False),
        ("okra.mumoshu.github.io/version=1.0.0", False),
    ],
)
def test_a_selector_string_matches_as_in_kubernetes(text: str, holds: bool) -> None:
    assert Selector.parse(text).matches(LABELS) is holds


@pytest.mark.parametrize(
    "text", ["app in api", "app in ()", "app in (a,)", "a b", "=a", "app>5", ",", "a,,b", "(a)", "a=b=c"]
)
def test_what_is_no_selector_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none of|write the values"):
        Selector.parse(text)


WORDS = st.text("abcxyz-_./0", min_size=1, max_size=6).filter(lambda word: word not in ("in", "notin"))
REQUIREMENTS = st.one_of(
    st.builds(Requirement, WORDS, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
    st.builds(
        Requirement,
        WORDS,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    ),
)


@given(st.lists(REQUIREMENTS, max_size=4))
def test_a_selector_reads_what_it_writes(requirements: list[Requirement]) -> None:
    selector = Selector(tuple(requirements))
    assert Selector.parse(str(selector)) == selector


@given(REQUIREMENTS, st.dictionaries(WORDS, WORDS, max_size=3))
def test_an_operator_and_its_opposite_never_agree(requirement: Requirement, labels: dict[str, str]) -> None:
    opposites = {
        Operator.IN: Operator.NOT_IN,
        Operator.NOT_IN: Operator.IN,
        Operator.EXISTS: Operator.DOES_NOT_EXIST,
        Operator.DOES_NOT_EXIST: Operator.EXISTS,
    }
    opposite = Requirement(requirement.key, opposites[requirement.operator], requirement.values)
    assert requirement.matches(labels) is not opposite.matches(labels)


def test_a_specs_selector_wants_labels_and_expressions() -> None:
    spec = {
        "matchLabels": {"app": "api"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
    }
    selector = LabelSelector.model_validate(spec)
    assert selector.matches(LABELS)
    assert not selector.matches({**LABELS, "tier": "c"})
    assert str(selector.selector) == "app=api,tier in (a,b)"


def test_a_selector_string_and_its_long_form_are_equal() -> None:
    assert TextSelector.model_validate("app=api,!old").selector == Selector.parse("app=api,!old")
    written = TextSelector.model_validate("app=api,!old").model_dump(mode="json", exclude_unset=True)
    assert TextSelector.model_validate(written).selector == Selector.parse("app=api,!old")


@pytest.mark.parametrize("written", [{"role": "web"}, {"matchLabels": {"role": "web"}}])
def test_a_cluster_selector_takes_plain_labels_as_well(written: dict[str, object]) -> None:
    selector = ClusterSelector.model_validate(written)
    assert selector.tags is None
    assert selector.labels == Selector.parse("role=web")
    assert selector.model_dump(mode="json", exclude_none=True) == written


def test_a_cluster_selector_by_tags_says_nothing_about_labels() -> None:
    selector = ClusterSelector.model_validate({"matchEKSTags": {"role": "web"}})
    assert selector.labels is None
    assert selector.tags == Selector.parse("role=web")
