"""A cluster secret as Okra sees it: one cluster each, found by Argo CD by its server."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.argocd.marks import Mark, Publisher, read_marks
from okra.argocd.names import MANAGED_BY, OKRA, OWNER, OWNER_UID, SHARED_WITH
from okra.ports import Object


@dataclass(frozen=True, slots=True)
class Owner:
    """The ArgoCDCluster that writes a secret."""

    group: str
    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.group}/{self.namespace}/{self.name}"

    def same_object(self, other: Owner) -> bool:
        """By its names: an ArgoCDCluster that is made again goes on with the secret it left behind."""
        return (self.group, self.namespace, self.name) == (other.group, other.namespace, other.name)


@dataclass(frozen=True, slots=True)
class ClusterSecret:
    """What Okra keeps of one. Credentials aren't among it, only a digest by which a change shows."""

    name: str
    uid: str
    resource_version: str
    cluster: str
    """Argo CD's name of the cluster."""
    server: str
    """URL of the cluster's API, without a slash at its end."""
    digest: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: Owner | None
    """None: Okra didn't create it, and never touches it."""
    marks: Mapping[Publisher, Mark]
    deleting: bool = False
    left: Mapping[str, str] = field(default_factory=dict)
    """Labels that were Okra's, and whose publisher exists no more: whoever publishes by one has it for his own."""

    def belongs_to(self, group: str, namespace: str) -> bool:
        """Does an ArgoCDCluster there write it?"""
        return self.owner is not None and (self.owner.group, self.owner.namespace) == (group, namespace)

    def may_be_used_in(self, namespace: str) -> bool:
        """May ArgoCDApplicationDeployments there publish it? In its owner's namespace, and where that one says so."""
        shared = self.annotations.get(SHARED_WITH, "").replace(",", " ").split()
        return self.owner is not None and namespace in {self.owner.namespace, *shared}

    @property
    def published_by(self) -> list[Publisher]:
        """A person who takes the labels off takes it back for good, once its publisher is gone."""
        return sorted(who for who, mark in self.marks.items() if mark.stands_on(self.labels))


def read_secret(obj: Object) -> ClusterSecret:
    """Of a Secret with the label `secret-type: cluster`. What can't be read is empty."""
    metadata = obj["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    data = {key: _decoded(value) for key, value in (obj.get("data") or {}).items()}
    return ClusterSecret(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        cluster=data.get("name", ""),
        server=data.get("server", "").rstrip("/"),
        digest=digest(data),
        labels=labels,
        annotations=annotations,
        owner=_owner(labels, annotations),
        marks=read_marks(annotations),
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def digest(data: Mapping[str, str]) -> str:
    """Of what Okra writes. Other keys (project, namespaces, shard) are a person's."""
    content = [data.get(key, "") for key in ("name", "server", "config")]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _owner(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Owner | None:
    parts = annotations.get(OWNER, "").split("/")
    uid = annotations.get(OWNER_UID, "")
    if labels.get(MANAGED_BY) != OKRA or len(parts) != 3 or not uid:
        return None
    group, namespace, name = parts
    return Owner(group, namespace, name, uid)


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(value or "", validate=True).decode()
    except (binascii.Error, TypeError, ValueError):
        return ""
