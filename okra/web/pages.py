"""The pages. /debug answers on loopback only: it shows what the actors know."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from fractions import Fraction
from typing import Any

from aiohttp import web

from okra.errors import OkraError
from okra.web.view import SystemView

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_pages(app: web.Application, view: SystemView) -> None:
    async def healthz(_: web.Request) -> web.Response:
        fine = view.responsive()
        return web.Response(text="ok\n" if fine else "the root supervisor is stuck\n", status=200 if fine else 503)

    async def readyz(_: web.Request) -> web.Response:
        fine = view.ready()
        return web.Response(text="ok\n" if fine else "not ready yet\n", status=200 if fine else 503)

    async def actors(_: web.Request) -> web.Response:
        return as_json(view.actors())

    async def cell(request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        try:
            found = await view.describe_cell(namespace, name)
        except OkraError as error:
            return web.json_response({"error": str(error)}, status=503)
        if found is None:
            return web.json_response({"error": f"There is no Cell {name} in namespace {namespace}."}, status=404)
        return as_json(found)

    async def tasks(_: web.Request) -> web.Response:
        found = [
            {"name": task.get_name(), "at": [f"{f.f_code.co_filename}:{f.f_lineno}" for f in task.get_stack(limit=3)]}
            for task in asyncio.all_tasks()
        ]
        return as_json(sorted(found, key=lambda each: str(each["name"])))

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/debug/actors", _local(actors))
    app.router.add_get("/debug/cells/{namespace}/{name}", _local(cell))
    app.router.add_get("/debug/tasks", _local(tasks))


def _local(handler: Handler) -> Handler:
    """For callers on this machine only."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not _is_loopback(request.remote):
            return web.Response(text="Only from this machine: use kubectl port-forward.\n", status=403)
        return await handler(request)

    return guarded


def _is_loopback(remote: str | None) -> bool:
    try:
        return ipaddress.ip_address(remote or "").is_loopback
    except ValueError:
        return False


def as_json(value: Any) -> web.Response:
    return web.json_response(text=json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Dataclasses, enums and fractions as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)
