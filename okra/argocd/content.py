"""What a cluster secret should hold, and the patch that makes one hold it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from okra.api.aws import region_of
from okra.api.meta import VERSION_LABEL
from okra.api.secret_labels import is_own
from okra.argocd.names import (
    OWN_KEYS,
    OWNER,
    OWNER_UID,
    REGION,
    RESERVED,
    SECRET,
    SHARED_WITH,
    TARGET_GROUP,
    TARGET_GROUP_OF,
)
from okra.argocd.secrets import ClusterSecret, Owner, digest
from okra.ports import Object
from okra.ports_clusters import ClusterInfo

_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_TARGET_GROUP = re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]+:[0-9]+:targetgroup/.+")


class Auth(StrEnum):
    """How Argo CD authenticates to an EKS cluster. Both end at the IAM role of `argocd-k8s-auth aws`."""

    AWS_AUTH_CONFIG = "awsAuthConfig"
    EXEC_PROVIDER_CONFIG = "execProviderConfig"
    """The same command, written out, with the cluster's region: for clusters outside the region of Argo CD's pods."""


@dataclass(frozen=True, slots=True)
class Content:
    """A cluster secret as its owner wants it. Nothing in it is secret: Argo CD gets its credentials from IAM."""

    name: str
    server: str
    data: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    own: tuple[str, ...]
    """Keys of the labels and annotations that come from spec.labels."""


def content_for(
    owner: Owner,
    info: ClusterInfo,
    role_arn: str,
    labels: Mapping[str, str],
    auth: Auth,
    groups: Mapping[str, str] | None = None,
) -> Content:
    """`info` with endpoint and CA; `labels`: spec.labels. What is no label in Kubernetes becomes an annotation.
    `groups`: target groups that TargetGroupSets have for it, by annotation."""
    region = region_of(info.arn)
    server = info.endpoint.rstrip("/")
    legal = {key: value for key, value in labels.items() if _is_key(key)}
    as_labels = {key: value for key, value in legal.items() if _VALUE.fullmatch(value)}
    as_annotations = {key: value for key, value in legal.items() if key not in as_labels}
    derived = {
        REGION: region,
        VERSION_LABEL: labels.get(VERSION_LABEL) or info.tags.get(VERSION_LABEL, ""),
        TARGET_GROUP: _target_group(labels) or _target_group(groups or {}),
        **(groups or {}),
        SHARED_WITH: labels.get(SHARED_WITH, ""),
    }
    own = tuple(sorted(legal))
    return Content(
        name=owner.name,
        server=server,
        data={"name": owner.name, "server": server, "config": _config(info, role_arn, region, auth)},
        labels={**as_labels, **RESERVED},
        annotations={
            **as_annotations,
            **{key: value for key, value in derived.items() if value},
            OWN_KEYS: ",".join(own),
            OWNER: str(owner),
            OWNER_UID: owner.uid,
        },
        own=own,
    )


def newborn(content: Content, namespace: str) -> Object:
    """The Secret to create."""
    metadata = {
        "name": content.name,
        "namespace": namespace,
        "labels": dict(content.labels),
        "annotations": dict(content.annotations),
    }
    body = {"metadata": metadata, "type": "Opaque", "data": _encoded(content.data)}
    return {"apiVersion": SECRET.api_version, "kind": SECRET.kind, **body}


def patch_for(secret: ClusterSecret, content: Content, in_use: Collection[str]) -> dict[str, Any]:
    """What makes the secret what it should be, guarded by its resourceVersion; empty when it is. `in_use`: keys of its
    own labels that stay as they are (`labels_in_use`).

    Labels by which it is published stay, whatever spec.labels says; so does what others added, and what a former owner
    wrote: somebody may select by these.
    """
    own = _own_of(secret, content)
    held = {key for key in content.own if key not in own and _is_other(secret, content, key)}
    data = {**content.data, "name": secret.cluster or content.data["name"]}
    published = {key for mark in secret.marks.values() if mark.withdrawn is None for key in mark.labels}
    dropped = own - set(content.own) - {*RESERVED, *published}
    labels = _changes(secret.labels, content.labels, dropped - {*in_use}, {*held, *published, *in_use})
    keys = sorted({*content.own, *in_use} - held)
    wanted = {**content.annotations, OWN_KEYS: ",".join(keys)}
    stale = _derived(secret, content)
    annotations = _changes(secret.annotations, wanted, dropped | stale, held - {VERSION_LABEL})
    patch: dict[str, Any] = {}
    if labels or annotations:
        patch["metadata"] = {"labels": labels, "annotations": annotations}
    if secret.digest != digest(data):
        patch["data"] = _encoded(data)
    if patch:
        patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": secret.resource_version}
    return patch


def labels_in_use(secret: ClusterSecret, content: Content, *, paused: bool = False) -> dict[str, str]:
    """Labels that its owner wrote, and gives another value now, or none, while somebody publishes it or pauses: an
    ApplicationSet may select by them, too, and would delete what serves. Until then they are only added to."""
    if not (paused or secret.published_by):
        return {}
    published = {key for mark in secret.marks.values() for key in mark.labels}
    own = {key: secret.labels[key] for key in _own_of(secret, content) - published if key in secret.labels}
    return {key: value for key, value in own.items() if content.labels.get(key) != value}


def own_keys(secret: ClusterSecret) -> tuple[str, ...]:
    """Which labels and annotations of a secret come from its ArgoCDCluster's spec.labels."""
    return tuple(filter(None, secret.annotations.get(OWN_KEYS, "").split(",")))


