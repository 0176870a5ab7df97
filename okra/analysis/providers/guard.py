"""Where a provider may not call.

A person who may write a Check may make Okra send requests, and sees in its status what was answered. Two places are
refused: the link-local addresses behind which AWS keeps the credentials of the machine, and Okra's own pages by the
loopback interface, where they would show the Cells of others. Each connection is judged by the address that it is about
to be made to, whatever was written and however a name was resolved.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Container
from functools import partial

import aiohttp
from yarl import URL

from okra.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_EC2_IPV6 = ipaddress.ip_network("fd00:ec2::/32")
"""The metadata service's own block; unique local, not link-local."""


def open_session(own_ports: Container[int] = ()) -> aiohttp.ClientSession:
    """A session as all providers may share: no proxies or netrc from the environment, no cookies, guarded sockets.

    own_ports: where this process listens itself; there may be more later.
    """
    connector = aiohttp.TCPConnector(socket_factory=partial(_guarded, own_ports), limit=100, limit_per_host=10)
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


def _guarded(own_ports: Container[int], info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for this address; OSError for one that may not be called."""
    family, kind, protocol, _, (host, port, *_) = info
    if is_forbidden(str(host)):
        raise OSError(None, "its name leads to a link-local address, which Okra does not call")
    if port in own_ports and _is_this_machine(str(host)):
        raise OSError(None, "that is Okra itself, which no check may ask")
    return socket.socket(family, kind, protocol)


def is_forbidden(host: str) -> bool:
    """Whether `host` is a link-local address, in any form that the C library reads (2852039166, 0xA9FEA9FE)."""
    address = _address(host)
    return address is not None and (address.is_link_local or address in _EC2_IPV6)


def _is_this_machine(host: str) -> bool:
    """As the debug pages mean it. The unspecified address leads there, too."""
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> Address | None:
    """None: a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
