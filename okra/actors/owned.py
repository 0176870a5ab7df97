"""Objects of one kind that another object makes and is the controller of: kept as it says, never taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from okra.api.parse import parse
from okra.applications.children import PARENT, Parent, plain
from okra.errors import AlreadyExists, NotFound, Unavailable
from okra.ports import Kind, Object, ObjectStore

PATIENCE = 30.0


class Owned:
    """`must_be_open` is asked before each write, with what it would do."""

    def __init__(self, store: ObjectStore, parent: Parent, kind: Kind, must_be_open: Callable[[str], None]) -> None:
        self._store, self._parent, self._kind, self._must_be_open = store, parent, kind, must_be_open
        self._known: dict[str, Object] = {}

    async def read(self) -> list[Object]:
        """All of them, or an error: what can't be read is never taken for what isn't there."""
        label = f"{PARENT}={self._parent.name}"
        try:
            async with asyncio.timeout(PATIENCE):
                listing = await self._store.list(self._kind, self._parent.namespace, label)
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        self._known = {each["metadata"]["name"]: each for each in listing.items if self._parent.owns(each)}
        return list(self._known.values())

    async def keep(self, body: Object) -> bool:
        """Make it say this. True: it is new. AlreadyExists: the name is another's; Conflict: it changed since."""
        name = body["metadata"]["name"]
        there = self._known.get(name)
        if there is not None and same(body, there) and _annotated(body, there):
            return False
        found = there or await self._found(name)
        if found is not None:
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}}
        self._must_be_open(f"{'update' if found else 'create'} the {self._kind.kind} {name}")
        self._known[name] = await self._store.apply(self._kind, body)
        return found is None

    async def patch(self, name: str, patch: Mapping[str, Any]) -> None:
        """One that was read, and stays as it is but for this."""
        self._must_be_open(f"update the {self._kind.kind} {name}")
        with suppress(NotFound):
            self._known[name] = await self._store.patch(self._kind, self._parent.namespace, name, patch)

    async def delete(self, name: str) -> None:
        """As it was read."""
        metadata = self._known[name]["metadata"]
        self._must_be_open(f"delete the {self._kind.kind} {name}")
        guard = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        with suppress(NotFound):
            await self._store.delete(self._kind, self._parent.namespace, name, **guard)

    async def _found(self, name: str) -> Object | None:
        """One that isn't among them: it may have lost the label, or be another's."""
        try:
            found = await self._store.get(self._kind, self._parent.namespace, name)
        except NotFound:
            return None
        if not self._parent.owns(found):
            who = f"{self._parent.kind}'s"
            raise AlreadyExists(
                f"The {self._kind.kind} {name} exists and isn't this {who}: rename one of them, or delete it."
            )
        return found


def same(body: Object, there: Object) -> bool:
    """Does it say all of it already? Whatever the API server filled in."""
    labels = there["metadata"].get("labels") or {}
    if not body["metadata"]["labels"].items() <= labels.items():
        return False
    if body["spec"] == there["spec"]:
        return True
    (wanted, _), (found, _) = parse(body), parse(there)
    if wanted is None or found is None:
        return False
    return bool(plain(wanted)["spec"] == plain(found)["spec"])


def _annotated(body: Object, there: Object) -> bool:
    wanted: dict[str, str] = body["metadata"].get("annotations") or {}
    return wanted.items() <= (there["metadata"].get("annotations") or {}).items()
