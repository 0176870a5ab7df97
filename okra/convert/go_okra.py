"""Go okra's objects (`okra.mumo.co/v1alpha1`) as Okra's, each by the function of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from okra.convert.arguments import get
from okra.convert.document import Document, Remarks, Source, Unconvertible, made
from okra.convert.fields import Fields, told
from okra.convert.go_balancer import balancer_config
from okra.convert.go_cell import cell
from okra.convert.go_seen import Seen
from okra.convert.go_sets import cluster_set, target_group, target_group_set

GROUP = "okra.mumo.co"

_SERVERS = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "selfLink",
    "generateName",
    "ownerReferences",
    "finalizers",
)
"""Metadata that the API server or Go okra's controllers made: of the old object, not of the new one."""
_TRACKING = (
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
)
"""Labels and annotations by which Argo CD takes an object for one of an Application's, and prunes it where the
Application's source doesn't have it."""
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Converted = list[tuple[str, str, Mapping[str, Any]]]
"""Kind, name and spec of each object that one became."""
_CONVERSIONS: Mapping[str, Callable[[Fields, Seen, Remarks], Converted]] = {
    "Cell": cell,
    "ClusterSet": cluster_set,
    "AWSTargetGroupSet": target_group_set,
    "AWSTargetGroup": target_group,
    "AWSApplicationLoadBalancerConfig": balancer_config,
}
ONLY_THERE = ("AWSTargetGroupSet", "AWSTargetGroup", "AWSApplicationLoadBalancerConfig")
"""Kinds that its documents show in Okra's group, where there are none of these names."""
_WITHOUT = {
    "Pause": "A pause under way is not carried over: until it is over, don't apply its Cell, or with paused: true. In"
    " Okra a pause is a step of the Cell (`pause: {duration: 10m}`), a person's `okra pause`, or spec.paused.",
    "VersionBlocklist": "Okra blocks a version when it fails, in the Cell's status, until `okra retry` or"
    " `okra unblock`. It knows nothing of these yet: take the version's tag off their target groups, or pin"
    " spec.version, before the Cell is applied.",
}


@dataclass(frozen=True, slots=True)
class GoObject:
    """One object as it was read."""

    source: Source
    object: Mapping[str, Any]


def convert(found: GoObject, seen: Seen) -> list[Document]:
    """One object's documents: usually one, with or without an object of Okra's."""
    remarks = Remarks()
    root = Fields(found.object)
    root.ignore("apiVersion", "kind", "status")
    try:
        if found.source.kind in _WITHOUT:
            _say_without(found, remarks)
            remarks.say(_as_it_was(found.object))
            return [Document(found.source, None, remarks)]
        if found.source.kind not in _CONVERSIONS:
            known = ", ".join([*_CONVERSIONS, *_WITHOUT])
            raise Unconvertible("kind", f"{found.source.kind} is no kind of Go okra's: there are {known}")
        converted = _CONVERSIONS[found.source.kind](root, seen, remarks)
        metadata = _metadata(root.inside("metadata"), remarks)
    except Unconvertible as error:
        return [refused(found.source, error)]
    if not converted:
        remarks.say(_as_it_was(found.object))
        return [Document(found.source, None, remarks)]
    for where, value in root.leftovers():
        remarks.say(f"{where}: {value} has no counterpart and was left out.")
    own = [remarks, *(Remarks() for _ in converted[1:])]
    return [_document(found.source, *each, metadata, said) for each, said in zip(converted, own, strict=True)]


def _say_without(found: GoObject, remarks: Remarks) -> None:
    """A problem where it holds its Cell, because nothing will hold Okra's."""
    text = _WITHOUT[found.source.kind]
    if found.source.kind == "Pause" and get(get(found.object, "status"), "phase") == "Started":
        remarks.object_to("status.phase", text)
    elif found.source.kind == "VersionBlocklist" and get(get(found.object, "spec"), "items"):
        remarks.object_to("spec.items", text)
    else:
        remarks.say(text)


def refused(source: Source, error: Unconvertible) -> Document:
    """What stands in the place of an object that can't be converted."""
    remarks = Remarks()
    remarks.object_to(error.path, str(error))
    return Document(source, None, remarks)


def _document(
    source: Source, kind: str, name: str, spec: Mapping[str, Any], metadata: Mapping[str, Any], remarks: Remarks
) -> Document:
    return Document(source, made(kind, {"name": name, **metadata}, spec), remarks)


def _as_it_was(obj: Mapping[str, Any]) -> str:
    """An object without a counterpart, to be read in a comment; status and what the server says left out."""
    metadata = obj.get("metadata")
    if isinstance(metadata, Mapping):
        metadata = {key: value for key, value in metadata.items() if key not in _SERVERS}
    text = yaml.safe_dump(
        told("", {"metadata": metadata, "spec": obj.get("spec")}), sort_keys=False, allow_unicode=True
    )
    return "\n".join(["It was:", *(f"  {line}" for line in text.splitlines())])


def _metadata(found: Fields, remarks: Remarks) -> dict[str, Any]:
    """Namespace, labels and annotations; the name is the conversion's."""
    found.ignore("name", *_SERVERS)
    for owner in found.each("ownerReferences"):
        owner.ignore("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
    kept: dict[str, Any] = {}
    if namespace := found.text("namespace"):
        kept["namespace"] = namespace
    for field in ("labels", "annotations"):
        values = found.labels(field)
        if mine := {key: value for key, value in values.items() if key not in (_APPLIED, *_TRACKING)}:
            kept[field] = mine
        for key in [key for key in values if key in _TRACKING]:
            remarks.say(
                f"{found.where(field)}: {key}: {values[key]} was left out: by it Argo CD would take this for an object"
                " of the old one's Application, and prune it.",
                "metadata",
            )
    return kept
