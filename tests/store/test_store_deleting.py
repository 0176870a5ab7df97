"""delete: finalizers, preconditions, and what owners take with them."""

from __future__ import annotations

from typing import Any

import pytest

from okra.errors import Conflict, Invalid, NotFound
from okra.ports import Object, ObjectStore
from tests.store.kinds import GADGET, WIDGET, gadget, owned_by, widget
from tests.store.waiting import brief, until_gone, upcoming

pytestmark = [pytest.mark.usefixtures("garbage_collector"), pytest.mark.timeout(180)]

FINALIZER = "contract.okra.mumoshu.github.io/hold"


async def create_held(store: ObjectStore, ns: str, **metadata: Any) -> Object:
    return await store.create(WIDGET, widget("held", ns, finalizers=[FINALIZER], **metadata))


async def test_a_deleted_object_is_gone(store: ObjectStore, ns: str) -> None:
    await store.create(WIDGET, widget("a", ns))
    await store.delete(WIDGET, ns, "a")
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "a")
    assert (await store.list(WIDGET, ns)).items == []


async def test_deleting_what_is_not_there_is_not_found(store: ObjectStore, ns: str) -> None:
    with pytest.raises(NotFound):
        await store.delete(WIDGET, ns, "absent")


async def test_a_delete_for_another_uid_conflicts_and_deletes_nothing(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns))
    with pytest.raises(Conflict):
        await store.delete(WIDGET, ns, "a", uid="00000000-0000-4000-8000-000000000000")
    await store.delete(WIDGET, ns, "a", uid=created["metadata"]["uid"])
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "a")


async def test_a_delete_for_another_version_conflicts_and_deletes_nothing(store: ObjectStore, ns: str) -> None:
    created = await store.create(WIDGET, widget("a", ns))
    changed = await store.patch(WIDGET, ns, "a", {"metadata": {"labels": {"role": "web"}}})
    versions = [each["metadata"]["resourceVersion"] for each in (created, changed)]
    with pytest.raises(Conflict):
        await store.delete(WIDGET, ns, "a", uid=created["metadata"]["uid"], resource_version=versions[0])
    await store.delete(WIDGET, ns, "a", uid=created["metadata"]["uid"], resource_version=versions[1])
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "a")


async def test_an_object_with_a_finalizer_is_marked_and_stays(store: ObjectStore, ns: str) -> None:
    before = await create_held(store, ns)
    await store.delete(WIDGET, ns, "held")
    after = await store.get(WIDGET, ns, "held")
    assert after["metadata"]["deletionTimestamp"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["metadata"]["finalizers"] == [FINALIZER]


async def test_deleting_a_marked_object_again_changes_nothing(store: ObjectStore, ns: str) -> None:
    await create_held(store, ns)
    await store.delete(WIDGET, ns, "held")
    marked = await store.get(WIDGET, ns, "held")
    await store.delete(WIDGET, ns, "held")
    assert await store.get(WIDGET, ns, "held") == marked


async def test_a_marked_object_goes_with_its_last_finalizer(store: ObjectStore, ns: str) -> None:
    await create_held(store, ns)
    await store.delete(WIDGET, ns, "held")
    listing = await store.list(WIDGET, ns)
    await store.patch(WIDGET, ns, "held", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await store.get(WIDGET, ns, "held")
    assert brief(await upcoming(store.watch(WIDGET, listing.resource_version, ns), 1)) == [("DELETED", "held")]


async def test_a_finalizer_taken_from_an_object_that_is_not_deleted_leaves_it(store: ObjectStore, ns: str) -> None:
    await create_held(store, ns)
    await store.patch(WIDGET, ns, "held", {"metadata": {"finalizers": None}})
    assert "finalizers" not in (await store.get(WIDGET, ns, "held"))["metadata"]


async def test_a_marked_object_takes_no_new_finalizer(store: ObjectStore, ns: str) -> None:
    await create_held(store, ns)
    await store.delete(WIDGET, ns, "held")
    with pytest.raises(Invalid):
        await store.patch(WIDGET, ns, "held", {"metadata": {"finalizers": [FINALIZER, f"{FINALIZER}-too"]}})


async def test_a_marked_object_still_takes_status(store: ObjectStore, ns: str) -> None:
    await create_held(store, ns)
    await store.delete(WIDGET, ns, "held")
    patched = await store.patch_status(WIDGET, ns, "held", {"phase": "Reverting"})
    assert patched["status"] == {"phase": "Reverting"}


async def test_what_an_object_owns_goes_with_it_and_so_does_what_that_owns(store: ObjectStore, ns: str) -> None:
    parent = await store.create(WIDGET, widget("parent", ns))
    child = await store.create(GADGET, gadget("child", ns, ownerReferences=owned_by(parent)))
    await store.create(WIDGET, widget("grandchild", ns, ownerReferences=owned_by(child)))
    await store.create(WIDGET, widget("unrelated", ns))
    await store.delete(WIDGET, ns, "parent")
    await until_gone(store, GADGET, ns, "child")
    await until_gone(store, WIDGET, ns, "grandchild")
    assert (await store.get(WIDGET, ns, "unrelated"))["metadata"]["name"] == "unrelated"


async def test_an_object_with_two_owners_stays_until_both_are_gone(store: ObjectStore, ns: str) -> None:
    one = await store.create(WIDGET, widget("one", ns))
    two = await store.create(WIDGET, widget("two", ns))
    await store.create(GADGET, gadget("child", ns, ownerReferences=owned_by(one, two)))
    listing = await store.list(GADGET, ns)
    await store.delete(WIDGET, ns, "one")
    (event,) = await upcoming(store.watch(GADGET, listing.resource_version, ns), 1)
    assert event.type == "MODIFIED"
    assert [owner["name"] for owner in event.object["metadata"]["ownerReferences"]] == ["two"]
    await store.delete(WIDGET, ns, "two")
    await until_gone(store, GADGET, ns, "child")


async def test_an_owner_that_is_only_marked_keeps_what_it_owns(store: ObjectStore, ns: str) -> None:
    owner = await create_held(store, ns)
    await store.create(GADGET, gadget("child", ns, ownerReferences=owned_by(owner)))
    await store.delete(WIDGET, ns, "held")
    assert (await store.get(GADGET, ns, "child"))["metadata"]["name"] == "child"
    await store.patch(WIDGET, ns, "held", {"metadata": {"finalizers": []}})
    await until_gone(store, GADGET, ns, "child")


async def test_a_dependent_with_a_finalizer_is_marked_when_its_owner_goes(store: ObjectStore, ns: str) -> None:
    owner = await store.create(GADGET, gadget("owner", ns))
    await create_held(store, ns, ownerReferences=owned_by(owner))
    listing = await store.list(WIDGET, ns)
    await store.delete(GADGET, ns, "owner")
    (event,) = await upcoming(store.watch(WIDGET, listing.resource_version, ns), 1)
    assert event.type == "MODIFIED"
    assert event.object["metadata"]["deletionTimestamp"]


async def test_an_owner_is_its_uid_not_its_name(store: ObjectStore, ns: str) -> None:
    """A dependent of a deleted object is not adopted by a new one of the same name."""
    first = await store.create(WIDGET, widget("owner", ns))
    await store.delete(WIDGET, ns, "owner")
    await store.create(WIDGET, widget("owner", ns))
    await store.create(GADGET, gadget("late", ns, ownerReferences=owned_by(first)))
    await until_gone(store, GADGET, ns, "late")
    assert (await store.get(WIDGET, ns, "owner"))["metadata"]["uid"] != first["metadata"]["uid"]
