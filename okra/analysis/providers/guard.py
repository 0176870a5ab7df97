"""Where a provider may not call.

A person who may write a Check may make Okra send requests, but not to the link-local addresses behind which AWS keeps
the credentials of the machine: those are refused, as a literal in a URL and as an answer of the resolver.
"""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from okra.errors import Invalid

_EC2_IPV6 = ipaddress.ip_network("fd00:ec2::/32")
"""The metadata service's own block; unique local, not link-local."""


def open_session() -> aiohttp.ClientSession:
    """A session as all providers may share: no proxies or netrc from the environment, no cookies, guarded resolver."""
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(), limit=100, limit_per_host=10)
    return aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())


def checked_url(url: str, field: str) -> str:
    """`url` if it may be called. Raises Invalid otherwise, naming the field and never the URL's credentials."""
    try:
        parsed = URL(url)
        host = parsed.host
    except ValueError:
        host = None
    if not host or parsed.scheme not in ("http", "https"):
        raise Invalid(f"{field}: not a URL with http:// or https:// and a host")
    if parsed.user is not None or parsed.password is not None:
        raise Invalid(f"{field}: holds credentials; put them into the secret that secretRef names")
    if is_forbidden(host):
        raise Invalid(f"{field}: {host} is a link-local address, which Okra does not call")
    return url


class GuardedResolver(AbstractResolver):
    """The usual resolver, without link-local answers."""

    def __init__(self) -> None:
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if allowed := [answer for answer in found if not is_forbidden(answer["host"])]:
            return allowed
        raise OSError(None, "its name leads to a link-local address, which Okra does not call")

    async def close(self) -> None:
        await self._inner.close()


def is_forbidden(host: str) -> bool:
    """Whether `host` is a link-local address, in any form that the C library reads (2852039166, 0xA9FEA9FE)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_link_local or address in _EC2_IPV6
