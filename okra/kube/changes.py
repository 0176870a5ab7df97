"""What to send so that an object becomes what is wanted: JSON merge patches (RFC 7386). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.errors import Conflict, Invalid
from okra.ports import Kind, Object

SERVER_SET = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)
"""metadata that only the server sets. In a patch, uid and resourceVersion are preconditions."""
PRECONDITIONS = ("uid", "resourceVersion")
_NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})


def metadata_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Invalid when it is no map."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise Invalid("metadata: must be a map with a name")
    return metadata


def newborn(kind: Kind, body: Object) -> Object:
    """`body` as it is sent to be created: its type and namespace filled in, the server's fields left out."""
    for field, value in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if body.get(field, value) != value:
            raise Invalid(f"{field}: is {body[field]!r} where {value!r} was expected")
    metadata = {field: value for field, value in metadata_of(body).items() if field not in SERVER_SET}
    metadata["namespace"] = metadata.get("namespace") or "default"
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def sendable(patch: Mapping[str, Any]) -> dict[str, Any]:
    """A patch without what only the server sets, and without status: they aren't the caller's to change."""
    sent = {field: value for field, value in patch.items() if field != "status"}
    metadata = patch.get("metadata")
    if isinstance(metadata, Mapping):
        ignored = SERVER_SET.difference(PRECONDITIONS)
        sent["metadata"] = {field: value for field, value in metadata.items() if field not in ignored}
    return sent


def check_preconditions(old: Object, body: Object) -> None:
    """Conflict when `body` names another uid or resourceVersion than the object has."""
    for field in PRECONDITIONS:
        wanted, found = metadata_of(body).get(field), metadata_of(old).get(field)
        if wanted is not None and wanted != found:
            name = f"{old['kind']} {metadata_of(old).get('namespace', '')}/{metadata_of(old).get('name')}"
            raise Conflict(f"{name} was changed meanwhile: its {field} is {found}, not {wanted}")


def apply_patch(old: Object, body: Object) -> dict[str, Any]:
    """What makes of `old` what `ObjectStore.apply` promises: all content of `body`, and its labels, annotations, owners
    and finalizers beside those of others. Empty when that is what `old` is."""
    ours, theirs = metadata_of(body), metadata_of(old)
    metadata: dict[str, Any] = {}
    for field in ("labels", "annotations"):
        metadata[field] = (theirs.get(field) or {}) | (ours.get(field) or {})
    owners = [*(theirs.get("ownerReferences") or ()), *(ours.get("ownerReferences") or ())]
    metadata["ownerReferences"] = list({owner.get("uid"): owner for owner in owners}.values())
    finalizers = [*(theirs.get("finalizers") or ()), *(ours.get("finalizers") or ())]
    metadata["finalizers"] = list(dict.fromkeys(finalizers))
    before = {field: theirs.get(field) or type(value)() for field, value in metadata.items()}
    patch = difference(_content(old), _content(body))
    if changed := difference(before, metadata):
        patch["metadata"] = changed
    return patch


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that makes `new` of `old`. An absent field and a null are the same."""
    patch: dict[str, Any] = {}
    for field in [*new, *(field for field in old if field not in new)]:
        was, wanted = old.get(field), new.get(field)
        if isinstance(was, Mapping) and isinstance(wanted, Mapping):
            if deeper := difference(was, wanted):
                patch[field] = deeper
        elif not same(was, wanted):
            patch[field] = wanted
    return patch


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is not true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[field]) for field, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _content(obj: Object) -> dict[str, Any]:
    return {field: value for field, value in obj.items() if field not in _NOT_CONTENT}
