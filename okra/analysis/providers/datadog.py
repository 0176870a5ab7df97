"""Datadog: the v1 query API and the v2 timeseries API.

Both answer points, one a bucket, and the newest bucket is still filling: the peers read it and see half a count. So a
point counts only if its whole bucket lies in the window, which itself ends a minute ago.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

import aiohttp

from okra.analysis.providers.datadog_answers import aggregate, v1_points, v2_points
from okra.analysis.providers.guard import checked_url
from okra.analysis.providers.http import TIMEOUT, Request, fetch_json, header_values
from okra.analysis.window import TooEarly
from okra.api.provider import DatadogAggregator as Aggregator
from okra.api.provider import DatadogAPIVersion as APIVersion
from okra.errors import CredentialsInvalid, Invalid
from okra.ports import Grain, Reading, Window

SITES = frozenset(
    {
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
        "uk1.datadoghq.com",
        "ddog-gov.com",
        "us2.ddog-gov.com",
    }
)
"""Where Datadog is: the keys are sent nowhere else, unless the check names an address."""
BUCKET = 20.0
"""Seconds of a point when the query has no `.rollup`."""
LAG = 60.0
"""Seconds after which a bucket is taken for complete: agents report every 10 to 15 s, integrations more slowly."""

_ROLLUP = re.compile(r"\.rollup\(\s*(?:[a-z_]+\s*,\s*)?([0-9]+)\s*\)", re.IGNORECASE)


class DatadogSource:
    """A MetricSource. The answer must be one series; its points become one value by `aggregator`."""

    def __init__(
        self,
        query: str,
        *,
        site: str = "datadoghq.com",
        address: str | None = None,
        api_version: APIVersion = APIVersion.V1,
        aggregator: Aggregator = Aggregator.LAST,
        secrets: Mapping[str, str],
        http: aiohttp.ClientSession,
        timeout: float = TIMEOUT,
    ) -> None:
        self._address = _address(site, address)
        self._query, self._version, self._aggregator = query, api_version, aggregator
        self._headers = _keys(secrets)
        self._http, self._timeout = http, timeout
        bucket = max((float(seconds) for seconds in _ROLLUP.findall(query)), default=BUCKET)
        self.grain = Grain(period=bucket, lag=LAG, settle=2 * max(LAG, bucket))

    def __repr__(self) -> str:
        return f"DatadogSource({self._query!r})"

    async def measure(self, window: Window) -> Reading:
        v1 = self._version is APIVersion.V1
        answer = await fetch_json(self._http, self._v1(window) if v1 else self._v2(window))
        values = (v1_points if v1 else v2_points)(answer, self.grain.period).within(window)
        if not values and window.end - window.start < self.grain.settle:
            raise TooEarly(f"no complete point in the {window.end - window.start:.0f} s since the step")
        return Reading(aggregate(values, self._aggregator), self._query, samples=len(values))

    async def close(self) -> None:
        """Nothing to close: the session is shared."""

    def _v1(self, window: Window) -> Request:
        params = {"from": str(math.floor(window.start)), "to": str(math.ceil(window.end)), "query": self._query}
        return self._request("GET", "/api/v1/query", params=params)

    def _v2(self, window: Window) -> Request:
        attributes = {
            "from": math.floor(window.start * 1000),
            "to": math.ceil(window.end * 1000),
            "interval": int(self.grain.period * 1000),
            "queries": [{"data_source": "metrics", "name": "q", "query": self._query}],
            "formulas": [{"formula": "q"}],
        }
        body = json.dumps({"data": {"type": "timeseries_request", "attributes": attributes}})
        return self._request("POST", "/api/v2/query/timeseries", body=body)

    def _request(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: str | None = None
    ) -> Request:
        headers = {**self._headers, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return Request(
            "Datadog",
            method,
            self._address + path,
            params=params or {},
            headers=headers,
            body=body,
            timeout=self._timeout,
            secrets=tuple(self._headers.values()),
        )


def _address(site: str, address: str | None) -> str:
    if address is not None:
        return checked_url(address, "provider.datadog.address").rstrip("/")
    if site not in SITES:
        raise Invalid(f"provider.datadog.site: {site} is no Datadog site; there are {', '.join(sorted(SITES))}")
    return f"https://api.{site}"


def _keys(secrets: Mapping[str, str]) -> dict[str, str]:
    values = header_values(secrets, "provider.datadog.secretRef")
    if missing := [key for key in ("api-key", "app-key") if not values.get(key)]:
        raise CredentialsInvalid(f"provider.datadog.secretRef: the secret needs the key {' and '.join(missing)}")
    return {"DD-API-KEY": values["api-key"], "DD-APPLICATION-KEY": values["app-key"]}
