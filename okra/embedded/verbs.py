"""The API server's verbs on one transaction: what a write may do, what it leaves alone, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from okra.embedded import metadata as rules
from okra.embedded import objects
from okra.embedded.garbage import collect_dependents, collect_if_orphaned, remove
from okra.embedded.objects import metadata_of
from okra.embedded.transaction import Key, Transaction
from okra.errors import AlreadyExists, Invalid, NotFound
from okra.ports import Kind, Object

Validate = Callable[[Object], list[str]]
"""What is wrong with an object, a message each with its field path. Called in the store's thread: pure."""


def read(tx: Transaction, key: Key) -> Object:
    found = tx.get(key)
    if found is None:
        raise NotFound(f"there is no {key}")
    return found


@dataclass(frozen=True, slots=True)
class Verbs:
    """One caller's verbs: on this transaction, at this time (RFC 3339), under these rules."""

    tx: Transaction
    at: str
    validate: Validate | None = None

    def create(self, kind: Kind, body: Object) -> Object:
        key = key_of(kind, body)
        if self.tx.get(key) is not None:
            raise AlreadyExists(f"there is a {key} already")
        new = objects.newborn(body, uid=str(uuid4()), at=self.at)
        self._check(key, new)
        created = self.tx.write("ADDED", key, new, None)
        collect_if_orphaned(self.tx, key, created, self.at)
        return created

    def apply(self, kind: Kind, body: Object) -> Object:
        key = key_of(kind, body)
        old = self.tx.get(key)
        if old is None:
            return self.create(kind, body)
        _guard(old, metadata_of(body))
        return self._save(key, old, objects.revised(old, objects.applied(old, body)))

    def patch(self, key: Key, patch: Mapping[str, Any]) -> Object:
        old = read(self.tx, key)
        wanted = objects.merge_patch(old, patch)
        _check_identity(key, old, wanted)
        _raise(key, rules.findings(metadata_of(wanted)))
        _guard(old, metadata_of(wanted))
        return self._save(key, old, objects.revised(old, wanted))

    def patch_status(self, key: Key, status: Mapping[str, Any], resource_version: str | None) -> Object:
        """Nothing but the status changes, so nothing but the precondition is checked: an object that was found to be
        invalid must be able to say so."""
        old = read(self.tx, key)
        objects.check_preconditions(old, resource_version=resource_version, uid=None)
        new = {**old, "status": objects.merge_patch(old.get("status"), status)}
        if (not new["status"] and "status" not in old) or objects.same(old, new):
            return old
        return self.tx.write("MODIFIED", key, new, old)

    def delete(self, key: Key, uid: str | None, resource_version: str | None) -> None:
        old = read(self.tx, key)
        objects.check_preconditions(old, resource_version=resource_version, uid=uid)
        if remove(self.tx, key, old, self.at):
            collect_dependents(self.tx, metadata_of(old)["uid"], self.at)

    def _save(self, key: Key, old: Object, new: Object) -> Object:
        """Write `new` if it says anything that `old` doesn't: an unchanged object keeps its resourceVersion."""
        if objects.same(old, new):
            return old
        if objects.is_deleting(old) and (added := objects.added_finalizers(old, new)):
            _raise(key, [f"metadata.finalizers: {', '.join(added)} can't be added while the object is being deleted"])
        if not objects.same(objects.content_of(old), objects.content_of(new)):
            self._check(key, new)
            metadata_of(new)["generation"] += 1
        if objects.is_deleting(new) and not objects.finalizers_of(new):
            gone = self.tx.write("DELETED", key, new, old)
            collect_dependents(self.tx, metadata_of(gone)["uid"], self.at)
            return gone
        saved = self.tx.write("MODIFIED", key, new, old)
        collect_if_orphaned(self.tx, key, saved, self.at)
        return saved

    def _check(self, key: Key, new: Object) -> None:
        """The kind's own rules, when what they are about has changed: an object that broke them since stays usable."""
        if self.validate is not None:
            _raise(key, self.validate(new))


def key_of(kind: Kind, body: Object) -> Key:
    """Whom a create or apply is about, once its type and metadata are sound. Completes `body`'s."""
    for field, value in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if body.setdefault(field, value) != value:
            raise Invalid(f"{field}: is {body[field]!r} where {value!r} was expected")
    metadata = metadata_of(body)
    metadata["namespace"] = metadata.get("namespace") or "default"
    key = Key.of(kind, metadata["namespace"], str(metadata.get("name")))
    _raise(key, rules.findings(metadata))
    return key


def _check_identity(key: Key, old: Object, wanted: Object) -> None:
    named = {**wanted, **{field: metadata_of(wanted).get(field) for field in ("name", "namespace")}}
    is_ = {**old, **{field: metadata_of(old)[field] for field in ("name", "namespace")}}
    for field in ("apiVersion", "kind", "name", "namespace"):
        if named.get(field) != is_[field]:
            raise Invalid(f"{key} is invalid: {field}: can't be changed")


def _guard(old: Object, wanted: Mapping[str, Any]) -> None:
    """A write that names the resourceVersion or uid it is for applies to that one only."""
    objects.check_preconditions(old, resource_version=wanted.get("resourceVersion"), uid=wanted.get("uid"))


def _raise(key: Key, findings: list[str]) -> None:
    if findings:
        raise Invalid(f"{key} is invalid: {'; '.join(findings)}")
