"""The definitions and policies on a real API server: taken without complaint, and doing what they are for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from okra.api.crd import crd
from okra.api.crd_policies import POLICIES, policies
from okra.api.kinds import CELL, CHECK, KINDS, KindInfo
from okra.testing.controlplane import OwnControlPlane
from okra.testing.controlplane.access import MERGE, ControlPlane
from tests.api.cases import VALID
from tests.kube.filled import filled
from tests.support.crds import DEFINITIONS, install_crds

POLICY_PATH = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
EXAMPLES = {each.object["kind"]: each.object for each in reversed(VALID)}


def until(true: Callable[[], bool], *, seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def path_of(info: KindInfo, namespace: str) -> str:
    return f"/apis/{info.api_version}/namespaces/{namespace}/{info.plural}"


def named(info: KindInfo, namespace: str) -> dict[str, Any]:
    metadata = {"name": "example", "namespace": namespace}
    return {**EXAMPLES[info.kind], "apiVersion": info.api_version, "kind": info.kind, "metadata": metadata}


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_a_definition_is_established_and_its_schema_is_structural(info: KindInfo, okra_crds: ControlPlane) -> None:
    status = okra_crds.call("GET", f"{DEFINITIONS}/{info.resource}").body["status"]
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}
    assert status["acceptedNames"]["categories"] == ["okra"]


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_the_server_keeps_a_definition_as_it_was_printed(info: KindInfo, okra_crds: ControlPlane) -> None:
    """Nothing was pruned: every key is one that the API server knows."""
    stored = okra_crds.call("GET", f"{DEFINITIONS}/{info.resource}").body["spec"]
    printed = crd(info)["spec"]
    assert stored["versions"][0]["schema"] == printed["versions"][0]["schema"]
    assert stored["names"] == printed["names"]


def test_a_strict_server_knows_every_field_of_every_manifest(okra_crds: ControlPlane) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*map(crd, KINDS), *policies()]})
    arguments = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "-f", "-")
    applied = okra_crds.kubectl(*arguments, given=text).splitlines()
    assert len(applied) == len(KINDS) + 2 * len(POLICIES)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_policy_has_no_expression_of_a_wrong_type(policy: Any, okra_crds: ControlPlane) -> None:
    def status() -> dict[str, Any]:
        found = okra_crds.call("GET", f"{POLICY_PATH}/{policy.name}").body
        current = found.get("status", {})
        return current if current.get("observedGeneration") == found["metadata"]["generation"] else {}

    until(lambda: "typeChecking" in status())
    assert status()["typeChecking"] == {}


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_a_status_is_stored_with_every_field_that_its_model_has(
    info: KindInfo, okra_crds: ControlPlane, kube_namespace: str
) -> None:
    path = path_of(info, kube_namespace)
    made = okra_crds.call("POST", f"{path}?fieldValidation=Strict", named(info, kube_namespace))
    assert made.status == 201, made
    status = filled(info.status)
    written = okra_crds.call(
        "PATCH", f"{path}/example/status?fieldValidation=Strict", {"status": status}, content=MERGE
    )
    assert written.status == 200, written
    assert written.body["status"] == status
    assert info.status.model_validate(written.body["status"]).model_dump(mode="json") == status


def test_kubectl_shows_where_a_cell_is(okra_crds: ControlPlane, kube_namespace: str) -> None:
    path = path_of(CELL, kube_namespace)
    okra_crds.call("POST", path, named(CELL, kube_namespace))
    status = {
        "phase": "Syncing",
        "stableVersion": "1.0.0",
        "desiredVersion": "1.1.0",
        "weight": "20%",
        "step": "2/10",
        "message": "measuring",
    }
    okra_crds.call("PATCH", f"{path}/example/status", {"status": status}, content=MERGE)

    def table(*arguments: str) -> list[list[str]]:
        return [line.split() for line in okra_crds.kubectl("get", "-n", kube_namespace, *arguments).splitlines()]

    heads, row = table("cells")
    assert heads == ["NAME", "PHASE", "STABLE", "DESIRED", "WEIGHT", "STEP", "AGE"]
    assert row[:-1] == ["example", "Syncing", "1.0.0", "1.1.0", "20%", "2/10"]
    heads, row = table("cells", "-o", "wide")
    assert (heads[-1], row[-1]) == ("MESSAGE", "measuring")
    assert table("okra")[1][0] == "cell.okra.mumoshu.github.io/example"


def test_a_plain_default_is_filled_in_and_one_of_the_controllers_settings_is_not(
    okra_crds: ControlPlane, kube_namespace: str
) -> None:
    path = path_of(CELL, kube_namespace)
    spec = {"ingress": EXAMPLES["Cell"]["spec"]["ingress"], "updateStrategy": {"canary": {}}, "onFailure": {}}
    obj = {**named(CELL, kube_namespace), "spec": spec}
    stored = okra_crds.call("POST", f"{path}?dryRun=All", obj).body["spec"]
    assert {key: value for key, value in stored.items() if key != "ingress"} == {
        "updateStrategy": {"canary": {}, "type": "Canary", "onNewerVersion": "Restart"},
        "onFailure": {},
        "drainTimeout": "5m",
        "progressDeadlineAction": "Report",
        "onDrift": "Respect",
        "deletionPolicy": "Retain",
        "paused": False,
    }
    assert stored["ingress"]["awsApplicationLoadBalancer"]["takeOver"] is False


def test_a_field_with_nothing_in_it_is_as_good_as_absent(okra_crds: ControlPlane, kube_namespace: str) -> None:
    obj = named(CELL, kube_namespace)
    obj["spec"] = {**obj["spec"], "bakeTime": None, "aws": None, "drainTimeout": None}
    answer = okra_crds.call("POST", f"{path_of(CELL, kube_namespace)}?dryRun=All&fieldValidation=Strict", obj)
    assert answer.status == 201, answer
    stored = answer.body["spec"]
    assert stored["drainTimeout"] == "5m"
    assert not {"bakeTime", "aws"} & stored.keys()


@pytest.mark.parametrize(
    "spec", [{"analysis": {"query": "{{.Vars.nothing}}", "max": 1}}, {"analysis": {"query": "up"}}]
)
def test_an_invalid_object_that_was_let_in_before_can_be_deleted_but_not_made_worse(
    spec: dict[str, Any], own_control_plane: OwnControlPlane
) -> None:
    """A judge of every update would keep it for ever: its finalizer couldn't come off."""
    lax = crd(CHECK)
    schema = lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert own_control_plane.call("POST", DEFINITIONS, lax).status == 201
    path = path_of(CHECK, "default")
    obj = {**named(CHECK, "default"), "spec": spec}
    obj["metadata"]["finalizers"] = ["example.com/hold"]
    until(lambda: own_control_plane.call("POST", path, obj).status == 201)
    install_crds(own_control_plane)

    worse = own_control_plane.call("PATCH", f"{path}/example", {"spec": {"analysis": {"query": "{{"}}}, content=MERGE)
    assert worse.status == 422, worse
    assert own_control_plane.call("DELETE", f"{path}/example").status == 200
    released = own_control_plane.call("PATCH", f"{path}/example", {"metadata": {"finalizers": []}}, content=MERGE)
    assert released.status == 200, released
    assert own_control_plane.call("GET", f"{path}/example").status == 404
