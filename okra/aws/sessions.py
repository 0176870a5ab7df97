"""AWS sessions and clients: one session a role, clients cached, nothing blocking on the event loop.

A session of its own costs 8–10 MB, nearly all of it the SDK's data files: the sessions share one loader. Making a
client reads files (service models, `~/.aws`) and builds classes, so it is done in a worker thread. Reads and ELB writes
have clients of their own: writes are never retried by the SDK, and never wait for a connection behind slow reads.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ParamSpec, TypeVar

from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioDeferredRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

from okra.aws.operations import ASSUME_ROLE, Service
from okra.aws.responses import before_parse
from okra.errors import CredentialsInvalid, Invalid
from okra.ports import Account

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The totals bound a call with everything in it: credentials, connection, and for reads the retries."""

    connect: float = 3.0
    read: float = 6.0
    read_total: float = 20.0
    write_total: float = 5.0
    """A new leader waits this long after the old one's lease: what was sent before can't land later (DESIGN §9)."""


AssumeRole = Callable[[Account], Awaitable[dict[str, Any]]]
"""Answers sts:AssumeRole's response for `account.role_arn`, called with the base identity."""


@dataclass(frozen=True, slots=True)
class Signer:
    """What a request is signed with that somebody else sends."""

    credentials: Any = field(repr=False)
    """The SDK's, frozen: good for ten minutes at least where they expire at all."""
    sts_host: str
    """STS's own in the account's region, whatever the variables say that move an SDK's endpoints."""


class Sessions:
    """Clients for accounts. `close()` ends them all; nothing can be asked afterwards."""

    def __init__(self, environ: Mapping[str, str], timeouts: Timeouts, assume_role: AssumeRole) -> None:
        self._environ = environ
        self._timeouts = timeouts
        self._assume_role = assume_role
        self._base: AioSession | None = None
        self._default_region = ""
        self._sessions: dict[Account, AioSession] = {}
        self._clients: dict[tuple[Account, str, bool], AioBaseClient] = {}
        self._signing: dict[Account, tuple[Any, str]] = {}
        self._lock = asyncio.Lock()

    async def resolve(self, account: Account) -> Account:
        """`account` with its region filled in from AWS_REGION, AWS_DEFAULT_REGION or the profile. Invalid if none."""
        if account.region:
            return account
        region = self._default_region or await self._configured_region()
        if not region:
            raise Invalid("No AWS region: set spec.aws.region, or AWS_REGION for Okra")
        return replace(account, region=region)

    async def client(self, account: Account, service: Service, *, writes: bool = False) -> AioBaseClient:
        """The client for a resolved account. CredentialsInvalid when there are none to sign with."""
        key = (account, service.name, writes)
        client = self._clients.get(key)
        if client is not None:
            return client
        async with self._lock:
            if key not in self._clients:
                self._clients[key] = await _apart(self._create, account, service.name, writes)
            return self._clients[key]

    async def signer(self, account: Account) -> Signer:
        """The signer for a resolved account. CredentialsInvalid without credentials, Invalid for an unknown region."""
        async with self._lock:
            if account not in self._signing:  # reads files, as making a client does
                self._signing[account] = await _apart(self._find_signing, account)
        credentials, sts_host = self._signing[account]
        return Signer(await credentials.get_frozen_credentials(), sts_host)

    async def close(self) -> None:
        """Close every client's connections."""
        clients, self._clients = list(self._clients.values()), {}
        self._sessions.clear()
        self._signing.clear()
        for client in clients:
            await client.close()

    async def _create(self, account: Account, service: str, writes: bool) -> AioBaseClient:
        session = self._session(account)
        # A client made without credentials would have none for ever, even if some appear later.
        await _credentials_of(session)
        client = await session.create_client(
            service, region_name=account.region, config=self._config(writes)
        ).__aenter__()
        client.meta.events.register("before-parse", before_parse, unique_id="okra-before-parse")
        return client

    async def _find_signing(self, account: Account) -> tuple[Any, str]:
        endpoint = EndpointResolver(_models().load_data("endpoints")).construct_endpoint("sts", account.region)
        if endpoint is None:
            raise Invalid(f"{account.region!r} is not an AWS region that this version of Okra knows")
        return await _credentials_of(self._session(account)), str(endpoint["hostname"])

    def _config(self, writes: bool) -> AioConfig:
        limit = self._timeouts.write_total if writes else self._timeouts.read
        return AioConfig(
            connect_timeout=self._timeouts.connect,
            read_timeout=limit,
            retries={"total_max_attempts": 1 if writes else 3, "mode": "standard"},
            max_pool_connections=20,
            # An idle connection that AWS closes just as a write uses it is an unknown outcome: keep them only briefly.
            connector_args={"keepalive_timeout": 5 if writes else 12},
            user_agent_extra="okra",
        )

    def _session(self, account: Account) -> AioSession:
        """One session for each role; the region belongs to the client."""
        if not account.role_arn:
            return self._base_session()
        key = replace(account, region="")
        if key not in self._sessions:
            session = _new_session()
            session.register_component("credential_provider", _AssumedRole(account, self._assume_role))
            self._sessions[key] = session
        return self._sessions[key]

    def _base_session(self) -> AioSession:
        if self._base is None:
            self._base = _new_session()
        return self._base

    async def _configured_region(self) -> str:
        async with self._lock:
            if not self._default_region:
                self._default_region = await asyncio.to_thread(self._find_region)
            return self._default_region

    def _find_region(self) -> str:
        configured = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        return configured or self._base_session().get_config_variable("region") or ""


async def _credentials_of(session: AioSession) -> Any:
    found = await session.get_credentials()
    if found is None:
        raise CredentialsInvalid(
            "No AWS credentials: give Okra a role (EKS Pod Identity or IRSA), or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
        )
    return found


def _new_session() -> AioSession:
    session = AioSession()
    session.register_component("data_loader", _models())
    return session


@cache
def _models() -> Any:
    """The SDK's data files, which never change: one copy for all sessions of this process."""
    return create_loader(os.environ.get("AWS_DATA_PATH"))


@dataclass(frozen=True, slots=True)
class _AssumedRole:
    """Takes the place of the SDK's chain of credential sources: the role's own, renewed before they expire."""

    account: Account
    assume: AssumeRole

    async def load_credentials(self) -> AioDeferredRefreshableCredentials:
        return AioDeferredRefreshableCredentials(refresh_using=self._renew, method=ASSUME_ROLE.method)

    async def _renew(self) -> dict[str, Any]:
        credentials = (await self.assume(self.account))["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }


async def _apart(make: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a coroutine in a thread, in a loop of its own: what the SDK awaits here (a credential source, at most) binds
    to no loop. It is made in there, too: one whose thread never begins would never be awaited."""
    return await asyncio.to_thread(lambda: asyncio.run(make(*args, **kwargs)))
