"""What the contract of all stores doesn't say: a real API server's ways with Okra's own kinds, and who may connect."""

from __future__ import annotations

import asyncio
import json
import stat
from functools import partial
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from okra.errors import AccessDenied, Conflict, CredentialsInvalid, Invalid, KindNotInstalled, NotFound, Unavailable
from okra.kube.client import KubeClient
from okra.kube.exec_plugin import ExecPlugin
from okra.kube.secrets import KubeSecrets
from okra.kube.store import KubeStore
from okra.kube.target import find_target
from okra.ports import Kind
from okra.testing.controlplane.access import ControlPlane
from tests.kube.api_server import ApiServer, answers, failure
from tests.kube.real import client_of
from tests.store.kinds import WIDGET, widget
from tests.store.real import install_kinds

JOB = Kind("batch", "v1", "Job", "jobs")
UNKNOWN = Kind("okra.mumoshu.github.io", "v1alpha1", "Nothing", "nothings")
CHECK = Kind("okra.mumoshu.github.io", "v1alpha1", "Check", "checks")
MAPS = Kind("", "v1", "ConfigMap", "configmaps")


@pytest.fixture
def cluster(control_plane: ControlPlane) -> ControlPlane:
    install_kinds(control_plane)
    return control_plane


async def test_of_applies_at_once_none_is_lost(cluster: ControlPlane, kube_namespace: str) -> None:
    async with client_of(cluster) as client:
        stores = [KubeStore(client) for _ in range(3)]
        bodies = [widget("a", kube_namespace, labels={f"l{n}": "x"}) for n in range(3)]
        await asyncio.gather(*(store.apply(WIDGET, body) for store, body in zip(stores, bodies, strict=True)))
        found = await stores[0].get(WIDGET, kube_namespace, "a")
    assert found["metadata"]["labels"] == {"l0": "x", "l1": "x", "l2": "x"}
    assert "managedFields" not in found["metadata"]


