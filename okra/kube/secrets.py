"""Secrets for checks, read anew each time they are used: nothing of them stays in Okra's memory or its pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from okra.errors import Invalid, NotFound
from okra.kube.calls import Call
from okra.kube.client import KubeClient
from okra.ports import Kind

SECRET = Kind("", "v1", "Secret", "secrets")


class SecretValues(dict[str, str]):
    """Values that no log line, error or debug page shows by accident."""

    def __repr__(self) -> str:
        return f"<Secret with {', '.join(sorted(self)) or 'no keys'}>"

    __str__ = __repr__


class KubeSecrets:
    """An `okra.app.sources.Secrets` of a cluster."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The decoded values by key. NotFound says how to make one, AccessDenied what to allow."""
        try:
            secret = await self._client.ask(Call("get", SECRET, namespace, name))
        except NotFound:
            raise NotFound(
                f"There is no Secret {name} in namespace {namespace}: "
                f"kubectl create secret generic {name} -n {namespace} --from-literal=KEY=VALUE",
                reason="SecretNotFound",
            ) from None
        values = SecretValues()
        for key, value in (secret.get("data") or {}).items():
            try:
                values[key] = base64.b64decode(value or "", validate=True).decode("utf-8", "replace")
            except (binascii.Error, TypeError, ValueError):
                raise Invalid(f"Secret {namespace}/{name}: the value of {key} is no base64") from None
        return values
