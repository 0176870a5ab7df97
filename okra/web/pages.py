"""The pages. /debug answers on loopback only: it shows what the actors know."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from okra.errors import OkraError
from okra.web.collector import Sample, Scrape
from okra.web.html import actors_page, index_page
from okra.web.loopback import local_only
from okra.web.plain import as_json
from okra.web.restarts import ActorTallies
from okra.web.view import SystemView

INDEX = [
    ("/healthz", "does it run?"),
    ("/readyz", "does it know the world?"),
    ("/metrics", "for Prometheus"),
    ("/debug/actors", "every actor, its mailbox and restarts"),
    ("/debug/tasks", "every task, and where it stands"),
]
FRAMES = 3
"""Of a task's stack."""


class Pages:
    def __init__(self, view: SystemView) -> None:
        self._view = view
        self._tallies = ActorTallies()

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self.index)
        app.router.add_get("/healthz", self.healthz)
        app.router.add_get("/readyz", self.readyz)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/debug/actors", local_only(self.actors))
        app.router.add_get("/debug/cells/{namespace}/{name}", local_only(self.cell))
        app.router.add_get("/debug/albs/{namespace}/{name}", local_only(self.alb))
        app.router.add_get("/debug/tasks", local_only(self.tasks))

    async def index(self, _: web.Request) -> web.Response:
        return web.Response(text=index_page(INDEX), content_type="text/html")

    async def healthz(self, _: web.Request) -> web.Response:
        """An event loop that is blocked doesn't answer at all, which every prober takes for a failure too."""
        if self._view.responsive():
            return web.Response(text="ok\n")
        return web.Response(text="the root supervisor has stopped, or the event loop was stuck\n", status=503)

    async def readyz(self, _: web.Request) -> web.Response:
        missing = self._view.missing() if self._view.responsive() else ["a root supervisor that runs"]
        if not missing:
            standing = self._view.standing()
            return web.Response(text=f"ok ({standing})\n" if standing else "ok\n")
        return web.Response(text="".join(f"waiting for {each}\n" for each in missing), status=503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Gathered on the event loop, turned into text outside it: of ten thousand Cells that takes a while."""
        try:
            cells = await self._view.cells()
        except OkraError:
            cells = ()  # the rest is worth all the more now
        actors = self._view.actors()
        scrape = Scrape(
            self._view.metrics,
            Sample(cells, actors, dict(self._view.event_counts())),
            self._tallies.look(actors),
        )
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, scrape)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def actors(self, request: web.Request) -> web.Response:
        actors = self._view.actors()
        if _wants_html(request):
            return web.Response(text=actors_page(actors), content_type="text/html")
        return as_json(actors)

    async def cell(self, request: web.Request) -> web.Response:
        return await self._describe(request, "Cell")

    async def alb(self, request: web.Request) -> web.Response:
        return await self._describe(request, "ALB", "ALB/")

    async def _describe(self, request: web.Request, kind: str, seat: str = "") -> web.Response:
        """What moves traffic; `seat`: what stands before the name where another kind's may be the same."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        try:
            found = await self._view.describe_cell(namespace, f"{seat}{name}")
        except OkraError as error:
            return as_json({"error": str(error)}, status=503)
        if found is None:
            return as_json({"error": f"There is no {kind} {name} in namespace {namespace}."}, status=404)
        return as_json(found)

    async def tasks(self, _: web.Request) -> web.Response:
        found = [_task(task) for task in asyncio.all_tasks()]
        return as_json(sorted(found, key=lambda each: str(each["name"])))


def _task(task: asyncio.Task[Any]) -> dict[str, Any]:
    """Names and places only: what a frame holds may be a secret."""
    stack = task.get_stack(limit=FRAMES)
    return {"name": task.get_name(), "at": [f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in stack]}


def _wants_html(request: web.Request) -> bool:
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    return "text/html" in accepted and "application/json" not in accepted
