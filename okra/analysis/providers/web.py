"""Any HTTP API that answers JSON. It can't be asked about a span of time: what it says now is what is judged."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import aiohttp
import jmespath
from jmespath.exceptions import JMESPathError

from okra.analysis.providers.guard import checked_url
from okra.analysis.providers.http import Request, fetch, header_values, parse_json
from okra.api.provider import Web
from okra.errors import Invalid
from okra.ports import Grain, Reading, Window

LARGE = 32 * 1024
"""Bytes of an answer above which it is read in a thread: JMESPath over a megabyte takes most of a second."""


class WebSource:
    """A MetricSource. The value is the answer, or what `jmesPath` finds in it; nothing found is no data."""

    grain = Grain()

    def __init__(self, spec: Web, *, secrets: Mapping[str, str], http: aiohttp.ClientSession) -> None:
        self._http = http
        self._path = jmespath.compile(spec.jmes_path) if spec.jmes_path else None
        url = checked_url(spec.url, "provider.web.url")
        self._query = f"{spec.method.value} {url.partition('?')[0]}"
        headers = {"Accept": "application/json"}
        if spec.body is not None:
            headers["Content-Type"] = "application/json"
        self._request = Request(
            self._query,
            spec.method.value,
            url,
            headers=_merged(headers, spec.headers, header_values(secrets, "provider.web.secretRef")),
            body=spec.body,
            timeout=spec.timeout.seconds,
            secrets=tuple(secrets.values()),
        )

    def __repr__(self) -> str:
        return f"WebSource({self._query!r})"

    async def measure(self, window: Window) -> Reading:
        del window  # begun after it was planned, the request is as new as any answer can be
        body = await fetch(self._http, self._request)
        value = await asyncio.to_thread(self._read, body) if len(body) > LARGE else self._read(body)
        return Reading(value, self._query)

    async def close(self) -> None:
        """Nothing to close: the session is shared."""

    def _read(self, body: bytes) -> Any:
        answer = parse_json(body, self._query)
        try:
            return _value(answer if self._path is None else self._path.search(answer))
        except JMESPathError as error:
            raise Invalid(f"provider.web.jmesPath: {str(error).splitlines()[0][:160]}") from None


def _merged(*groups: Mapping[str, str]) -> dict[str, str]:
    """Headers, later ones over earlier ones; names don't differ by case."""
    merged: dict[str, tuple[str, str]] = {}
    for group in groups:
        merged |= {name.lower(): (name, value) for name, value in group.items()}
    return dict(merged.values())


def _value(found: Any) -> Any:
    """NaN in any spelling is no data."""
    if isinstance(found, str) and found.strip().lower() in ("nan", ""):
        return None
    return None if isinstance(found, float) and math.isnan(found) else found
