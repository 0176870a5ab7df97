"""How to reach a running control plane, as its administrator or with somebody's token, without Okra's own client."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from okra.testing.controlplane.connections import connection
from okra.testing.controlplane.kubeconfig import write_kubeconfig

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Description(TypedDict):
    """The fields of a ControlPlane."""

    url: str
    ca: Path
    kubeconfig: Path
    certificate: Path
    key: Path
    binaries: Mapping[str, Path]
    folder: Path


class Unreachable(Exception):
    """No answer: nobody listens, or nobody answers in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    """Decoded where it is JSON, else text."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A control plane that others may use at the same time."""

    url: str
    ca: Path
    kubeconfig: Path
    """The administrator's."""
    certificate: Path
    key: Path
    binaries: Mapping[str, Path]
    folder: Path
    """With a log of each server: `kube-apiserver.log` …"""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        content: str = "application/json",
        timeout: float = 30,
    ) -> Answer:
        """One request, as the administrator unless there is a token. A PATCH names its `content`: MERGE, APPLY …

        Raises Unreachable; every answer of the server is an Answer.
        """
        headers = {"Content-Type": content, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        who = (self.certificate, self.key) if token is None else None
        try:
            with connection(self.url, self.ca, who, timeout=timeout) as kept:
                kept.request(method, path, None if body is None else json.dumps(body), headers)
                response = kept.getresponse()
                text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        return Answer(response.status, json.loads(text) if is_json else text)

    def kubectl(self, *arguments: str, given: str = "", timeout: float = 60) -> str:
        """What it printed, with `given` as its input. RuntimeError with what it said where that was an error."""
        environ = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.folder / "kubectl")}
        done = subprocess.run(
            [self.binaries["kubectl"], *arguments],
            input=given,
            capture_output=True,
            text=True,
            env=environ,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def kubeconfig_for(self, token: str, file: Path, *, namespace: str = "default") -> Path:
        """Write the kubeconfig of a token's owner."""
        return write_kubeconfig(file, self.url, self.ca, {"token": token}, namespace=namespace)

    def as_json(self) -> dict[str, object]:
        return {
            **{name: str(value) for name, value in asdict(self).items()},
            "binaries": {name: str(path) for name, path in self.binaries.items()},
        }

    @staticmethod
    def parse(text: str) -> Description:
        """From what `as_json` gave, in JSON."""
        data = json.loads(text)
        return Description(
            url=data["url"],
            ca=Path(data["ca"]),
            kubeconfig=Path(data["kubeconfig"]),
            certificate=Path(data["certificate"]),
            key=Path(data["key"]),
            binaries={name: Path(path) for name, path in data["binaries"].items()},
            folder=Path(data["folder"]),
        )
