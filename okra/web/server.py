"""The HTTP server: one address, a handful of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from okra.errors import Refused
from okra.web.address import parse_address
from okra.web.pages import Pages
from okra.web.pulse import watching_the_loop
from okra.web.view import SystemView


@asynccontextmanager
async def serve(
    view: SystemView, listen: str, *, strict: bool, own_ports: set[int] | None = None
) -> AsyncIterator[str]:
    """Serve on `HOST:PORT`; yields the address that it really is (of `:PORT`, one of several). Port 0: any free one.

    `strict`: a port that is taken is Refused; otherwise a free one is taken in its place. `own_ports` gets what is
    listened on.
    """
    host, port = parse_address(listen)
    app = web.Application()
    Pages(view).add_to(app)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            if strict:
                raise Refused(
                    f"{listen} can't be listened on ({error.strerror}): choose another with --listen"
                ) from error
            await web.TCPSite(runner, host, 0).start()
        name, actual = runner.addresses[0][:2]
        if own_ports is not None:
            own_ports.update(port for _, port, *_ in runner.addresses)
        async with watching_the_loop(view.metrics.loop_lag):
            yield f"[{name}]:{actual}" if ":" in name else f"{name}:{actual}"
    finally:
        await runner.cleanup()
