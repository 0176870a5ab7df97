"""Opens metric sources for the checks: the provider's code, the shared HTTP session, and the Secret it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import aiohttp

from okra.analysis.providers import build, secret_name
from okra.api.provider import Provider
from okra.errors import NotFound
from okra.ports import Account, MetricData, MetricSource


class Secrets(Protocol):
    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The decoded keys of a Secret. NotFound says how to make one."""
        ...


class MemorySecrets:
    """Secrets of `okra run`'s input. They are never written anywhere."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, str], dict[str, str]] = {}

    def put(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        self._secrets[namespace, name] = dict(data)

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        try:
            return self._secrets[namespace, name]
        except KeyError:
            said = (
                f"There is no Secret {name} in namespace {namespace}: add one (kind: Secret, stringData) to the input."
            )
            raise NotFound(said, reason="SecretNotFound") from None


class Sources:
    """An `okra.actors.wiring.MetricSources`."""

    def __init__(self, secrets: Secrets, http: aiohttp.ClientSession, metric_data: MetricData) -> None:
        self._secrets, self._http, self._metric_data = secrets, http, metric_data

    async def open(self, provider: Provider, query: str | None, namespace: str, account: Account) -> MetricSource:
        name = secret_name(provider)
        secrets = await self._secrets.read(namespace, name) if name else {}
        return build(provider, query, secrets=secrets, http=self._http, metric_data=self._metric_data, account=account)
