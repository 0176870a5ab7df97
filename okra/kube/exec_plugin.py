"""Credential plugins of a kubeconfig (`users[].user.exec`: `aws eks get-token`, `gke-gcloud-auth-plugin` …).

Own, because the library's runs them once, without a deadline, and waits for ever on one that writes much to stderr.
Protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from okra.errors import CredentialsInvalid
from okra.kube.credentials import Certificate, Identity, Issued

DEADLINE = 30.0
"""Seconds that a plugin may take."""
EARLY = 60.0
"""Seconds before its expiry that a credential is renewed; at most half of its life."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """How to run a plugin. `cluster` is told to it if it asks (`provideClusterInfo`)."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    cluster: Mapping[str, Any] | None = None
    deadline: float = DEADLINE
    now: Callable[[], float] = time.time

    @classmethod
    def of(cls, spec: Mapping[str, Any], cluster: Mapping[str, Any], folder: Path) -> ExecPlugin:
        """From a kubeconfig's `exec`; a relative path is relative to the kubeconfig. CredentialsInvalid if unusable."""
        command, version = str(spec.get("command") or ""), str(spec.get("apiVersion") or "")
        if not command or not version:
            raise CredentialsInvalid("The kubeconfig's exec plugin needs a command and an apiVersion")
        if spec.get("interactiveMode") == "Always":
            raise CredentialsInvalid(f"The plugin {command} wants to ask a person, and here is nobody to answer")
        return cls(
            command=str(folder / command) if os.sep in command else command,
            args=tuple(str(arg) for arg in spec.get("args") or ()),
            env={str(item["name"]): str(item.get("value", "")) for item in spec.get("env") or ()},
            api_version=version,
            install_hint=str(spec.get("installHint") or ""),
            cluster=cluster if spec.get("provideClusterInfo") else None,
        )

    async def __call__(self) -> Issued:
        """Run it. CredentialsInvalid with what it wrote to stderr when it gives no credential."""
        answer = await self._run()
        status = answer.get("status")
        if answer.get("apiVersion") != self.api_version or not isinstance(status, dict):
            raise self._failed(f"its answer is no ExecCredential of {self.api_version} with a status")
        token, certificate = status.get("token"), status.get("clientCertificateData")
        if not token and not certificate:
            raise self._failed("its answer holds neither a token nor a client certificate")
        identity = Identity(
            authorization=f"Bearer {str(token).strip()}" if token else "",
            certificate=Certificate(certificate, status.get("clientKeyData") or "", inline=True)
            if certificate
            else None,
        )
        return Issued(identity, self._good_for(status.get("expirationTimestamp")))

    async def _run(self) -> dict[str, Any]:
        try:
            process = await asyncio.to_thread(self._start)
        except OSError as error:
            hint = f". {self.install_hint}" if self.install_hint else ""
            raise self._failed(f"it can't be started: {error.strerror or error}{hint}") from None
        try:
            async with asyncio.timeout(self.deadline):
                out, err = await asyncio.to_thread(process.communicate)
        except TimeoutError:
            raise self._failed(f"it didn't answer within {self.deadline:g} s") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):  # its children too: they hold the pipes open
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            said = " ".join(err.decode("utf-8", "replace").split())[-400:]
            raise self._failed(f"exit code {process.returncode}: {said}")
        try:
            answer = json.loads(out)
        except ValueError:
            raise self._failed("its answer is no JSON") from None
        return answer if isinstance(answer, dict) else {}

    def _start(self) -> subprocess.Popen[bytes]:
        spec: dict[str, Any] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = dict(self.cluster)
        told = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        return subprocess.Popen(  # noqa: S603 (the kubeconfig's own command, as kubectl runs it)
            [self.command, *self.args],
            env={**os.environ, **self.env, "KUBERNETES_EXEC_INFO": json.dumps(told)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _good_for(self, expires: Any) -> float | None:
        if not expires:
            return None
        try:
            left = datetime.fromisoformat(str(expires)).timestamp() - self.now()
        except ValueError:
            return None
        return max(left - EARLY, left / 2, 0.0)

    def _failed(self, why: str) -> CredentialsInvalid:
        return CredentialsInvalid(f"The kubeconfig's plugin {self.command} gave no credentials: {why}")
