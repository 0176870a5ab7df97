"""What the API server does to an object, as pure functions on JSON: no store, no clock, no chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.embedded.codec import encode
from okra.errors import Conflict, Invalid
from okra.ports import Object

SERVER_SET = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""metadata that a write can't change."""

_OMITTED_WHEN_EMPTY = ("labels", "annotations", "finalizers", "ownerReferences")
_NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})


def metadata_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object's metadata itself, not a copy. Invalid when it is no map."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise Invalid("metadata: must be a map with a name")
    return metadata


def labels_of(obj: Object) -> dict[str, str]:
    labels: dict[str, str] = metadata_of(obj).get("labels") or {}
    return labels


def owners_of(obj: Object) -> list[dict[str, Any]]:
    owners: list[dict[str, Any]] = metadata_of(obj).get("ownerReferences") or []
    return owners


def owner_uids(obj: Object) -> set[str]:
    return {owner["uid"] for owner in owners_of(obj)}


def finalizers_of(obj: Object) -> list[str]:
    finalizers: list[str] = metadata_of(obj).get("finalizers") or []
    return finalizers


def is_deleting(obj: Object) -> bool:
    return "deletionTimestamp" in metadata_of(obj)


def content_of(obj: Object) -> dict[str, Any]:
    """All but metadata and status: `spec`, or a kind's own top-level fields. Its changes are the generations."""
    return {field: value for field, value in obj.items() if field not in _NOT_CONTENT}


def same(one: Any, other: Any) -> bool:
    return encode(one) == encode(other)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: maps merge, null deletes, all else replaces. `target` is not changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for field, value in patch.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = merge_patch(merged.get(field), value)
    return merged


def check_preconditions(old: Object, *, resource_version: str | None, uid: str | None) -> None:
    """Conflict when the caller names another resourceVersion or uid than the object has."""
    metadata = metadata_of(old)
    for field, wanted in (("resourceVersion", resource_version), ("uid", uid)):
        if wanted is not None and wanted != metadata[field]:
            raise Conflict(
                f"{old['kind']} {metadata['namespace']}/{metadata['name']} was changed meanwhile: "
                f"its {field} is {metadata[field]}, not {wanted}"
            )


def newborn(body: Object, *, uid: str, at: str) -> Object:
    """A new object from what the caller asked for: the server's metadata set, status left out."""
    metadata = {field: value for field, value in metadata_of(body).items() if field not in SERVER_SET}
    metadata |= {field: metadata_of(body)[field] for field in ("name", "namespace")}
    metadata |= {"uid": uid, "generation": 1, "creationTimestamp": at}
    return {
        **content_of(body),
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": tidy(metadata),
    }


def revised(old: Object, wanted: Object) -> Object:
    """`wanted` as a write to the main resource makes it of `old`: identity and status are the store's."""
    kept = {field: metadata_of(old)[field] for field in SERVER_SET if field in metadata_of(old)}
    asked = {field: value for field, value in metadata_of(wanted).items() if field not in SERVER_SET}
    new: Object = {**content_of(wanted), "apiVersion": old["apiVersion"], "kind": old["kind"]}
    new["metadata"] = tidy(asked | kept)
    if "status" in old:
        new["status"] = old["status"]
    return new


def applied(old: Object, body: Object) -> Object:
    """Server-side apply by the one owner of the spec: labels, annotations and owners that others added stay.

    So a command that a person annotated survives when the file is applied again.
    """
    ours, theirs = metadata_of(body), metadata_of(old)
    metadata = dict(theirs)
    for field in ("labels", "annotations"):
        metadata[field] = (theirs.get(field) or {}) | (ours.get(field) or {})
    owners = {owner["uid"]: owner for owner in [*owners_of(old), *owners_of(body)]}
    metadata["ownerReferences"] = list(owners.values())
    metadata["finalizers"] = list(dict.fromkeys([*finalizers_of(old), *finalizers_of(body)]))
    return {**content_of(body), "metadata": metadata}


def tidy(metadata: dict[str, Any]) -> dict[str, Any]:
    """Empty maps and lists are left out, as the API server does."""
    return {field: value for field, value in metadata.items() if value or field not in _OMITTED_WHEN_EMPTY}


def added_finalizers(old: Object, new: Object) -> list[str]:
    return [finalizer for finalizer in finalizers_of(new) if finalizer not in finalizers_of(old)]
