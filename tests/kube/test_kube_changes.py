"""What is sent so that an object becomes what is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.errors import Conflict, Invalid
from okra.kube.changes import apply_patch, check_preconditions, difference, newborn, same, sendable
from okra.ports import Kind

KIND = Kind("g", "v1", "Widget", "widgets")
scalars = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner)
)
objects = st.dictionaries(st.sampled_from("abc"), values)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


def without_nulls(value: Any) -> Any:
    """As an API server keeps it: a null in a map is nothing."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


@given(objects, objects)
def test_a_difference_merged_into_the_old_gives_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    old = without_nulls(old)
    assert same(merged(old, difference(old, new)), without_nulls(new))


@given(objects)
def test_what_is_equal_has_no_difference(obj: dict[str, Any]) -> None:
    assert difference(without_nulls(obj), obj) == {}


def test_one_is_not_true() -> None:
    assert difference({"a": 1}, {"a": True}) == {"a": True}
    assert not same([1], [True])
    assert same({"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]})


def test_apply_takes_away_what_the_spec_no_longer_has_and_leaves_what_others_labelled() -> None:
    old = {"metadata": {"labels": {"theirs": "1", "ours": "1"}}, "spec": {"a": 1, "b": {"c": 1}}, "status": {"x": 1}}
    body = {"metadata": {"labels": {"ours": "2"}}, "spec": {"b": {"d": 2}}, "status": {"x": 2}}
    assert apply_patch(old, body) == {
        "spec": {"a": None, "b": {"c": None, "d": 2}},
        "metadata": {"labels": {"ours": "2"}},
    }


def test_apply_adds_owners_and_finalizers_to_those_of_others() -> None:
    one, two = {"uid": "1", "name": "one"}, {"uid": "2", "name": "two"}
    old = {"metadata": {"ownerReferences": [one], "finalizers": ["x/y"]}}
    body = {"metadata": {"ownerReferences": [two, one], "finalizers": ["x/z", "x/y"]}}
    assert apply_patch(old, body) == {"metadata": {"ownerReferences": [one, two], "finalizers": ["x/y", "x/z"]}}


def test_apply_of_what_is_there_is_nothing() -> None:
    old = {"metadata": {"name": "a", "labels": {"a": "b"}, "uid": "1"}, "spec": {"a": [1]}}
    assert apply_patch(old, {"metadata": {"name": "a"}, "spec": {"a": [1]}}) == {}


def test_a_patch_leaves_out_what_only_the_server_sets_but_not_its_preconditions() -> None:
    metadata = {"uid": "u", "resourceVersion": "7", "generation": 9, "managedFields": [], "labels": {"a": None}}
    assert sendable({"metadata": metadata, "status": {"x": 1}, "spec": {"y": None}}) == {
        "metadata": {"uid": "u", "resourceVersion": "7", "labels": {"a": None}},
        "spec": {"y": None},
    }
    assert sendable({"metadata": None}) == {"metadata": None}


def test_a_new_object_is_sent_without_the_servers_fields_and_the_callers_is_not_touched() -> None:
    body = {"metadata": {"name": "a", "resourceVersion": "7", "uid": "u"}, "spec": {}}
    sent = newborn(KIND, body)
    assert sent == {
        "apiVersion": "g/v1",
        "kind": "Widget",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {},
    }
    assert body["metadata"]["uid"] == "u"


@pytest.mark.parametrize("body", [{}, {"metadata": []}, {"metadata": {}, "kind": "Gadget"}])
def test_a_body_that_is_none_of_this_kind_is_invalid(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        newborn(KIND, body)


@pytest.mark.parametrize(("field", "wanted"), [("uid", "2"), ("resourceVersion", "8")])
def test_a_precondition_that_does_not_hold_is_a_conflict(field: str, wanted: str) -> None:
    old = {"kind": "Widget", "metadata": {"name": "a", "uid": "1", "resourceVersion": "7"}}
    check_preconditions(old, {"metadata": {"uid": "1", "resourceVersion": "7"}})
    with pytest.raises(Conflict, match=field):
        check_preconditions(old, {"metadata": {field: wanted}})
