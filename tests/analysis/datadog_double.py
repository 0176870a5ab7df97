"""Datadog's two query APIs over samples in memory: keys, errors, buckets aligned to the epoch, the newest one partial.

Shapes after Datadog's API reference: v1 `GET /api/v1/query`, v2 `POST /api/v2/query/timeseries`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

from aiohttp import web

API_KEY, APP_KEY = "dd-api-key-0123", "dd-app-key-4567"
INTERVAL = 20


@dataclass
class Datadog:
    """`samples[query][scope]` is what was reported: (epoch seconds, count). A bucket's value is its sum."""

    samples: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    interval: int = INTERVAL

    def report(self, query: str, *samples: tuple[float, float], scope: str = "*") -> None:
        self.samples.setdefault(query, {}).setdefault(scope, []).extend(samples)

    async def handle(self, request: web.Request) -> web.Response:
        keys = (request.headers.get("DD-API-KEY"), request.headers.get("DD-APPLICATION-KEY"))
        if keys != (API_KEY, APP_KEY):
            return web.json_response({"errors": ["Forbidden"]}, status=403)
        if request.path == "/api/v1/query" and request.method == "GET":
            return self._v1(request)
        if request.path == "/api/v2/query/timeseries" and request.method == "POST":
            return await self._v2(request)
        return web.json_response({"errors": ["Not Found"]}, status=404)

    def _v1(self, request: web.Request) -> web.Response:
        query, start, end = request.query["query"], int(request.query["from"]), int(request.query["to"])
        if "(" in query and ")" not in query:
            return web.json_response({"status": "error", "error": "Error parsing query: unmatched"}, status=400)
        series = [
            {
                "metric": query,
                "scope": scope,
                "interval": self.interval,
                "pointlist": [[at * 1000.0, value] for at, value in buckets],
            }
            for scope, buckets in self._buckets(query, start, end, self.interval)
        ]
        return web.json_response({"status": "ok", "res_type": "time_series", "query": query, "series": series})

    async def _v2(self, request: web.Request) -> web.Response:
        attributes = json.loads(await request.text())["data"]["attributes"]
        (query,) = attributes["queries"]
        assert query["data_source"] == "metrics"
        assert attributes["formulas"] == [{"formula": query["name"]}]
        if "(" in query["query"] and ")" not in query["query"]:
            return web.json_response({"errors": ["Error parsing query"]}, status=400)
        start, end = attributes["from"] / 1000, attributes["to"] / 1000
        found = self._buckets(query["query"], start, end, attributes["interval"] // 1000)
        times = sorted({at for _, buckets in found for at, _ in buckets})
        values = [[dict(buckets).get(at) for at in times] for _, buckets in found]
        answer = {
            "times": [int(at * 1000) for at in times],
            "values": values,
            "series": [{"group_tags": [scope], "query_index": 0, "unit": None} for scope, _ in found],
        }
        return web.json_response({"data": {"type": "timeseries_response", "attributes": answer}})

    def _buckets(
        self, query: str, start: float, end: float, interval: int
    ) -> list[tuple[str, list[tuple[float, float]]]]:
        """Every bucket that touches [start, end], also those that are cut by it: as Datadog does."""
        found = []
        for scope, samples in self.samples.get(query, {}).items():
            buckets: dict[float, float] = defaultdict(float)
            for at, value in samples:
                begin = at // interval * interval
                if begin + interval > start and begin <= end:
                    buckets[begin] += value
            found.append((scope, sorted(buckets.items())))
        return found
