"""Objects of Argo CD as JSON, and what Okra reads of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from okra.argocd.application_sets import ApplicationSet, read_application_set
from okra.argocd.applications import Application, read_application
from okra.argocd.content import Auth, content_for, newborn
from okra.argocd.marks import Publisher
from okra.argocd.names import SECRET_TYPE
from okra.argocd.publishing import Edit
from okra.argocd.secrets import ClusterSecret, Owner, read_secret
from okra.embedded.objects import merge_patch
from okra.ports import Object
from okra.ports_clusters import ClusterInfo
from okra.rollout.status import write_time

NOW = 1_700_000_000.0
GROUP = "okra.mumoshu.github.io"
WEB = Publisher(GROUP, "default", "web")
LABELS = {"myservice-role": "web"}
CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


def server(name: str) -> str:
    return f"https://{name}.eks.example"


def info(name: str, **changes: Any) -> ClusterInfo:
    arn = f"arn:aws:eks:eu-west-1:123456789012:cluster/{name}"
    return replace(ClusterInfo(name, arn, "ACTIVE", server(name), CA, "1.33"), **changes)


def owner(name: str, namespace: str = "default", group: str = GROUP, uid: str = "") -> Owner:
    return Owner(group, namespace, name, uid or f"uid-of-{name}")


def ours(
    name: str, *, whose: Owner | None = None, spec_labels: Mapping[str, str] | None = None, **changes: Any
) -> Object:
    """A cluster secret as Okra writes it."""
    body = newborn(content_for(whose or owner(name), info(name), "", spec_labels or {}, Auth.AWS_AUTH_CONFIG), "argocd")
    body["metadata"] |= {"uid": f"uid-of-secret-{name}", "resourceVersion": "1"}
    changed: Object = merge_patch(body, changes)
    return changed


def foreign(name: str, *, at: str | None = None, **labels: str) -> Object:
    """A cluster secret that somebody else made."""
    data = {"name": name, "server": at or server(name), "config": "{}"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "uid": "u", "resourceVersion": "1", "labels": {SECRET_TYPE: "cluster", **labels}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def secret(name: str, **options: Any) -> ClusterSecret:
    return read_secret(ours(name, **options))


def edited(obj: Object, edit: Edit) -> Object:
    """The secret after an edit."""
    after: Object = merge_patch(obj, {"metadata": {**edit.patch["metadata"], "resourceVersion": "2"}})
    return after


def clusters(**labels: str) -> dict[str, Any]:
    """A generator of clusters by labels; of all of them without any."""
    return {"clusters": {"selector": {"matchLabels": labels}} if labels else {}}


BY_ROLE = {"clusters": {"selector": {"matchLabels": LABELS}}}


def set_json(name: str = "web", generators: Sequence[Mapping[str, Any]] = (BY_ROLE,), **spec: Any) -> Object:
    status = {"conditions": [condition("ResourcesUpToDate", "True"), condition("ErrorOccurred", "False")]}
    return {"metadata": {"name": name}, "spec": {"generators": list(generators), **spec}, "status": status}


def condition(type_: str, status: str, message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "message": message, "reason": "Any"}


def application_set(
    name: str = "web", generators: Sequence[Mapping[str, Any]] = (BY_ROLE,), **spec: Any
) -> ApplicationSet:
    return read_application_set(set_json(name, generators, **spec))


def application_json(cluster: str, *, set_name: str = "web", at: float = NOW, name: str = "", **status: Any) -> Object:
    """An Application that is deployed on a cluster, as its controller saw it at a time."""
    found = {
        "sync": {"status": "Synced"},
        "health": {"status": "Healthy"},
        "reconciledAt": write_time(at),
        **status,
    }
    owner_of_it = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": set_name, "uid": "s"}
    return {
        "metadata": {
            "name": name or f"{set_name}-{cluster}",
            "creationTimestamp": write_time(NOW - 3600),
            "ownerReferences": [{**owner_of_it, "controller": True}],
        },
        "spec": {"destination": {"server": server(cluster)}, "syncPolicy": {"automated": {}}},
        "status": found,
    }


def application(cluster: str, **options: Any) -> Application:
    return read_application(application_json(cluster, **options))
