"""Arbitrary sequences of every verb, by two connections, over restarts: the store always is what the model says.

And whoever listed once and then followed a watch, however long ago, has the same picture as who lists now.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from okra.embedded import EmbeddedStore
from okra.errors import NotFound, OkraError
from okra.ports import Listing, Object, WatchEvent
from tests.embedded.model import Id, Model, Patch, Record
from tests.store.kinds import GADGET, WIDGET, validate

T = TypeVar("T")
KINDS = {kind.kind: kind for kind in (WIDGET, GADGET)}
FENCE = "fence"
"""An object that every watch sees: after its event a watch has seen all before it."""
FENCE_LABELS = {"tier": "web", "fence": "yes"}

STALE = "999999"
Verdict = bool | type[OkraError]
"""Whether the object is another than before, or how the verb is refused."""

IDS = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("abc"))
LABELS = st.dictionaries(st.sampled_from(["tier", "team"]), st.sampled_from(["web", "db"]))
SPECS = st.fixed_dictionaries({}, optional={"size": st.integers(-1, 2), "on": st.sampled_from([0, 1, False, True])})
FINALIZERS = st.lists(st.sampled_from(["example.com/x", "example.com/y"]), unique=True)
STATUSES = st.recursive(
    st.none() | st.integers(0, 2) | st.booleans() | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("pq"), inner, max_size=2),
)
OWNERS = st.lists(st.integers(1, 9), unique=True, max_size=2)
RECORDS = st.builds(Record, labels=LABELS, finalizers=FINALIZERS, owners=OWNERS, spec=SPECS)
PATCHES = st.builds(
    Patch,
    labels=st.dictionaries(st.sampled_from(["tier", "team"]), st.sampled_from(["web", "db", None])),
    spec=st.fixed_dictionaries({}, optional={"size": st.integers(-1, 2) | st.none(), "on": st.none() | st.booleans()}),
    finalizers=st.none() | FINALIZERS,
    stale=st.booleans(),
)
SELECTORS = st.sampled_from([None, "tier=web", "tier in (web),!team", "team!=db"])


class Follower:
    """Lists once, and keeps its picture up to date by watching."""

    def __init__(self, kind: str, selector: str | None, listing: Listing, watch: AsyncIterator[WatchEvent]) -> None:
        self.kind = kind
        self.selector = selector
        self.picture = {item["metadata"]["name"]: item for item in listing.items}
        self.version = int(listing.resource_version)
        self.watch = watch

    async def follow(self, fence: str) -> None:
        """Until the fence's event of that version."""
        while True:
            event = await asyncio.wait_for(anext(self.watch), 5)
            name, version = event.object["metadata"]["name"], event.object["metadata"]["resourceVersion"]
            assert int(version) > self.version, "events come in order, and once"
            self.version = int(version)
            assert (name in self.picture) is (event.type != "ADDED")
            self.picture[name] = event.object
            if event.type == "DELETED":
                del self.picture[name]
            if (name, version) == (FENCE, fence):
                return


