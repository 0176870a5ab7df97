"""Control planes that stand for EKS clusters: they let in whom their access entries name, by the token that EKS takes.

    with members(folder, binaries, moto_server.url, "web-1", "web-2") as (one, two):
        one.admit("arn:aws:iam::123456789012:role/okra", "okra")
        eks_world.create(one.name, endpoint=one.endpoint, ca_data=one.ca_data)

etcd and the API server alone: objects are kept and served, nobody acts on them.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from okra.testing.controlplane.own import OwnControlPlane
from okra.testing.eks_authenticator import EksAuthenticator, Entries

GROUP = "elbv2.k8s.aws"
_VERSION = "v1beta1"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DEFINITION: Mapping[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"targetgroupbindings.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "TargetGroupBinding", "plural": "targetgroupbindings", "singular": "targetgroupbinding"},
        "versions": [
            {
                "name": _VERSION,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""Of the AWS Load Balancer Controller, without its rules: a test may make any object."""
_PATIENCE = 140.0
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Member:
    """A cluster of this name, as EKS would report it."""

    name: str
    plane: OwnControlPlane
    entries: Entries
    """Its access entries."""
    names: list[str]
    """Its further names in EKS."""

    @property
    def endpoint(self) -> str:
        return self.plane.url

    @property
    def ca_data(self) -> str:
        """PEM in base64."""
        return b64encode(self.plane.ca.read_bytes()).decode()

    def admit(self, principal: str, *groups: str) -> None:
        """An access entry for the ARN of a role or user."""
        self.entries[principal] = groups

    def install_bindings(self) -> None:
        """Have TargetGroupBindings, as with the AWS Load Balancer Controller. Returns when they are served."""
        made = self.plane.call("POST", _DEFINITIONS, dict(_DEFINITION))
        assert made.status in (201, 409), made
        self._until_bindings_are(200)

    def remove_bindings(self) -> None:
        """The kind, and so all of them. Returns when it is unknown."""
        self.plane.call("DELETE", f"{_DEFINITIONS}/{_DEFINITION['metadata']['name']}")
        self._until_bindings_are(404)

    def bind(self, namespace: str, name: str, spec: object, **labels: str) -> None:
        """A TargetGroupBinding, and its namespace: `spec` is {"targetGroupARN": …} or any nonsense."""
        self.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        body = {
            "apiVersion": f"{GROUP}/{_VERSION}",
            "kind": "TargetGroupBinding",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
        made = self.plane.call("POST", _bindings(namespace), body)
        assert made.status == 201, made

    def _until_bindings_are(self, status: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (found := self.plane.call("GET", _bindings())).status != status:
            if time.monotonic() > deadline:
                raise RuntimeError(f"TargetGroupBindings in {self.name}: {found}")
            time.sleep(_POLL)


@contextmanager
def members(folder: Path, binaries: Mapping[str, Path], sts_url: str, *names: str) -> Iterator[tuple[Member, ...]]:
    """One of each name, let in by nobody's entry yet. `sts_url`: of the double that Okra signs for."""
    folder.mkdir(parents=True, exist_ok=True)
    with EksAuthenticator(sts_url) as authenticator, ExitStack() as stack:
        started = []
        for name in names:
            flags = authenticator.flags(name, folder)
            plane = OwnControlPlane.start(folder / name, binaries, controllers=False, apiserver=flags)
            entries, aliases = authenticator.entries[name], authenticator.names[name]
            started.append(Member(name, stack.enter_context(plane), entries, aliases))
        yield tuple(started)


def _bindings(namespace: str = "") -> str:
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{_VERSION}{where}/targetgroupbindings"
