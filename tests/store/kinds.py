"""Two small kinds of the contract's own, so that it tests stores and not Okra's API.

`Widget` and `Gadget` have a free-form spec and status, and one rule: `spec.size`, if given, is an integer from 0. A
store on a real API server gets them as CRDs, the embedded one as the `validate` function here.
"""

from __future__ import annotations

import os
from typing import Any

from okra.ports import Kind, Object

GROUP = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.contract.okra.mumoshu.github.io"
"""A process of the test run has kinds of its own, so that a list or watch of all namespaces holds nobody else's."""
WIDGET = Kind(GROUP, "v1", "Widget", "widgets")
GADGET = Kind(GROUP, "v1", "Gadget", "gadgets")


def widget(
    name: str, namespace: str, *, spec: dict[str, Any] | None = None, kind: Kind = WIDGET, **metadata: Any
) -> Object:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"size": 1} if spec is None else spec,
    }


def gadget(name: str, namespace: str, **fields: Any) -> Object:
    return widget(name, namespace, kind=GADGET, **fields)


def owned_by(*owners: Object) -> list[dict[str, str]]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        for owner in owners
    ]


def validate(obj: Object) -> list[str]:
    size = obj.get("spec", {}).get("size", 0)
    if not isinstance(size, int) or size < 0:
        return ["spec.size: must be greater than or equal to 0"]
    return []
