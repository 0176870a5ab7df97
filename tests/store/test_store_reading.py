"""get and list, and the copies they return."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from okra.errors import Invalid, NotFound
from okra.ports import ObjectStore
from tests.store.kinds import GADGET, WIDGET, gadget, widget


async def names(store: ObjectStore, ns: str | None, selector: str | None = None) -> list[str]:
    return [item["metadata"]["name"] for item in (await store.list(WIDGET, ns, selector)).items]


async def test_what_was_created_is_what_get_returns(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns, labels={"tier": "web"}, spec={"size": 3, "deep": {"x": [1]}}))
    assert await store.get(WIDGET, ns, "a") == created
    assert created["spec"] == {"size": 3, "deep": {"x": [1]}}
    assert created["metadata"]["labels"] == {"tier": "web"}
    assert (created["apiVersion"], created["kind"]) == (WIDGET.api_version, WIDGET.kind)


async def test_an_object_that_is_not_there_is_not_found_and_the_error_names_it(store: ObjectStore, ns: str) -> None:
    with pytest.raises(NotFound, match="absent"):
        await store.get(WIDGET, ns, "absent")


async def test_kinds_and_namespaces_keep_objects_of_one_name_apart(store: ObjectStore, ns: str, elsewhere: str) -> None:
    await store.create(WIDGET, widget("a", ns, spec={"size": 1}))
    await store.create(GADGET, gadget("a", ns, spec={"size": 2}))
    assert (await store.get(WIDGET, ns, "a"))["spec"] == {"size": 1}
    assert (await store.get(GADGET, ns, "a"))["spec"] == {"size": 2}
    with pytest.raises(NotFound):
        await store.get(WIDGET, elsewhere, "a")


async def test_a_list_holds_the_objects_of_its_kind_and_namespace_by_name(
    store: ObjectStore, ns: str, elsewhere: str
) -> None:
    for name in ("c", "a", "b"):
        await store.create(WIDGET, widget(name, ns))
    await store.create(GADGET, gadget("d", ns))
    assert await names(store, ns) == ["a", "b", "c"]
    assert await names(store, elsewhere) == []


async def test_a_list_without_a_namespace_holds_those_of_all(store: ObjectStore, ns: str, elsewhere: str) -> None:
    await store.create(WIDGET, widget("here", ns))
    await store.create(WIDGET, widget("there", elsewhere))
    everywhere = (await store.list(WIDGET)).items
    assert {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in everywhere} >= {
        (ns, "here"),
        (elsewhere, "there"),
    }
    await store.delete(WIDGET, elsewhere, "there")


async def test_a_list_of_nothing_is_empty_and_can_be_watched_from(store: ObjectStore, ns: str) -> None:
    listing = await store.list(WIDGET, ns)
    assert listing.items == []
    assert listing.resource_version


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("tier=web", ["a", "c"]),
        ("tier==web", ["a", "c"]),
        ("tier!=web", ["b", "d"]),
        ("tier in (web, db)", ["a", "b", "c"]),
        ("tier notin (web)", ["b", "d"]),
        ("canary", ["c"]),
        ("!canary", ["a", "b", "d"]),
        ("tier=web,!canary", ["a"]),
        ("tier=nothing", []),
        ("", ["a", "b", "c", "d"]),
    ],
)
async def test_a_list_by_label_selector_holds_what_matches(
    store: ObjectStore, ns: str, selector: str, chosen: list[str]
) -> None:
    await store.create(WIDGET, widget("a", ns, labels={"tier": "web"}))
    await store.create(WIDGET, widget("b", ns, labels={"tier": "db"}))
    await store.create(WIDGET, widget("c", ns, labels={"tier": "web", "canary": "yes"}))
    await store.create(WIDGET, widget("d", ns))
    assert await names(store, ns, selector) == chosen


async def test_a_selector_that_makes_no_sense_is_invalid(store: ObjectStore, ns: str) -> None:
    with pytest.raises(Invalid):
        await store.list(WIDGET, ns, "tier in (web")


async def test_changing_a_returned_object_changes_nothing_in_the_store(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns, spec={"deep": {"size": 1}}))
    created["spec"]["deep"]["size"] = 99
    (listed,) = (await store.list(WIDGET, ns)).items
    listed["spec"]["deep"]["size"] = 98
    got = await store.get(WIDGET, ns, "a")
    got["spec"]["deep"]["size"] = 97
    assert (await store.get(WIDGET, ns, "a"))["spec"] == {"deep": {"size": 1}}


async def test_changing_what_was_handed_in_changes_nothing_in_the_store(store: ObjectStore, ns: str) -> None:
    body: dict[str, Any] = {"metadata": {"name": "a", "namespace": ns}, "spec": {"deep": {"size": 1}}}
    sent = copy.deepcopy(body)
    await store.create(WIDGET, body)
    assert body == sent
    body["spec"]["deep"]["size"] = 99
    assert (await store.get(WIDGET, ns, "a"))["spec"] == {"deep": {"size": 1}}
