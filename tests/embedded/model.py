"""The API server's semantics once more, in the plainest way: dictionaries and no regard for speed.

What the store does is compared with this. It shares no code with `okra.embedded`, and knows no resourceVersions: that
a write was none is what it says by returning False.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from okra.errors import AlreadyExists, Conflict, Invalid, NotFound

Id = tuple[str, str]
"""Kind and name."""


@dataclass
class Record:
    """`owners` are numbers that the model gave; `uid` is this one's."""

    uid: int = 0
    generation: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    deleting: bool = False


@dataclass
class Patch:
    labels: dict[str, str | None]
    spec: dict[str, Any]
    finalizers: list[str] | None
    stale: bool
    """It names a resourceVersion, and not the object's."""


class Model:
    def __init__(self) -> None:
        self.objects: dict[Id, Record] = {}
        self.uids = 0

    def create(self, id_: Id, wanted: Record) -> bool:
        if id_ in self.objects:
            raise AlreadyExists("")
        check(wanted)
        self.uids += 1
        wanted.uid = self.uids
        self.objects[id_] = wanted
        self._collect()
        return True

    def apply(self, id_: Id, wanted: Record) -> bool:
        if id_ not in self.objects:
            return self.create(id_, wanted)
        new = copy.deepcopy(self.objects[id_])
        new.labels |= wanted.labels
        new.finalizers += [each for each in wanted.finalizers if each not in new.finalizers]
        new.owners += [each for each in wanted.owners if each not in new.owners]
        new.spec = wanted.spec
        return self._save(id_, new)

    def patch(self, id_: Id, patch: Patch) -> bool:
        new = copy.deepcopy(self._get(id_))
        if patch.stale:
            raise Conflict("")
        new.labels = merged(new.labels, patch.labels)
        new.spec = merged(new.spec, patch.spec)
        if patch.finalizers is not None:
            new.finalizers = patch.finalizers
        return self._save(id_, new)

    def patch_status(self, id_: Id, status: dict[str, Any], *, stale: bool) -> bool:
        record = self._get(id_)
        if stale:
            raise Conflict("")
        new = merged(record.status, status)
        if same(new, record.status or {}):
            return False
        record.status = new
        return True

    def delete(self, id_: Id) -> bool:
        changed = self._remove(id_, self._get(id_))
        self._collect()
        return changed

    def _get(self, id_: Id) -> Record:
        if id_ not in self.objects:
            raise NotFound("")
        return self.objects[id_]

    def _save(self, id_: Id, new: Record) -> bool:
        old = self.objects[id_]
        if same(asdict(new), asdict(old)):
            return False
        if old.deleting and set(new.finalizers) - set(old.finalizers):
            raise Invalid("")
        if not same(new.spec, old.spec):
            check(new)
            new.generation += 1
        self.objects[id_] = new
        if new.deleting and not new.finalizers:
            del self.objects[id_]
        self._collect()
        return True

    def _remove(self, id_: Id, record: Record) -> bool:
        if not record.finalizers:
            del self.objects[id_]
        elif record.deleting:
            return False
        else:
            record.deleting = True
            record.generation += 1
        return True

    def _collect(self) -> None:
        """Until nothing is left to do: what lost its last owner goes, and so do references to the gone."""
        while True:
            alive = {record.uid for record in self.objects.values()}
            orphans = [
                (id_, record)
                for id_, record in self.objects.items()
                if record.owners and not set(record.owners) & alive and not (record.deleting and record.finalizers)
            ]
            if not orphans:
                break
            self._remove(*orphans[0])
        for record in self.objects.values():
            left = [owner for owner in record.owners if owner in alive]
            record.owners = left or record.owners


def check(record: Record) -> None:
    if record.spec.get("size", 0) < 0:
        raise Invalid("")


def same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
