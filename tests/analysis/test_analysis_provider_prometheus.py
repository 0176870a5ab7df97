"""Prometheus' query API: one number, evaluated at the window's end, without a sample from before its start."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis import TooEarly
from okra.analysis.providers.guard import open_session
from okra.analysis.providers.prometheus import PrometheusSource
from okra.analysis.providers.promql import lookback
from okra.errors import CredentialsInvalid, Invalid, OkraError, Throttled, Unavailable
from okra.ports import Window
from tests.analysis.servers import HTML, Handler, Server, reset, saying, serving, slow, truncated

T = 1_800_000_000.0
QUERY = 'sum(rate(http_errors_total{cluster="web-1"}[1m]))'
LONG_AGO = Window(T - 600, T)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(vector("0.05")) as running:
        yield running


def vector(*values: str) -> Handler:
    samples = [{"metric": {"n": str(n)}, "value": [T, value]} for n, value in enumerate(values)]
    return result("vector", samples)


def result(kind: str, value: Any) -> Handler:
    return saying(json.dumps({"status": "success", "data": {"resultType": kind, "result": value}}))


def source(server: Server, http: aiohttp.ClientSession, query: str = QUERY, **more: Any) -> PrometheusSource:
    more = {"secrets": {}, "timeout": 5.0, **more}
    return PrometheusSource(server.url, query, http=http, **more)


async def test_a_vector_of_one_sample_is_a_number(server: Server, http: aiohttp.ClientSession) -> None:
    reading = await source(server, http).measure(LONG_AGO)
    assert (reading.value, reading.query, reading.samples) == (0.05, QUERY, None)
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/api/v1/query")
    assert dict(request.query) == {"query": QUERY, "time": f"{T:.3f}"}


async def test_soon_after_a_step_no_older_sample_is_taken_for_a_current_one(
    server: Server, http: aiohttp.ClientSession
) -> None:
    await source(server, http).measure(Window(T, T + 45.5))
    assert server.requests[0].query["lookback_delta"] == "45.500s"
    assert server.requests[0].query["time"] == f"{T + 45.5:.3f}"


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (result("scalar", [T, "1.5"]), 1.5),
        (vector("0"), 0.0),
        (vector("1e-05"), 1e-05),
        (vector("+Inf"), float("inf")),
        (vector("-Inf"), float("-inf")),
        (vector("NaN"), None),
        (result("scalar", [T, "NaN"]), None),
        (result("vector", []), None),
    ],
)
async def test_numbers_as_prometheus_writes_them(
    server: Server, http: aiohttp.ClientSession, answer: Handler, value: float | None
) -> None:
    server.faults.append(answer)
    assert (await source(server, http).measure(LONG_AGO)).value == value


@pytest.mark.parametrize("answer", [result("vector", []), vector("NaN")])
async def test_soon_after_a_step_nothing_means_wait(
    server: Server, http: aiohttp.ClientSession, answer: Handler
) -> None:
    server.faults += [answer, answer]
    with pytest.raises(TooEarly, match="no sample in the 20 s since the step"):
        await source(server, http).measure(Window(T, T + 20))
    assert (await source(server, http).measure(Window(T, T + 30))).value is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (vector("1", "2", "3"), "answers 3 series; ask for one"),
        (result("matrix", [{"metric": {}, "values": [[T, "1"]]}]), "answers a matrix; ask for one number"),
        (result("string", [T, "x"]), "answers a string"),
        (result("vector", [{"metric": {}, "histogram": [T, {"count": "5"}]}]), "answers a histogram"),
        (saying('{"status": "error", "errorType": "execution", "error": "many-to-many"}'), "many-to-many"),
        (saying('{"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}', 400), "parse error"),
        (saying('{"status": "error", "errorType": "execution", "error": "too many samples"}', 422), "too many samples"),
    ],
)
async def test_what_is_not_one_number_is_the_persons_to_correct(
    server: Server, http: aiohttp.ClientSession, answer: Handler, problem: str
) -> None:
    server.faults.append(answer)
    with pytest.raises(Invalid, match=problem):
        await source(server, http).measure(LONG_AGO)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (saying("slow down", 429), Throttled),
        (saying("", 500), Unavailable),
        (saying('{"status": "error", "errorType": "timeout", "error": "query timed out"}', 503), Unavailable),
        (saying(HTML, 200, "text/html"), Unavailable),
        (saying('{"status": "success", "da'), Unavailable),
        (saying('{"status": "success"}'), Unavailable),
        (saying(""), Unavailable),
        (vector("five"), Unavailable),
        (truncated, Unavailable),
        (reset, Unavailable),
        (slow, Unavailable),
    ],
)
async def test_a_server_that_fails_says_nothing_about_the_app(
    server: Server, http: aiohttp.ClientSession, fault: Handler, kind: type[OkraError]
) -> None:
    server.faults += [fault, fault]
    with pytest.raises(OkraError) as caught:
        await source(server, http, timeout=0.3).measure(LONG_AGO)
    assert type(caught.value) is kind


async def test_a_long_query_is_posted(server: Server, http: aiohttp.ClientSession) -> None:
    long = QUERY + " + 0" * 1000
    await source(server, http, long).measure(LONG_AGO)
    (request,) = server.requests
    assert (request.method, request.query_string) == ("POST", "")
    assert request.content_type == "application/x-www-form-urlencoded"
    assert (await request.post())["query"] == long


async def test_a_server_below_a_path_is_asked_there(server: Server, http: aiohttp.ClientSession) -> None:
    await PrometheusSource(f"{server.url}/prometheus/", QUERY, secrets={}, http=http).measure(LONG_AGO)
    assert server.requests[0].path == "/prometheus/api/v1/query"


@pytest.mark.parametrize(
    ("secrets", "header"),
    [
        ({}, None),
        ({"token": "t0k3n-abc\n"}, "Bearer t0k3n-abc"),
        ({"username": "okra", "password": "pässword"}, "Basic b2tyYTpww6Rzc3dvcmQ="),
        ({"token": "t0k3n-abc", "username": "okra"}, "Bearer t0k3n-abc"),
    ],
)
async def test_the_secret_says_how_to_authenticate(
    server: Server, http: aiohttp.ClientSession, secrets: dict[str, str], header: str | None
) -> None:
    asking = source(server, http, secrets=secrets)
    await asking.measure(LONG_AGO)
    assert server.requests[0].headers.get("Authorization") == header
    assert all(value.strip() not in repr(asking) for value in secrets.values())


@pytest.mark.parametrize("secrets", [{"password": "x"}, {"username": "x"}, {"apikey": "x"}, {"token": ""}])
async def test_a_secret_without_the_right_keys_is_refused(
    server: Server, http: aiohttp.ClientSession, secrets: dict[str, str]
) -> None:
    with pytest.raises(CredentialsInvalid, match="needs the key token, or the keys username and password"):
        source(server, http, secrets=secrets)


async def test_a_bad_address_is_refused_at_once(http: aiohttp.ClientSession) -> None:
    with pytest.raises(Invalid, match=r"provider\.prometheus\.address"):
        PrometheusSource("http://user:pw@host", QUERY, secrets={}, http=http)


async def test_closing_leaves_the_shared_session_open(server: Server, http: aiohttp.ClientSession) -> None:
    asking = source(server, http)
    assert asking.grain.lookback == 60.0
    await asking.close()
    assert not http.closed


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up", 0.0),
        ("rate(x[5m])", 300.0),
        ("rate(x[ 1h30m ])", 5400.0),
        ("rate(x[5m]) / rate(y[10m])", 600.0),
        ("max_over_time(rate(x[5m])[1h:1m])", 3900.0),
        ("max_over_time(rate(x[5m])[1h:])", 3900.0),
        ("avg_over_time(max_over_time(x[1m])[10m:30s])", 660.0),
        ("rate(x[5m] offset 1h)", 3900.0),
        ("x offset 1d", 86400.0),
        ("x OFFSET 500ms", 0.5),
        ("x offset -5m", 0.0),
        ("rate(x[300])", 300.0),
        ("rate(x[1.5h])", 5400.0),
        ("rate(x[1d]) + rate(x[1w]) + rate(x[1y])", 31536000.0),
        ('x{a="[5m]"}', 0.0),
        ("x{a='[5m] offset 1h'}", 0.0),
        ("x{a=`[5m]`}", 0.0),
        ('x{a="\\"[5m]"}', 0.0),
        ("x # rate(x[5m])\n", 0.0),
        ("rate(x[$__interval])", 0.0),
        ("rate(x[5 m])", 0.0),
        ("", 0.0),
    ],
)
def test_how_far_back_a_query_looks(query: str, seconds: float) -> None:
    assert lookback(query) == pytest.approx(seconds)


@given(st.text(max_size=60))
def test_any_text_looks_back_some_time(query: str) -> None:
    assert lookback(query) >= 0.0
