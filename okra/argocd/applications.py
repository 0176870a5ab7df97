"""An Application of Argo CD, as far as it tells whether a cluster runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okra.argocd.secrets import ClusterSecret
from okra.ports import Object
from okra.rollout.status import read_time


@dataclass(frozen=True, slots=True)
class Application:
    name: str
    set: str
    """The ApplicationSet that made it, or `""`."""
    server: str
    cluster: str
    """Its destination: a server's URL, or Argo CD's name of a cluster."""
    created: float
    reconciled: float | None
    sync: str
    health: str
    said: str
    """What is wrong, in Argo CD's words: of an error in it, of its health, or of an operation that didn't succeed."""
    operation: str
    """The phase of the operation that runs or ran last: Running, Succeeded, Failed …; `""`: there was none."""
    automated: bool
    """Argo CD syncs it without a person."""
    deleting: bool = False

    def goes_to(self, secret: ClusterSecret) -> bool:
        return secret.server == self.server != "" or secret.cluster == self.cluster != ""


def read_application(obj: Object) -> Application:
    """Of whatever the store holds: what is missing or malformed says nothing in favour of it."""
    metadata, spec, status = _map(obj, "metadata"), _map(obj, "spec"), _map(obj, "status")
    destination, health, operation = _map(spec, "destination"), _map(status, "health"), _map(status, "operationState")
    automated = _map(spec, "syncPolicy").get("automated")
    return Application(
        name=str(metadata["name"]),
        set=_set_of(metadata),
        server=str(destination.get("server") or "").rstrip("/"),
        cluster=str(destination.get("name") or ""),
        created=_time(metadata.get("creationTimestamp")) or 0.0,
        reconciled=_time(status.get("reconciledAt")),
        sync=str(_map(status, "sync").get("status") or "Unknown"),
        health=str(health.get("status") or "Unknown"),
        said=_error(status) or str(health.get("message") or "") or _failure(operation),
        operation="Running" if obj.get("operation") else str(operation.get("phase") or ""),
        automated=isinstance(automated, Mapping) and automated.get("enabled") is not False,
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def _set_of(metadata: Mapping[str, Any]) -> str:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == "ApplicationSet" and str(owner.get("apiVersion", "")).startswith("argoproj.io/"):
            return str(owner.get("name", ""))
    return ""


def _error(status: Mapping[str, Any]) -> str:
    """The first condition of an error; others are warnings."""
    return next(
        (
            str(each.get("message") or each["type"])
            for each in status.get("conditions") or ()
            if str(each.get("type")).endswith("Error")
        ),
        "",
    )


def _failure(operation: Mapping[str, Any]) -> str:
    return "" if operation.get("phase") == "Succeeded" else str(operation.get("message") or "")


def _map(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _time(value: object) -> float | None:
    try:
        return read_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
