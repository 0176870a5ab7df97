"""create and apply."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from okra.errors import AlreadyExists, Conflict, Invalid, NotFound
from okra.ports import ObjectStore
from tests.store.kinds import WIDGET, gadget, owned_by, widget


async def test_a_new_object_gets_a_uid_a_version_a_generation_and_a_creation_time(store: ObjectStore, ns: str) -> None:
    one = (await store.create(WIDGET, widget("a", ns)))["metadata"]
    other = (await store.create(WIDGET, widget("b", ns)))["metadata"]
    assert one["uid"] != other["uid"]
    assert int(one["resourceVersion"]) < int(other["resourceVersion"])
    assert one["generation"] == 1
    assert datetime.fromisoformat(one["creationTimestamp"]).utcoffset() is not None
    assert "deletionTimestamp" not in one


async def test_what_only_the_server_sets_is_ignored_in_a_new_object(store: ObjectStore, ns: str) -> None:
    forged: dict[str, Any] = {"uid": "forged", "generation": 7, "creationTimestamp": "2001-01-01T00:00:00Z"}
    metadata = (await store.create(WIDGET, widget("a", ns, **forged)))["metadata"]
    assert metadata["uid"] != "forged"
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] > "2020"


async def test_a_new_object_starts_without_the_status_it_was_sent_with(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, {**widget("a", ns), "status": {"phase": "Forged"}})
    assert "status" not in created


async def test_a_name_can_be_taken_once(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns))
    with pytest.raises(AlreadyExists, match="a"):
        await store.create(WIDGET, widget("a", ns, spec={"size": 2}))
    assert await store.get(WIDGET, ns, "a") == first


async def test_an_object_created_again_is_another_one(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns))
    await store.delete(WIDGET, ns, "a")
    second = await store.create(WIDGET, widget("a", ns))
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert second["metadata"]["generation"] == 1


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "-dash", "dash-", "a..b", "a" * 254, "a/b", "é"])
async def test_a_name_that_the_api_server_refuses_is_invalid(store: ObjectStore, ns: str, name: str) -> None:
    with pytest.raises(Invalid):
        await store.create(WIDGET, widget(name, ns))


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"tier": "not a label value"}},
        {"labels": {"tier": "x" * 64}},
        {"labels": {"not a key": "x"}},
        {"labels": {"tier": 1}},
        {"labels": ["tier"]},
        {"annotations": {"note": {"a": "map"}}},
        {"annotations": {"note": "x" * 300_000}},
        {"finalizers": ["not a name"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x"}]},
    ],
    ids=lambda metadata: next(iter(metadata)),
)
async def test_metadata_that_the_api_server_refuses_is_invalid_and_nothing_is_created(
    store: ObjectStore, ns: str, metadata: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        await store.create(WIDGET, widget("a", ns, **metadata))
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "a")


async def test_a_spec_that_breaks_its_kinds_rules_is_invalid_with_the_field_path(store: ObjectStore, ns: str) -> None:
    with pytest.raises(Invalid, match=r"spec\.size"):
        await store.create(WIDGET, widget("a", ns, spec={"size": -1}))
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "a")


async def test_a_body_of_another_kind_is_invalid(store: ObjectStore, ns: str) -> None:
    with pytest.raises(Invalid):
        await store.create(WIDGET, gadget("a", ns))


async def test_apply_creates_what_is_not_there(store: ObjectStore, ns: str) -> None:
    applied = await store.apply(WIDGET, widget("a", ns, labels={"tier": "web"}))
    assert applied["metadata"]["generation"] == 1
    assert await store.get(WIDGET, ns, "a") == applied


async def test_apply_of_the_same_changes_nothing(store: ObjectStore, ns: str) -> None:
    body = widget("a", ns, labels={"tier": "web"}, annotations={"note": "x"}, spec={"size": 1, "deep": {"x": [1, 2]}})
    first = await store.apply(WIDGET, body)
    again = await store.apply(WIDGET, body)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_apply_replaces_the_whole_spec_and_bumps_the_generation(store: ObjectStore, ns: str) -> None:
    first = await store.apply(WIDGET, widget("a", ns, spec={"size": 1, "color": "red"}))
    second = await store.apply(WIDGET, widget("a", ns, spec={"size": 2}))
    assert second["spec"] == {"size": 2}
    assert second["metadata"]["generation"] == 2
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert second["metadata"]["uid"] == first["metadata"]["uid"]


async def test_apply_leaves_labels_and_annotations_that_others_set(store: ObjectStore, ns: str) -> None:
    """A command that a person annotated survives when the file is applied again."""
    await store.apply(WIDGET, widget("a", ns, labels={"tier": "web"}))
    await store.patch(WIDGET, ns, "a", {"metadata": {"annotations": {"command": "abort"}, "labels": {"seen": "yes"}}})
    again = await store.apply(WIDGET, widget("a", ns, labels={"tier": "db"}))
    assert again["metadata"]["annotations"] == {"command": "abort"}
    assert again["metadata"]["labels"] == {"tier": "db", "seen": "yes"}


async def test_apply_never_touches_the_status(store: ObjectStore, ns: str) -> None:
    await store.apply(WIDGET, widget("a", ns))
    await store.patch_status(WIDGET, ns, "a", {"phase": "Synced"})
    again = await store.apply(WIDGET, {**widget("a", ns, spec={"size": 5}), "status": {"phase": "Forged"}})
    assert again["status"] == {"phase": "Synced"}


async def test_apply_adds_an_owner_and_keeps_the_others(store: ObjectStore, ns: str) -> None:
    one = await store.create(WIDGET, widget("one", ns))
    two = await store.create(WIDGET, widget("two", ns))
    await store.apply(WIDGET, widget("child", ns, ownerReferences=owned_by(one)))
    child = await store.apply(WIDGET, widget("child", ns, ownerReferences=owned_by(two)))
    assert {owner["name"] for owner in child["metadata"]["ownerReferences"]} == {"one", "two"}


async def test_apply_for_a_version_that_is_gone_conflicts(store: ObjectStore, ns: str) -> None:
    first = await store.apply(WIDGET, widget("a", ns))
    await store.apply(WIDGET, widget("a", ns, spec={"size": 2}))
    stale = widget("a", ns, spec={"size": 3}, resourceVersion=first["metadata"]["resourceVersion"])
    with pytest.raises(Conflict):
        await store.apply(WIDGET, stale)


async def test_apply_of_an_invalid_spec_leaves_the_object_as_it_was(store: ObjectStore, ns: str) -> None:
    first = await store.apply(WIDGET, widget("a", ns))
    with pytest.raises(Invalid, match=r"spec\.size"):
        await store.apply(WIDGET, widget("a", ns, spec={"size": -1}))
    assert await store.get(WIDGET, ns, "a") == first