async def test_an_apply_that_is_overtaken_again_and_again_conflicts() -> None:
    """Somebody else writes between each reading and each patch."""
    old = {"apiVersion": "x", "kind": "Widget", "metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"size": 1}}

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(old) if request.method == "GET" else failure(409, "Conflict")

    async with ApiServer(handler) as server, server.client() as client:
        with pytest.raises(Conflict):
            await KubeStore(client).apply(WIDGET, widget("a", "ns", spec={"size": 2}))
        assert [request.method for request in server.requests] == ["GET", "PATCH"] * 5
        server.requests.clear()
        with pytest.raises(Conflict):
            await KubeStore(client).apply(WIDGET, widget("a", "ns", spec={"size": 2}, resourceVersion="1"))
        assert [request.method for request in server.requests] == ["GET", "PATCH"], (
            "the caller's version, nobody else's"
        )


async def test_an_apply_of_what_is_deleted_meanwhile_creates_it() -> None:
    old = {"apiVersion": "x", "kind": "Widget", "metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"size": 1}}
    gone = partial(failure, 404, "NotFound", name="a")
    steps = answers(lambda: web.json_response(old), gone, gone, lambda: web.json_response(old))
    async with ApiServer(steps) as server, server.client() as client:
        await KubeStore(client).apply(WIDGET, widget("a", "ns", spec={"size": 2}))
        assert [request.method for request in server.requests] == ["GET", "PATCH", "GET", "POST"]


async def test_an_apply_in_a_namespace_that_is_not_there_is_not_tried_again(cluster: ControlPlane) -> None:
    async with client_of(cluster) as client:
        with pytest.raises(NotFound, match="no-such-namespace"):
            await KubeStore(client).apply(WIDGET, widget("a", "no-such-namespace"))


async def test_a_field_that_the_clusters_definition_does_not_know_is_not_dropped_in_silence(
    cluster: ControlPlane, kube_namespace: str
) -> None:
    body = {"metadata": {"name": "j", "namespace": kube_namespace}, "spec": {"nonsense": 1, "template": {"spec": {}}}}
    async with client_of(cluster) as client:
        with pytest.raises(
            Invalid, match=r'^create jobs\.batch \S+/j: strict decoding error: unknown field "spec\.nonsense"$'
        ):
            await KubeStore(client).create(JOB, body)


async def test_a_status_that_the_definition_does_not_hold_is_refused_as_a_whole(
    okra_crds: ControlPlane, kube_namespace: str
) -> None:
    """As with the CRDs of an older release: half a status would be worse than the one before."""
    spec = {"analysis": {"query": "up", "max": 1, "provider": {"prometheus": {"address": "http://prometheus"}}}}
    async with client_of(okra_crds) as client:
        store = KubeStore(client)
        await store.create(CHECK, {"metadata": {"name": "c", "namespace": kube_namespace}, "spec": spec})
        with pytest.raises(Invalid, match=r'unknown field "status\.nonsense".*okra crds'):
            await store.patch_status(CHECK, kube_namespace, "c", {"lastPassed": True, "nonsense": 1})
        assert "status" not in await store.get(CHECK, kube_namespace, "c")


async def test_the_lists_items_of_kubernetes_own_kinds_say_what_they_are(
    cluster: ControlPlane, kube_namespace: str
) -> None:
    async with client_of(cluster) as client:
        store = KubeStore(client)
        await store.create(MAPS, {"metadata": {"name": "m", "namespace": kube_namespace}, "data": {"a": "b"}})
        maps = {item["metadata"]["name"]: item for item in (await store.list(MAPS, kube_namespace)).items}
    assert (maps["m"]["apiVersion"], maps["m"]["kind"], maps["m"]["data"]) == ("v1", "ConfigMap", {"a": "b"})


async def test_a_kind_that_is_not_installed_says_how_to_install_it(cluster: ControlPlane, kube_namespace: str) -> None:
    async with client_of(cluster) as client:
        store = KubeStore(client)
        with pytest.raises(KindNotInstalled, match="okra crds"):
            await store.list(UNKNOWN)
        with pytest.raises(KindNotInstalled, match="okra crds"):
            await anext(store.watch(UNKNOWN, "1"))
        with pytest.raises(KindNotInstalled, match="okra crds"):
            await store.apply(UNKNOWN, widget("a", kube_namespace, kind=UNKNOWN))


async def test_a_secret_is_read_from_the_server(cluster: ControlPlane, kube_namespace: str) -> None:
    path = f"/api/v1/namespaces/{kube_namespace}/secrets"
    assert cluster.call("POST", path, {"metadata": {"name": "dd"}, "stringData": {"api-key": "s3cret"}}).status == 201
    async with client_of(cluster) as client:
        assert (await KubeSecrets(client).read(kube_namespace, "dd"))["api-key"] == "s3cret"
        with pytest.raises(NotFound, match="kubectl create secret generic absent"):
            await KubeSecrets(client).read(kube_namespace, "absent")


def kubeconfig(plane: ControlPlane, path: Path, user: dict[str, object]) -> str:
    cluster = {"server": plane.url, "certificate-authority": str(plane.ca)}
    content = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": cluster}],
        "users": [{"name": "x", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


async def test_whoever_may_not_is_told_what_to_allow(
    cluster: ControlPlane, kube_namespace: str, tmp_path: Path
) -> None:
    path = f"/api/v1/namespaces/{kube_namespace}/serviceaccounts"
    assert cluster.call("POST", path, {"metadata": {"name": "poor"}}).status == 201
    token = cluster.call("POST", f"{path}/poor/token", {"spec": {"expirationSeconds": 600}}).body["status"]["token"]
    target = await find_target(kubeconfig(cluster, tmp_path / "config", {"token": token}))
    async with KubeStore(await KubeClient.open(target)) as store:
        with pytest.raises(AccessDenied) as raised:
            await store.patch_status(WIDGET, kube_namespace, "a", {"n": 1})
    for part in ("may not patch", f"{kube_namespace}:poor", 'resources: ["widgets/status"]', 'verbs: ["patch"]'):
        assert part in str(raised.value)


async def test_a_token_that_nobody_gave_out_is_refused(cluster: ControlPlane, tmp_path: Path) -> None:
    target = await find_target(kubeconfig(cluster, tmp_path / "config", {"token": "made-up"}))
    async with KubeStore(await KubeClient.open(target)) as store:
        with pytest.raises(CredentialsInvalid, match="doesn't accept"):
            await store.list(WIDGET, "default")


async def test_a_plugins_certificate_is_presented(cluster: ControlPlane, tmp_path: Path) -> None:
    status = {"clientCertificateData": cluster.certificate.read_text(), "clientKeyData": cluster.key.read_text()}
    answer = {"apiVersion": ExecPlugin("").api_version, "kind": "ExecCredential", "status": status}
    (tmp_path / "answer").write_text(json.dumps(answer))
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    user: dict[str, object] = {"exec": {"command": str(script), "apiVersion": answer["apiVersion"]}}
    target = await find_target(kubeconfig(cluster, tmp_path / "config", user))
    async with KubeStore(await KubeClient.open(target)) as store:
        assert (await store.list(MAPS, "kube-system")).resource_version


async def test_a_server_of_another_authority_is_not_trusted(cluster: ControlPlane, tmp_path: Path) -> None:
    path = kubeconfig(cluster, tmp_path / "config", {"token": "s3cret"})
    content = yaml.safe_load(Path(path).read_text())
    del content["clusters"][0]["cluster"]["certificate-authority"]
    Path(path).write_text(yaml.safe_dump(content))
    async with KubeStore(await KubeClient.open(await find_target(path))) as store:
        with pytest.raises(Unavailable, match="isn't trusted"):
            await store.list(WIDGET)
