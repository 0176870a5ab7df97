"""The debug pages are for whoever is on this machine, and for nobody's browser that was lured to it.

The peer's address keeps other machines out. The Host header keeps out a web page whose own name was made to point at
127.0.0.1 (DNS rebinding): its requests come from this machine, but ask for another host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::\d+)?")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def local_only(handler: Handler) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        if not is_loopback(request.remote):
            return web.Response(text="Only from this machine: use kubectl port-forward.\n", status=403)
        if not is_local_name(request.host):
            return web.Response(text="Only as localhost or a loopback address.\n", status=403)
        return await handler(request)

    return guarded


def is_local_name(host: str) -> bool:
    """`localhost`, `127.0.0.1`, `[::1]` and the like, with or without a port."""
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["v6"] or found["name"]
    return name.lower().removesuffix(".") == "localhost" or is_loopback(name)


def is_loopback(address: str | None) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
