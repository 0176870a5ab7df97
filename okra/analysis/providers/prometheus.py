"""Prometheus, and whatever speaks its query API: one instant query, evaluated at the window's end.

An instant query reaches as far back as its own ranges (`promql.lookback`), so the window is made at least that long.
A plain gauge may be up to five minutes old; `lookback_delta` bounds that by the window. Servers that don't know it
(before 2.43, Amazon Managed) ignore it: there a gauge can be one scrape older than a step that is younger than that.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import aiohttp

from okra.analysis.providers.guard import checked_url
from okra.analysis.providers.http import TIMEOUT, Request, fetch_json, header_values
from okra.analysis.providers.promql import lookback
from okra.analysis.window import TooEarly
from okra.errors import CredentialsInvalid, Invalid, Unavailable
from okra.ports import Grain, Reading, Window

STALENESS = 300.0
"""Seconds after which Prometheus itself forgets a sample."""
SCRAPE = 30.0
"""Seconds that usually bring a new sample."""
LONGEST_GET = 2000
"""Characters of a query above which it is posted: proxies cut long URLs."""


class PrometheusSource:
    """A MetricSource. The answer must be one number: a scalar, or a vector of one sample."""

    def __init__(
        self,
        address: str,
        query: str,
        *,
        secrets: Mapping[str, str],
        http: aiohttp.ClientSession,
        timeout: float = TIMEOUT,
    ) -> None:
        self._address = checked_url(address, "provider.prometheus.address").rstrip("/")
        self._query = query
        self._headers = _authorization(secrets)
        self._secrets = tuple(secrets.values())
        self._http, self._timeout = http, timeout
        self.grain = Grain(lookback=lookback(query), settle=SCRAPE)

    def __repr__(self) -> str:
        return f"PrometheusSource({self._query!r})"

    async def measure(self, window: Window) -> Reading:
        params = {"query": self._query, "time": f"{window.end:.3f}"}
        if (length := window.end - window.start) < STALENESS:
            params["lookback_delta"] = f"{max(length, 0.001):.3f}s"
        value = _value(await fetch_json(self._http, self._request(params)))
        if value is None and length < self.grain.settle:
            raise TooEarly(f"no sample in the {length:.0f} s since the step")
        return Reading(value, self._query)

    async def close(self) -> None:
        """Nothing to close: the session is shared."""

    def _request(self, params: Mapping[str, str]) -> Request:
        long = len(self._query) > LONGEST_GET
        return Request(
            f"Prometheus at {self._address.partition('?')[0]}",
            "POST" if long else "GET",
            f"{self._address}/api/v1/query",
            params={} if long else params,
            form=params if long else None,
            headers=self._headers,
            timeout=self._timeout,
            secrets=self._secrets,
        )


def _authorization(secrets: Mapping[str, str]) -> dict[str, str]:
    values = header_values(secrets, "provider.prometheus.secretRef")
    if token := values.get("token"):
        return {"Authorization": f"Bearer {token}"}
    if "username" in values and "password" in values:
        pair = f"{values['username']}:{values['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if secrets:
        raise CredentialsInvalid(
            "provider.prometheus.secretRef: the secret needs the key token, or the keys username and password"
        )
    return {}


def _value(answer: Any) -> float | None:
    match answer:
        case {"status": "success", "data": {"resultType": "scalar", "result": [_, str(text)]}}:
            return _number(text)
        case {"status": "success", "data": {"resultType": "vector", "result": []}}:
            return None
        case {"status": "success", "data": {"resultType": "vector", "result": [{"value": [_, str(text)]}]}}:
            return _number(text)
        case {"status": "success", "data": {"resultType": "vector", "result": [_]}}:
            raise Invalid("the query answers a histogram; ask for one number, as histogram_quantile(0.99, …) does")
        case {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}:
            raise Invalid(f"the query answers {len(samples)} series; ask for one, as sum(…) does")
        case {"status": "success", "data": {"resultType": str(kind)}}:
            raise Invalid(f"the query answers a {kind}; ask for one number, as sum(rate(…[1m])) does")
        case {"status": "error", "error": str(reason)}:
            raise Invalid(f"Prometheus refuses the query: {reason[:160]}")
        case _:
            raise Unavailable("Prometheus answered JSON that is no query result")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        raise Unavailable("Prometheus answered a sample that is no number") from None
    return None if math.isnan(number) else number
