"""The API server's rules for metadata: what it would refuse is refused here, with the same field paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MAX_SUBDOMAIN = 253
_MAX_ANNOTATIONS = 256 * 1024
_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid")

Findings = Iterator[str]


def is_subdomain(text: object) -> bool:
    """DNS-1123 subdomain: object names, and the prefix of a qualified name."""
    return isinstance(text, str) and len(text) <= _MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(text) is not None


def is_label(text: object) -> bool:
    """DNS-1123 label: namespaces."""
    return isinstance(text, str) and _LABEL.fullmatch(text) is not None


def is_qualified_name(text: object) -> bool:
    """`name` or `prefix/name`: keys of labels and annotations, finalizers."""
    if not isinstance(text, str):
        return False
    prefix, slash, name = text.rpartition("/")
    return _QUALIFIED.fullmatch(name) is not None and (is_subdomain(prefix) if slash else True)


def is_label_value(text: object) -> bool:
    return text == "" or (isinstance(text, str) and _QUALIFIED.fullmatch(text) is not None)


def findings(metadata: Mapping[str, Any]) -> list[str]:
    """What is wrong with an object's metadata, each as `metadata.path: what it must be`; empty when nothing is."""
    return [
        *_identity(metadata),
        *_map(metadata, "labels", is_label_value, "at most 63 letters, digits, `-`, `_`, `.`"),
        *_map(metadata, "annotations", lambda value: isinstance(value, str), "a string"),
        *_annotations_size(metadata),
        *_finalizers(metadata),
        *_owners(metadata),
    ]


def _identity(metadata: Mapping[str, Any]) -> Findings:
    if not is_subdomain(metadata.get("name")):
        yield "metadata.name: must be lower-case letters, digits, `-` and `.`, at most 253 characters"
    if not is_label(metadata.get("namespace", "default")):
        yield "metadata.namespace: must be lower-case letters, digits and `-`, at most 63 characters"


def _map(metadata: Mapping[str, Any], field: str, valid: Callable[[object], bool], must: str) -> Findings:
    entries = metadata.get(field)
    if entries is None:
        return
    if not isinstance(entries, dict):
        yield f"metadata.{field}: must be a map"
        return
    for key, value in entries.items():
        if not is_qualified_name(key):
            yield f"metadata.{field}: {key!r} must be a name like `tier` or `example.com/tier`"
        if not valid(value):
            yield f"metadata.{field}[{key}]: must be {must}"


def _annotations_size(metadata: Mapping[str, Any]) -> Findings:
    entries = metadata.get("annotations")
    if isinstance(entries, dict) and sum(len(str(part)) for item in entries.items() for part in item) > (
        _MAX_ANNOTATIONS
    ):
        yield f"metadata.annotations: must have at most {_MAX_ANNOTATIONS} bytes in all"


def _finalizers(metadata: Mapping[str, Any]) -> Findings:
    finalizers = metadata.get("finalizers")
    if finalizers is None:
        return
    if not isinstance(finalizers, list):
        yield "metadata.finalizers: must be a list"
        return
    for index, finalizer in enumerate(finalizers):
        if not is_qualified_name(finalizer):
            yield f"metadata.finalizers[{index}]: must be a name like `example.com/cleanup`"


def _owners(metadata: Mapping[str, Any]) -> Findings:
    owners = metadata.get("ownerReferences")
    if owners is None:
        return
    if not isinstance(owners, list):
        yield "metadata.ownerReferences: must be a list"
        return
    for index, owner in enumerate(owners):
        for field in _OWNER_FIELDS:
            if not isinstance(owner, dict) or not (isinstance(owner.get(field), str) and owner[field]):
                yield f"metadata.ownerReferences[{index}].{field}: is required"
