"""What the contract needs of a real API server: its kinds as CRDs, namespaces, a garbage collector that knows them."""

from __future__ import annotations

import time
import uuid
from typing import Any

from okra.ports import Kind
from okra.testing.controlplane.access import ControlPlane
from tests.store.kinds import GADGET, WIDGET, gadget, owned_by, widget

AWAKE = 90.0
"""Seconds: the garbage collector looks for new kinds every thirty."""


def crd(kind: Kind) -> dict[str, Any]:
    """A free-form spec and status, and the contract's one rule."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {**free, "properties": {"size": {"type": "integer", "minimum": 0}}}
    schema = {"type": "object", "properties": {"spec": spec, "status": free}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower()},
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def install_kinds(cluster: ControlPlane) -> None:
    for kind in (WIDGET, GADGET):
        made = cluster.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd(kind))
        assert made.status in (201, 409), made
    deadline = time.monotonic() + 60
    while any(cluster.call("GET", _path(kind, "default")).status != 200 for kind in (WIDGET, GADGET)):
        assert time.monotonic() < deadline, "the kinds aren't served"
        time.sleep(0.1)


def new_namespace(cluster: ControlPlane) -> str:
    """Left to the end of the session: a cluster takes seconds to delete one."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    made = cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made
    return name


def until_garbage_is_collected(cluster: ControlPlane) -> None:
    """The garbage collector of a cluster doesn't know a new kind at once."""
    namespace = new_namespace(cluster)
    for owner_kind, owner_body, child_kind, child_body in (
        (WIDGET, widget("owner", namespace), GADGET, gadget),
        (GADGET, gadget("owner", namespace), WIDGET, widget),
    ):
        owner = cluster.call("POST", _path(owner_kind, namespace), owner_body).body
        child = child_body("child", namespace, ownerReferences=owned_by(owner))
        assert cluster.call("POST", _path(child_kind, namespace), child).status == 201
        cluster.call("DELETE", f"{_path(owner_kind, namespace)}/owner")
        deadline = time.monotonic() + AWAKE
        while cluster.call("GET", f"{_path(child_kind, namespace)}/child").status != 404:
            assert time.monotonic() < deadline, "garbage isn't collected"
            time.sleep(0.2)


def _path(kind: Kind, namespace: str) -> str:
    return f"/apis/{kind.api_version}/namespaces/{namespace}/{kind.plural}"