def _own_of(secret: ClusterSecret, content: Content) -> set[str]:
    """Keys that the owner of this content wrote: none on a secret that it has just taken over."""
    return set(own_keys(secret)) if str(secret.owner) == content.annotations[OWNER] else set()


def _is_other(secret: ClusterSecret, content: Content, key: str) -> bool:
    """Is it there with another value than the spec's?"""
    there, wanted = (
        (secret.labels, content.labels) if key in content.labels else (secret.annotations, content.annotations)
    )
    return there.get(key, wanted[key]) != wanted[key]


def _changes(
    present: Mapping[str, str], wanted: Mapping[str, str], dropped: set[str], untouched: set[str]
) -> dict[str, str | None]:
    changes: dict[str, str | None] = {key: None for key in dropped if key in present and key not in wanted}
    changes |= {key: value for key, value in wanted.items() if present.get(key) != value and key not in untouched}
    return changes


def _derived(secret: ClusterSecret, content: Content) -> set[str]:
    """Annotations of Okra's that nothing is known about any more."""
    told = {key for key in secret.annotations if key.startswith(TARGET_GROUP_OF)}
    return told.union(
        key for key in (REGION, VERSION_LABEL, TARGET_GROUP, SHARED_WITH) if key in secret.annotations
    ) - set(content.annotations)


def _is_key(key: str) -> bool:
    """Is it a label of its own on the secret? Of Okra's own keys the version is one like others."""
    return _KEY.fullmatch(key) is not None and key not in RESERVED and not is_own(key, read=(VERSION_LABEL,))


def _target_group(labels: Mapping[str, str]) -> str:
    """The one target group that the labels name, under whatever key."""
    found = {*_target_groups(labels).values()}
    return found.pop() if len(found) == 1 else ""


def _target_groups(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if _TARGET_GROUP.fullmatch(value)}


def keys_of_target_groups(secret: ClusterSecret) -> list[str]:
    """The labels of its ArgoCDCluster that name target groups. Each is an annotation: an ARN is no label's value."""
    own = {key: secret.annotations[key] for key in own_keys(secret) if key in secret.annotations}
    return sorted(_target_groups(own))


def _config(info: ClusterInfo, role_arn: str, region: str, auth: Auth) -> str:
    config: dict[str, Any] = {"tlsClientConfig": {"insecure": False, "caData": info.ca_data}}
    match auth:
        case Auth.AWS_AUTH_CONFIG:
            role = {"roleARN": role_arn} if role_arn else {}
            config["awsAuthConfig"] = {"clusterName": info.name, **role}
        case Auth.EXEC_PROVIDER_CONFIG:
            config["execProviderConfig"] = {
                "command": "argocd-k8s-auth",
                "args": ["aws", "--cluster-name", info.name, *(("--role-arn", role_arn) if role_arn else ())],
                "env": {"AWS_REGION": region},
                "apiVersion": "client.authentication.k8s.io/v1beta1",
            }
    return json.dumps(config, separators=(",", ":"), sort_keys=True)


def _encoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
