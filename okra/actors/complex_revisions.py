"""The specs that reached Synced, kept as ControllerRevisions, as Kubernetes' own controllers do: to go back to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from okra.actors.wiring import Wiring
from okra.api.cell import Cell, CellSpec
from okra.api.parse import parse
from okra.applications.children import PARENT, Parent, short
from okra.applications.kept import as_kept
from okra.errors import AlreadyExists, Invalid, NotFound, OkraError
from okra.ports import Kind, Object

log = structlog.get_logger("okra")

REVISION = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
KEPT = 10
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Revision:
    """A spec that reached Synced."""

    name: str
    number: int
    data: Mapping[str, Any]
    cell: Cell | None
    """None: what was valid then isn't any more."""
    problem: str = ""
    """Why."""


class Revisions:
    def __init__(self, wiring: Wiring, parent: Parent) -> None:
        self._wiring, self._parent = wiring, parent
        self._saved: int | None = None
        """The generation whose spec is known to be the last one kept."""
        self._found: Sequence[Revision] | None = None
        self._unread = False
        self._known: Revision | None = None

    def look_anew(self) -> None:
        """They are read once in each look that needs them."""
        self._found, self._unread = None, False

    async def specs(self) -> Sequence[CellSpec] | None:
        """Those that are kept, the newest first; what isn't valid any more is none. None: they can't be read, and
        nobody whose traffic goes back waits for them."""
        if self._unread:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return [each.cell.spec for each in await self.read() if each.cell is not None]
        except (OkraError, TimeoutError) as error:
            log.warning("RevisionsNotRead", kind=self._parent.kind, name=self._parent.name, error=str(error))
            self._unread = True
            return None

    async def read(self) -> Sequence[Revision]:
        """All that are kept, the newest first."""
        if self._found is None:
            self._found = [self._revision(each) for each in reversed(await self._all())]
        return self._found

    async def cell(self, name: str) -> Cell:
        """The Cell by one of them. What it says never changes, so it is read once. NotFound if it is gone, Invalid if
        an upgrade made it so."""
        if self._known is None or self._known.name != name:
            self._known = next((each for each in await self.read() if each.name == name), None)
        said = f"The ControllerRevision {name}, which it was rolled back to,"
        if self._known is None:
            raise NotFound(f"{said} is gone: an edit of the spec ends that.", reason="RevisionGone")
        if self._known.cell is None:
            why = f"isn't valid any more ({self._known.problem})"
            raise Invalid(f"{said} {why}: an edit of the spec ends that.", reason="RevisionInvalid")
        return self._known.cell

    def _revision(self, found: Object) -> Revision:
        parent, data = self._parent, found["data"]
        model, findings = parse(parent.child(parent.kind, parent.name, data.get("spec") or {}))
        cell = model if isinstance(model, Cell) else None
        problem = "" if cell else "; ".join(map(str, findings[:3]))
        return Revision(found["metadata"]["name"], int(found["revision"]), data, cell, problem)

    async def saved(self, obj: Object) -> bool:
        """Is the last one of this spec?"""
        generation = obj["metadata"].get("generation")
        if self._saved != generation or generation is None:
            last = next(iter(await self.read()), None)
            if last is None or last.data != {"spec": obj["spec"]}:
                return False
            self._saved = generation
        return True

    async def as_kept(self, spec: CellSpec) -> frozenset[str]:
        """The applications that the last one says the same of."""
        last = next(iter(await self.specs() or ()), None)
        return frozenset() if last is None else as_kept(last, spec)

    async def save(self, obj: Object) -> None:
        """Keep the spec: as the last one, among at most ten. One of a former spec that is the same becomes the last."""
        self.look_anew()
        known = await self._all()
        number = (known[-1]["revision"] if known else 0) + 1
        same = next((each for each in known if each["data"] == {"spec": obj["spec"]}), None)
        body = self._body(obj, number)
        self._wiring.must_be_open()
        if same is not None:
            await self._last(same, body)
            return
        try:
            await self._wiring.store.create(REVISION, body)
        except AlreadyExists:
            await self._take_back(body)
            return
        for each in known[: max(0, len(known) + 1 - KEPT)]:
            metadata = each["metadata"]
            try:
                await self._wiring.store.delete(REVISION, self._parent.namespace, metadata["name"], uid=metadata["uid"])
            except NotFound:
                continue

    async def _last(self, found: Object, body: Object) -> None:
        patch = {"metadata": {"labels": body["metadata"]["labels"]}, "revision": body["revision"]}
        await self._wiring.store.patch(REVISION, self._parent.namespace, found["metadata"]["name"], patch)

    async def _take_back(self, body: Object) -> None:
        """One of the very name that isn't among ours: somebody took its label off, or it is another's."""
        name = body["metadata"]["name"]
        listing = await self._wiring.store.list(REVISION, self._parent.namespace)
        found = next((each for each in listing.items if each["metadata"]["name"] == name), None)
        if found is None:
            return  # it has gone since
        if not self._parent.owns(found) or found["data"] != body["data"]:
            raise AlreadyExists(f"The ControllerRevision {name} isn't the {self._parent.kind}'s any more: delete it.")
        await self._last(found, body)

    async def _all(self) -> list[Object]:
        """Oldest first."""
        selector = f"{PARENT}={self._parent.name}"
        listing = await self._wiring.store.list(REVISION, self._parent.namespace, selector)
        return sorted(filter(self._parent.owns, listing.items), key=lambda each: int(each["revision"]))

    def _body(self, obj: Object, number: int) -> Object:
        parent = self._parent
        text = json.dumps([parent.uid, obj["spec"]], sort_keys=True, separators=(",", ":"))
        name = short(f"{parent.name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}")
        child = parent.child(REVISION.kind, name, {})
        del child["spec"]
        return {**child, "apiVersion": REVISION.api_version, "data": {"spec": obj["spec"]}, "revision": number}
