"""Where to listen. Apart from the server: who only judges settings needs no HTTP."""

from __future__ import annotations

from okra.errors import Invalid


def parse_address(listen: str) -> tuple[str | None, int]:
    """`HOST:PORT`, `[V6]:PORT`, or `:PORT`, which is every interface in both families (None). Raises Invalid."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Invalid(f"{listen!r} is no address: write HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]") or None, int(port)
