"""Connections to API servers that are kept for the next request: a handshake costs both sides six times a request.

    with connection(url, ca, certificate_and_key, timeout=30) as kept:
        kept.request("GET", "/readyz")
        kept.getresponse().read()

Nobody shares one at a time, so any thread may ask.
"""

from __future__ import annotations

import atexit
import select
import socket
import ssl
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

Who = tuple[Path, Path] | None
"""A client's certificate and its key, if it has any."""
_Key = tuple[str, Path, Who]

_IDLE: dict[_Key, list[HTTPSConnection]] = defaultdict(list)


@contextmanager
def connection(url: str, ca: Path, who: Who, *, timeout: float) -> Iterator[HTTPSConnection]:
    """One that is open, or will be. Kept only if nothing failed meanwhile, and all of the answer was read."""
    idle = _IDLE[url, ca, who]
    found = _usable(idle) or _new(url, ca, who)
    found.timeout = timeout
    if found.sock is not None:
        found.sock.settimeout(timeout)
    try:
        yield found
    except BaseException:
        found.close()
        raise
    idle.append(found)


def _usable(idle: list[HTTPSConnection]) -> HTTPSConnection | None:
    """What can be read from an idle one is its end: the server has closed it, or is gone."""
    while idle:
        try:
            found = idle.pop()
        except IndexError:  # another thread's now
            return None
        if found.sock is None or not _readable(found.sock):
            return found
        found.close()
    return None


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _new(url: str, ca: Path, who: Who) -> HTTPSConnection:
    context = ssl.create_default_context(cafile=ca)
    if who is not None:
        context.load_cert_chain(*who)
    return HTTPSConnection(urllib.parse.urlsplit(url).netloc, context=context)


@atexit.register
def _close() -> None:
    for idle in _IDLE.values():
        while idle:
            idle.pop().close()
