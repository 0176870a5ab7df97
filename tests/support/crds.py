"""Okra's kinds on the session's control plane: import `okra_crds` into a conftest, beside `control_plane`."""

from __future__ import annotations

import time
from typing import Any

import pytest

from okra.api.crd import crd
from okra.api.crd_policies import policies
from okra.api.kinds import KINDS, KindInfo
from okra.testing.controlplane.access import APPLY, ControlPlane

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATIENCE = 60.0
"""Seconds. A policy takes effect some time after it was made, more on a busy machine."""

_APPLICATION = {"name": "a", "argocd": {"clusterSecret": {"labels": {"a": "b"}}, "applicationSet": {}}}
_CHECK = {"name": "a", "analysis": {"query": "{{", "max": 1}}
_LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/5/f"
_GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/7"
_SET = {"clusterNames": ["a"], "clusterSecret": {"labels": {"a": "b"}}, "applicationSet": {}}
_SPECS: dict[str, dict[str, Any]] = {
    "Cell": {"clusters": [{"name": "a"}], "applications": [_APPLICATION]},
    "System": {"clusters": [{"name": "a"}], "applications": [_APPLICATION]},
    "Check": {"analysis": _CHECK["analysis"]},
    "ALB": {"listenerARN": _LISTENER, "destinations": [{"targetGroupARN": _GROUP, "weight": 1}], "checks": [_CHECK]},
    "ArgoCDApplicationDeployment": _SET,
    "TargetGroupSet": {"generators": [{"awseks": {"selector": {"matchTags": {"a": "b"}}}}]},
}
"""What only a policy refuses."""


@pytest.fixture(scope="session")
def okra_crds(control_plane: ControlPlane) -> ControlPlane:
    """The session's control plane, on which every kind of Okra's is served and judged."""
    install_crds(control_plane)
    return control_plane


def install_crds(cluster: ControlPlane) -> None:
    """Apply definitions and policies, and wait until they are in force. Several may do so at once."""
    for manifest in [*map(crd, KINDS), *policies()]:
        applied = cluster.call(
            "PATCH", f"{_path(manifest)}?fieldManager=okra-tests&force=true", manifest, content=APPLY
        )
        assert applied.status in (200, 201), applied
    deadline = time.monotonic() + PATIENCE
    while pending := [info.resource for info in KINDS if not _in_force(cluster, info)]:
        assert time.monotonic() < deadline, f"not in force: {pending}"
        time.sleep(0.2)


def _path(manifest: dict[str, Any]) -> str:
    plural = {
        "CustomResourceDefinition": "customresourcedefinitions",
        "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    }[manifest["kind"]]
    return f"/apis/{manifest['apiVersion']}/{plural}/{manifest['metadata']['name']}"


def _in_force(cluster: ControlPlane, info: KindInfo) -> bool:
    """It is served, and its policy, if it has one, refuses what is for it to refuse."""
    path = f"/apis/{info.api_version}/namespaces/default/{info.plural}"
    if info.kind not in _SPECS:
        return cluster.call("GET", path).status == 200
    probe = {"apiVersion": info.api_version, "kind": info.kind, "metadata": {"name": "probe"}}
    return cluster.call("POST", f"{path}?dryRun=All", {**probe, "spec": _SPECS[info.kind]}).status == 422
