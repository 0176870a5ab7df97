"""patch and patch_status: JSON merge patch, generations, preconditions."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

import pytest

from okra.errors import Conflict, Invalid, NotFound
from okra.ports import ObjectStore
from tests.store.kinds import GADGET, WIDGET, gadget, owned_by, widget


async def test_a_patch_merges_deep_and_null_deletes(store: ObjectStore, ns: str) -> None:
    spec = {"size": 1, "deep": {"keep": 1, "drop": 2, "list": [1, 2]}}
    await store.create(WIDGET, widget("a", ns, spec=spec))
    patch = {"spec": {"size": None, "deep": {"drop": None, "list": [3], "new": {"x": 1, "none": None}}}}
    patched = await store.patch(WIDGET, ns, "a", patch)
    assert patched["spec"] == {"deep": {"keep": 1, "list": [3], "new": {"x": 1}}}
    assert await store.get(WIDGET, ns, "a") == patched


async def test_a_patch_of_the_spec_bumps_the_generation_and_one_of_metadata_does_not(
    store: ObjectStore, ns: str
) -> None:
    await store.create(WIDGET, widget("a", ns))
    labelled = await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"tier": "web"}}})
    assert labelled["metadata"]["generation"] == 1
    resized = await store.patch(WIDGET, ns, "a", {"spec": {"size": 2}})
    assert resized["metadata"]["generation"] == 2
    assert resized["metadata"]["labels"] == {"tier": "web"}


async def test_a_patch_that_changes_nothing_keeps_the_resource_version(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns, labels={"tier": "web"}))
    same = await store.patch(
        WIDGET, ns, "a", {"metadata": {"labels": {"tier": "web", "no": None}}, "spec": {"size": 1}}
    )
    assert same == first


async def test_a_patch_from_one_to_true_is_a_change(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns, spec={"flag": 1}))
    patched = await store.patch(WIDGET, ns, "a", {"spec": {"flag": True}})
    assert patched["spec"]["flag"] is True
    assert patched["metadata"]["generation"] == 2


async def test_the_last_label_taken_away_leaves_no_empty_map(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns, labels={"tier": "web"}))
    patched = await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"tier": None}}})
    assert "labels" not in patched["metadata"]


async def test_a_patch_leaves_the_status_alone(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    await store.patch_status(WIDGET, ns, "a", {"phase": "Synced"})
    patched = await store.patch(WIDGET, ns, "a", {"status": {"phase": "Forged"}, "spec": {"size": 2}})
    assert patched["status"] == {"phase": "Synced"}


async def test_a_patch_can_not_change_what_the_server_sets(store: ObjectStore, ns: str) -> None:
    before = (await store.create(WIDGET, widget("a", ns)))["metadata"]
    forged = {"generation": 9, "creationTimestamp": None, "deletionTimestamp": "2030-01-01T00:00:00Z"}
    after = (await store.patch(WIDGET, ns, "a", {"metadata": {**forged, "labels": {"x": "y"}}}))["metadata"]
    for field in ("uid", "generation", "creationTimestamp"):
        assert after[field] == before[field]
    assert "deletionTimestamp" not in after


async def test_an_object_can_not_be_renamed(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    with pytest.raises(Invalid):
        await store.patch(WIDGET, ns, "a", {"metadata": {"name": "b"}})


async def test_a_patch_to_an_invalid_spec_is_refused_with_the_field_path(store: ObjectStore, ns: str) -> None:
    first = await store.create(WIDGET, widget("a", ns))
    with pytest.raises(Invalid, match=r"spec\.size"):
        await store.patch(WIDGET, ns, "a", {"spec": {"size": -1}})
    assert await store.get(WIDGET, ns, "a") == first


async def test_patches_of_an_absent_object_are_not_found(store: ObjectStore, ns: str) -> None:
    with pytest.raises(NotFound):
        await store.patch(WIDGET, ns, "absent", {"spec": {"size": 2}})
    with pytest.raises(NotFound):
        await store.patch_status(WIDGET, ns, "absent", {"phase": "Synced"})


async def test_a_patch_for_a_version_that_is_gone_conflicts(store: ObjectStore, ns: str) -> None:
    first = (await store.create(WIDGET, widget("a", ns)))["metadata"]["resourceVersion"]
    second = await store.patch(WIDGET, ns, "a", {"metadata": {"resourceVersion": first}, "spec": {"size": 2}})
    with pytest.raises(Conflict):
        await store.patch(WIDGET, ns, "a", {"metadata": {"resourceVersion": first}, "spec": {"size": 3}})
    assert await store.get(WIDGET, ns, "a") == second


async def test_a_patch_for_another_uid_conflicts(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    other = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Conflict):
        await store.patch(WIDGET, ns, "a", {"metadata": {"uid": other}, "spec": {"size": 3}})


async def test_a_status_patch_merges_into_the_status_and_changes_nothing_else(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns, labels={"tier": "web"}))
    await store.patch_status(WIDGET, ns, "a", {"phase": "Syncing", "routes": [{"arn": "x"}], "deep": {"a": 1, "b": 2}})
    patched = await store.patch_status(WIDGET, ns, "a", {"phase": "Synced", "deep": {"a": None}})
    assert patched["status"] == {"phase": "Synced", "routes": [{"arn": "x"}], "deep": {"b": 2}}
    assert patched["spec"] == created["spec"]
    assert patched["metadata"]["generation"] == 1
    assert int(patched["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])
    assert await store.get(WIDGET, ns, "a") == patched


async def test_a_status_patch_that_changes_nothing_keeps_the_resource_version(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns))
    assert await store.patch_status(WIDGET, ns, "a", {}) == created
    first = await store.patch_status(WIDGET, ns, "a", {"phase": "Synced"})
    assert await store.patch_status(WIDGET, ns, "a", {"phase": "Synced", "none": None}) == first


async def test_a_status_may_be_any_mapping(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    patched = await store.patch_status(WIDGET, ns, "a", MappingProxyType({"weights": MappingProxyType({"x": 1})}))
    assert patched["status"] == {"weights": {"x": 1}}


async def test_a_guarded_status_patch_applies_to_the_version_it_names_only(store: ObjectStore, ns: str) -> None:
    first = (await store.create(WIDGET, widget("a", ns)))["metadata"]["resourceVersion"]
    second = await store.patch_status(WIDGET, ns, "a", {"n": 1}, resource_version=first)
    with pytest.raises(Conflict):
        await store.patch_status(WIDGET, ns, "a", {"n": 2}, resource_version=first)
    assert await store.get(WIDGET, ns, "a") == second


async def test_a_guarded_status_patch_conflicts_with_a_change_of_the_spec(store: ObjectStore, ns: str) -> None:
    first = (await store.create(WIDGET, widget("a", ns)))["metadata"]["resourceVersion"]
    await store.patch(WIDGET, ns, "a", {"spec": {"size": 2}})
    with pytest.raises(Conflict):
        await store.patch_status(WIDGET, ns, "a", {"n": 1}, resource_version=first)


async def test_of_many_guarded_writes_at_once_exactly_one_wins(store: ObjectStore, ns: str) -> None:
    version = (await store.create(WIDGET, widget("a", ns)))["metadata"]["resourceVersion"]
    outcomes = await asyncio.gather(
        *(store.patch_status(WIDGET, ns, "a", {"n": n}, resource_version=version) for n in range(20)),
        return_exceptions=True,
    )
    winners = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert len(winners) == 1
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome not in winners)
    assert await store.get(WIDGET, ns, "a") == winners[0]


async def test_of_many_unguarded_writes_at_once_none_is_lost(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    await asyncio.gather(*(store.patch_status(WIDGET, ns, "a", {f"k{n}": n}) for n in range(50)))
    assert (await store.get(WIDGET, ns, "a"))["status"] == {f"k{n}": n for n in range(50)}


async def test_resource_versions_grow_across_kinds(store: ObjectStore, ns: str) -> None:
    one = await store.create(WIDGET, widget("a", ns))
    two = await store.create(GADGET, gadget("a", ns, ownerReferences=owned_by(one)))
    three = await store.patch_status(WIDGET, ns, "a", {"n": 1})
    versions = [int(obj["metadata"]["resourceVersion"]) for obj in (one, two, three)]
    assert versions == sorted(set(versions))