def judged(verb: Callable[..., bool], *arguments: Any, **named: Any) -> Verdict:
    try:
        return verb(*arguments, **named)
    except OkraError as error:
        return type(error)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model()
        self.uids: dict[int, str] = {}
        self.followers: list[Follower] = []
        self.fences = 0
        self.stores = [self.opened(), self.opened()]
        self.turn = 0
        for kind in KINDS.values():
            fence = {"metadata": {"name": FENCE, "labels": FENCE_LABELS}, "spec": {}}
            self.run(self.store.create(kind, fence))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def opened(self) -> EmbeddedStore:
        path = Path(self.folder.name) / "state.db"
        return self.run(EmbeddedStore.open(path, validate=validate, inline=True))

    @property
    def store(self) -> EmbeddedStore:
        """One connection, then the other: what one wrote the other knows."""
        self.turn += 1
        return self.stores[self.turn % 2]

    def teardown(self) -> None:
        for store in self.stores:
            self.run(store.close())
        self.runner.close()
        self.folder.cleanup()

    def body(self, id_: Id, record: Record) -> Object:
        metadata: dict[str, Any] = {"name": id_[1], "labels": record.labels, "finalizers": record.finalizers}
        metadata["ownerReferences"] = [self.reference(owner) for owner in record.owners]
        return {"metadata": metadata, "spec": record.spec, "status": {"forged": True}}

    def reference(self, owner: int) -> dict[str, str]:
        uid = self.uids.get(owner, f"gone-{owner}")
        return {"apiVersion": WIDGET.api_version, "kind": "Widget", "name": f"n{owner}", "uid": uid}

    def version(self, id_: Id) -> str | None:
        try:
            return str(self.run(self.store.get(KINDS[id_[0]], "default", id_[1]))["metadata"]["resourceVersion"])
        except NotFound:
            return None

    def compare(self, id_: Id, act: Coroutine[Any, Any, Object | None], expected: Verdict) -> None:
        """The store's answer against the model's; a write that was none keeps the resourceVersion."""
        before = self.version(id_)
        answer, refused = self.attempt(act)
        if refused is not None or not isinstance(expected, bool):
            assert refused is expected
            expected = False
        if answer is not None and (number := self.model.uids) not in self.uids:
            self.uids[number] = answer["metadata"]["uid"]
        assert (self.version(id_) != before) is expected

    def attempt(self, act: Coroutine[Any, Any, Object | None]) -> tuple[Object | None, type[OkraError] | None]:
        try:
            return self.run(act), None
        except OkraError as error:
            return None, type(error)

    def put(self, verb: str, id_: Id, record: Record) -> None:
        """create or apply. An owner's number that is nobody's yet becomes 0, which is nobody's ever."""
        owners = sorted({owner if owner <= self.model.uids else 0 for owner in record.owners})
        record = replace(record, owners=owners)
        body, existed = self.body(id_, record), id_ in self.model.objects
        expected = judged(getattr(self.model, verb), id_, record)
        if expected is True and id_ not in self.model.objects:
            expected = existed  # gone at once, for its owners are: seen from outside only if it was there before
        self.compare(id_, getattr(self.store, verb)(KINDS[id_[0]], body), expected)

    @rule(id_=IDS, record=RECORDS)
    def create(self, id_: Id, record: Record) -> None:
        self.put("create", id_, record)

    @rule(id_=IDS, record=RECORDS)
    def apply(self, id_: Id, record: Record) -> None:
        self.put("apply", id_, record)

    @rule(id_=IDS, patch=PATCHES)
    def patch(self, id_: Id, patch: Patch) -> None:
        metadata: dict[str, Any] = {"labels": patch.labels}
        metadata["resourceVersion"] = STALE if patch.stale else self.version(id_)
        if patch.finalizers is not None:
            metadata["finalizers"] = patch.finalizers
        expected = judged(self.model.patch, id_, patch)
        body = {"metadata": metadata, "spec": patch.spec, "status": {"forged": True}}
        self.compare(id_, self.store.patch(KINDS[id_[0]], "default", id_[1], body), expected)

    @rule(id_=IDS, status=st.dictionaries(st.sampled_from("pq"), STATUSES), stale=st.booleans())
    def patch_status(self, id_: Id, status: dict[str, Any], stale: bool) -> None:
        version = STALE if stale else self.version(id_)
        expected = judged(self.model.patch_status, id_, status, stale=stale)
        act = self.store.patch_status(KINDS[id_[0]], "default", id_[1], status, resource_version=version)
        self.compare(id_, act, expected)

    @rule(id_=IDS)
    def delete(self, id_: Id) -> None:
        expected = judged(self.model.delete, id_)
        self.compare(id_, self.store.delete(KINDS[id_[0]], "default", id_[1]), expected)

    @rule(kind=st.sampled_from(sorted(KINDS)), selector=SELECTORS)
    def start_following(self, kind: str, selector: str | None) -> None:
        store = self.store
        listing = self.run(store.list(KINDS[kind], "default", selector))
        watch = store.watch(KINDS[kind], listing.resource_version, "default", selector)
        self.followers.append(Follower(kind, selector, listing, watch))

    @precondition(lambda self: self.followers)
    @rule()
    def every_follower_has_the_picture_of_who_lists_now(self) -> None:
        versions: dict[str, str] = {}
        for store in self.stores:  # each wakes its own watches: inline stores don't poll for each other's writes
            for name, kind in KINDS.items():
                self.fences += 1
                fence = self.run(store.patch_status(kind, "default", FENCE, {"fence": self.fences}))
                versions[name] = fence["metadata"]["resourceVersion"]
        for follower in self.followers:
            self.run(follower.follow(versions[follower.kind]))
            listing = self.run(self.store.list(KINDS[follower.kind], "default", follower.selector))
            assert follower.picture == {item["metadata"]["name"]: item for item in listing.items}

    @rule()
    def restart(self) -> None:
        """Watches resume from where they were; positions are plain numbers."""
        for store in self.stores:
            self.run(store.close())
        self.stores = [self.opened(), self.opened()]
        for follower in self.followers:
            watch = self.store.watch(KINDS[follower.kind], str(follower.version), "default", follower.selector)
            follower.watch = watch

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        stored = {}
        for name, kind in KINDS.items():
            for item in self.run(self.store.list(kind)).items:
                if item["metadata"]["name"] != FENCE:
                    stored[(name, item["metadata"]["name"])] = self.record(item)
        assert stored == self.model.objects

    def record(self, item: Object) -> Record:
        numbers = {uid: number for number, uid in self.uids.items()}
        metadata = item["metadata"]
        return Record(
            uid=numbers[metadata["uid"]],
            generation=metadata["generation"],
            labels=metadata.get("labels", {}),
            finalizers=metadata.get("finalizers", []),
            owners=[numbers.get(each["uid"], int(each["name"][1:])) for each in metadata.get("ownerReferences", [])],
            spec=item["spec"],
            status=item.get("status"),
            deleting="deletionTimestamp" in metadata,
        )


TestStoreAgainstModel = StoreMachine.TestCase
TestStoreAgainstModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True)
