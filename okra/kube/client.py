"""Plain calls to an API server: every one with deadlines, fresh credentials, and errors of `okra.errors` only.

A session of our own, because the library's has no deadline, looks into the environment and the netrc file with every
request (which costs two thread hops, and a netrc entry replaces the token), and logs bodies, Secrets among them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp.connector import NEEDS_CLEANUP_CLOSED
from yarl import URL

from okra.errors import CredentialsInvalid, Invalid, OkraError, Unavailable
from okra.kube.answers import Overloaded, refusal
from okra.kube.calls import Call
from okra.kube.credentials import Certificate, Identity
from okra.kube.target import Target
from okra.kube.tls import tls_context
from okra.ports import Object

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
CONNECTIONS = 64
IDLE = 45.0
"""Seconds that a connection is kept for the next call; the API server keeps it for ninety, load balancers for sixty."""
SHORTEST_PAUSE = 0.5
"""Seconds, whatever a server that is overloaded says."""
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `total` bounds a call with everything in it: connecting, all bytes of the answer, and asking again."""

    connect: float = 5.0
    read: float = 10.0
    total: float = 20.0

    def client(self, read: float | None = None) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None, sock_connect=self.connect, sock_read=read or self.read)


class Untrusted(Unavailable):
    """TLS: nobody whom Okra trusts vouches for who answers at the server's address."""


class KubeClient:
    """One API server as one identity. `await KubeClient.open(target)`, then `close()` or `async with`."""

    def __init__(self, target: Target, context: ssl.SSLContext, certificate: Certificate | None, timeouts: Timeouts):
        self.target = target
        self._timeouts = timeouts
        self._server = target.server.rstrip("/")
        self._context: ssl.SSLContext | None = context
        self._certificate = certificate
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS,
                keepalive_timeout=IDLE,
                socket_factory=_socket,
                enable_cleanup_closed=NEEDS_CLEANUP_CLOSED,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "okra"},
            trust_env=False,
            read_bufsize=2**18,
        )

    @classmethod
    async def open(cls, target: Target, timeouts: Timeouts = Timeouts()) -> Self:
        """CredentialsInvalid when there are no credentials. Nothing is asked of the server yet."""
        identity = await target.credentials.current()
        context = await asyncio.to_thread(tls_context, target.trust, identity.certificate)
        return cls(target, context, identity.certificate, timeouts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, call: Call, body: Mapping[str, Any] | None = None, *, content_type: str = JSON, query: Query = ()
    ) -> Object:
        """The answer's object. Refused for its rate, the call is made again while its total time allows."""
        data = _encoded(call, body)
        try:
            async with asyncio.timeout(self._timeouts.total) as deadline:
                while True:
                    try:
                        return await self._ask_once(call, data, content_type, query)
                    except Overloaded as error:
                        pause = max(error.retry_after or 0.0, SHORTEST_PAUSE)
                        end = deadline.when() or 0.0
                        if error.retry_after is None or asyncio.get_running_loop().time() + pause >= end:
                            raise
                        await asyncio.sleep(pause)
        except TimeoutError:
            raise Unavailable(f"{call}: no answer from {self._server} within {self._timeouts.total:g} s") from None

    async def _ask_once(self, call: Call, data: bytes | None, content_type: str, query: Query) -> Object:
        async with self._answer(call, data, content_type, query) as response:
            content = await response.read()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable(f"{call}: the answer is no object of Kubernetes: is {self._server} an API server?")
        return answer

    @asynccontextmanager
    async def stream(self, call: Call, query: Query, read_timeout: float) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer that goes on. Its bytes may end or stop coming: Unavailable, from within the block as well."""
        async with self._answer(call, None, JSON, query, read_timeout) as response:
            yield response.content

    @asynccontextmanager
    async def _answer(
        self, call: Call, data: bytes | None, content_type: str, query: Query, read_timeout: float | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A successful answer. A 401 was decided before anything was done, so it is safe to ask again."""
        try:
            identity = await self.target.credentials.current()
            response = await self._send(call, identity, data, content_type, query, read_timeout)
            if response.status == 401:
                self._context = None  # a certificate that was replaced is in its file
                newer = await self.target.credentials.renewed(identity)
                if newer != identity:
                    response.close()
                    response = await self._send(call, newer, data, content_type, query, read_timeout)
            try:
                if not 200 <= response.status < 300:
                    raise refusal(call, response.status, await response.read(), response.headers)
                yield response
            finally:
                _leave(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(call, error) from None

    async def _send(
        self,
        call: Call,
        identity: Identity,
        data: bytes | None,
        content_type: str,
        query: Query,
        read_timeout: float | None,
    ) -> aiohttp.ClientResponse:
        headers = {"Content-Type": content_type} if data is not None else {}
        if not identity.authorization.isprintable():
            raise CredentialsInvalid("The token for the API server isn't one line of text")
        if identity.authorization:
            headers["Authorization"] = identity.authorization
        if self._context is None or identity.certificate != self._certificate:
            self._certificate = identity.certificate
            self._context = await asyncio.to_thread(tls_context, self.target.trust, identity.certificate)
        return await self._session.request(
            call.method,
            URL(self._server + call.path, encoded=True).extend_query(list(query)),
            data=data,
            headers=headers,
            ssl=self._context,
            server_hostname=self.target.trust.server_name,
            proxy=self.target.proxy,
            allow_redirects=False,
            timeout=self._timeouts.client(read_timeout),
        )

    def _unavailable(self, call: Call, error: Exception) -> OkraError:
        """In words of ours: an error of the HTTP library may hold the request, and so the token."""
        if isinstance(error, aiohttp.ClientSSLError):
            self._context = None  # so is an authority, or will be
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return Untrusted(f"{call}: the certificate of {self._server} isn't trusted: {error.certificate_error}")
        said = str(error) if isinstance(error, aiohttp.ClientConnectionError | OSError) else ""
        if isinstance(error, aiohttp.ClientConnectorError):  # whose own text shows the TLS context, an object
            said = _cause(error.os_error)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            origin = f" ({self.target.origin})" if self.target.origin else ""
            said += f". Is the cluster up, and the address right{origin}?"
        return Unavailable(f"{call}: no answer from {self._server}: {said or type(error).__name__}")


def _cause(error: OSError) -> str:
    """The system's words: asyncio's show a tuple. TLS and the resolver have numbers of their own."""
    if isinstance(error, ssl.SSLError | socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _leave(response: aiohttp.ClientResponse) -> None:
    """One that was read to its end has given its connection back. Any other is cut off: TLS's goodbye would wait half a
    minute for a server that is frozen."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A peer that is gone without a word (its node is) is noticed in half a minute, not in hours."""
    made = socket.socket(*address[:3])
    made.setblocking(False)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


def _encoded(call: Call, body: Mapping[str, Any] | None) -> bytes | None:
    if body is None:
        return None
    try:
        return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{call}: the object can't be written as JSON: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")
