"""Argo CD's kinds on a control plane, and what its controllers need in their namespace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml

from okra.argocd.names import APPLICATION
from okra.testing.controlplane.access import APPLY, ControlPlane

_PATIENCE = 140.0
_POLL = 0.05
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KINDS = f"/apis/{APPLICATION.api_version}"
_OWN = {"app.kubernetes.io/part-of": "argocd"}
"""The label by which Argo CD finds its settings."""


def install(plane: ControlPlane, definitions: Path) -> None:
    """Argo CD's kinds, from the folder of their manifests; returns when they are served. Several may do so at once."""
    plurals = [_define(plane, file) for file in sorted(definitions.iterdir())]
    deadline = time.monotonic() + _PATIENCE
    while missing := [each for each in plurals if plane.call("GET", f"{_KINDS}/{each}").status != 200]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"not served: {missing}")
        time.sleep(_POLL)


def settle(plane: ControlPlane, namespace: str) -> None:
    """What Argo CD needs in its namespace: settings, and the project that allows everything."""
    core, objects = f"/api/v1/namespaces/{namespace}", f"{_KINDS}/namespaces/{namespace}"
    _create(plane, f"{core}/configmaps", {"metadata": {"name": "argocd-cm", "labels": _OWN}})
    secret = {"metadata": {"name": "argocd-secret", "labels": _OWN}, "stringData": {"server.secretkey": "of-a-test"}}
    _create(plane, f"{core}/secrets", secret)
    anything = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    project = {"apiVersion": APPLICATION.api_version, "kind": "AppProject", "metadata": {"name": "default"}}
    _create(plane, f"{objects}/appprojects", {**project, "spec": anything})


def _define(plane: ControlPlane, file: Path) -> str:
    """Of a definition of a megabyte: libyaml reads it in a tenth of a second."""
    manifest = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    path = f"{_DEFINITIONS}/{manifest['metadata']['name']}?fieldManager=okra-tests&force=true"
    applied = plane.call("PATCH", path, manifest, content=APPLY)
    if applied.status not in (200, 201):
        raise RuntimeError(f"{file.name}: {applied}")
    return str(manifest["spec"]["names"]["plural"])


def _create(plane: ControlPlane, path: str, body: dict[str, Any]) -> None:
    made = plane.call("POST", path, body)
    if made.status not in (201, 409):
        raise RuntimeError(f"{path}: {made}")
