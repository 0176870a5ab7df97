"""The real control plane is one: what Okra's tests rely on, seen without Okra's own client."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from okra.testing.controlplane import ControlPlane, OwnControlPlane, Unreachable


def until(true: Callable[[], bool], *, seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def token_of(control_plane: ControlPlane, namespace: str, account: str) -> str:
    """Issued by TokenRequest, for a new service account."""
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert control_plane.call("POST", accounts, {"metadata": {"name": account}}).status == 201
    issued = control_plane.call("POST", f"{accounts}/{account}/token", {"spec": {"expirationSeconds": 600}})
    assert issued.status == 201, issued
    token: str = issued.body["status"]["token"]
    return token


def test_it_is_the_pinned_release_and_kubectl_is_of_the_same(control_plane: ControlPlane) -> None:
    version = control_plane.call("GET", "/version").body["gitVersion"]
    assert version.startswith("v1.35.")
    assert f"Client Version: {version}" in control_plane.kubectl("version")


def test_a_deleted_namespace_takes_its_content_along(control_plane: ControlPlane, kube_namespace: str) -> None:
    path = f"/api/v1/namespaces/{kube_namespace}"
    assert control_plane.call("POST", f"{path}/configmaps", {"metadata": {"name": "content"}}).status == 201
    control_plane.call("DELETE", path)
    until(lambda: control_plane.call("GET", path).status == 404)


def test_a_token_may_do_what_its_role_says_and_no_more(control_plane: ControlPlane, kube_namespace: str) -> None:
    token = token_of(control_plane, kube_namespace, "reader")
    path = f"/api/v1/namespaces/{kube_namespace}/configmaps"
    denied = control_plane.call("GET", path, token=token)
    assert (denied.status, denied.body["reason"]) == (403, "Forbidden")

    account = f"{kube_namespace}:reader"
    control_plane.kubectl("create", "role", "reader", "--verb=list", "--resource=configmaps", "-n", kube_namespace)
    control_plane.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={account}", "-n", kube_namespace
    )
    until(lambda: control_plane.call("GET", path, token=token).status == 200)
    assert control_plane.call("POST", path, {"metadata": {"name": "new"}}, token=token).status == 403
    assert control_plane.call("GET", path, token="not-a-token").status == 401


def test_children_go_with_their_owner(control_plane: ControlPlane, kube_namespace: str) -> None:
    path = f"/api/v1/namespaces/{kube_namespace}/configmaps"
    owner = control_plane.call("POST", path, {"metadata": {"name": "owner"}}).body["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    child = {"metadata": {"name": "child", "ownerReferences": [reference]}}
    assert control_plane.call("POST", path, child).status == 201
    control_plane.call("DELETE", f"{path}/owner")
    until(lambda: control_plane.call("GET", f"{path}/child").status == 404)


def test_a_policy_in_cel_refuses_an_object(control_plane: ControlPlane, kube_namespace: str) -> None:
    registration = "/apis/admissionregistration.k8s.io/v1"
    names_only_here = {"matchLabels": {"kubernetes.io/metadata.name": kube_namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    policy = {
        "metadata": {"name": kube_namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": names_only_here},
            "validations": [{"expression": "object.metadata.name != 'refused'", "message": "not this name"}],
        },
    }
    binding = {
        "metadata": {"name": kube_namespace},
        "spec": {"policyName": kube_namespace, "validationActions": ["Deny"]},
    }
    for kind, body in {"policies": policy, "policybindings": binding}.items():
        made = control_plane.call("POST", f"{registration}/validatingadmission{kind}", body)
        assert made.status == 201, made
    path = f"/api/v1/namespaces/{kube_namespace}/configmaps?dryRun=All"
    until(lambda: control_plane.call("POST", path, {"metadata": {"name": "refused"}}).status == 422)
    assert control_plane.call("POST", path, {"metadata": {"name": "taken"}}).status == 201
    for kind in ("policies", "policybindings"):
        control_plane.call("DELETE", f"{registration}/validatingadmission{kind}/{kube_namespace}")


JOB_AND_DEPLOYMENT = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: any}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: always}
spec:
  replicas: 2
  selector: {matchLabels: {app: always}}
  template: {metadata: {labels: {app: always}}, spec: {containers: [{name: main, image: any}]}}
"""


def test_a_job_completes_and_a_deployment_becomes_available(control_plane: ControlPlane, kube_namespace: str) -> None:
    def kubectl(*arguments: str, given: str = "") -> str:
        return control_plane.kubectl("-n", kube_namespace, *arguments, given=given)

    kubectl("apply", "-f", "-", given=JOB_AND_DEPLOYMENT)
    kubectl("wait", "--for=condition=Complete", "job/once", "--timeout=40s")
    kubectl("wait", "--for=condition=Available", "deployment/always", "--timeout=40s")


def test_a_frozen_server_answers_nothing_and_a_thawed_one_as_before(own_control_plane: OwnControlPlane) -> None:
    own_control_plane.freeze_apiserver()
    with pytest.raises(Unreachable, match="timed out"):
        own_control_plane.call("GET", "/version", timeout=0.5)
    own_control_plane.thaw_apiserver()
    assert own_control_plane.call("GET", "/version").status == 200


def test_a_stopped_server_refuses_connections_and_a_started_one_has_its_data(
    own_control_plane: OwnControlPlane,
) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    before = own_control_plane.call("POST", path, {"metadata": {"name": "kept"}}).body
    own_control_plane.stop_apiserver()
    with pytest.raises(Unreachable, match="refused"):
        own_control_plane.call("GET", "/version")
    own_control_plane.start_apiserver()
    assert own_control_plane.call("GET", f"{path}/kept").body == before
