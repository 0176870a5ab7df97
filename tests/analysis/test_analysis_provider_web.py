"""Any HTTP API: the JSON it answers, or what JMESPath finds in it; headers from the check and from its secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from okra.analysis.providers.guard import open_session
from okra.analysis.providers.web import WebSource
from okra.api.provider import Web
from okra.errors import CredentialsInvalid, Invalid, NotFound, OkraError, Throttled, Unavailable
from okra.ports import Grain, Window
from tests.analysis.servers import HTML, Handler, Server, reset, saying, serving, slow, truncated

NOW = Window(1_800_000_000.0, 1_800_000_001.0)
BODY = '{"data": {"errorRate": 0.05, "ok": true, "name": "x", "none": null, "list": [1, 2]}}'


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(saying(BODY)) as running:
        yield running


def source(server: Server, http: aiohttp.ClientSession, secrets: dict[str, str] | None = None, **web: Any) -> WebSource:
    spec = Web.model_validate({"url": f"{server.url}/metrics?window=1m", "timeout": "5s"} | web)
    return WebSource(spec, secrets=secrets or {}, http=http)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.errorRate", 0.05),
        ("data.ok", True),
        ("data.name", "x"),
        ("data.list", [1, 2]),
        ("data.list | length(@)", 2),
        ("data.none", None),
        ("data.missing", None),
        ("nothing.at.all", None),
        (None, {"data": {"errorRate": 0.05, "ok": True, "name": "x", "none": None, "list": [1, 2]}}),
    ],
)
async def test_the_value_is_what_the_path_finds(
    server: Server, http: aiohttp.ClientSession, path: str | None, value: object
) -> None:
    assert (await source(server, http, jmesPath=path).measure(NOW)).value == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("0.5", 0.5),
        ("true", True),
        ('"text"', "text"),
        ("NaN", None),
        ('"NaN"', None),
        ('""', None),
        ("", None),
        ("5", 5),
    ],
)
async def test_the_whole_answer_may_be_the_value(
    server: Server, http: aiohttp.ClientSession, body: str, value: object
) -> None:
    server.faults.append(saying(body))
    assert (await source(server, http).measure(NOW)).value == value


async def test_a_large_answer_is_read_beside_the_event_loop(server: Server, http: aiohttp.ClientSession) -> None:
    server.faults.append(saying(json.dumps({"all": [0.5] * 50_000})))
    assert (await source(server, http, jmesPath="all[?@ > `0.1`] | length(@)").measure(NOW)).value == 50_000
    server.faults.append(saying("x" * 50_000))
    with pytest.raises(Unavailable, match="something else instead of JSON"):
        await source(server, http).measure(NOW)


async def test_a_nan_that_a_path_computes_is_no_data(server: Server, http: aiohttp.ClientSession) -> None:
    server.faults.append(saying('{"a": "NaN"}'))
    assert (await source(server, http, jmesPath="to_number(a)").measure(NOW)).value is None


async def test_a_path_that_does_not_fit_the_answer_is_the_persons_to_correct(
    server: Server, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(Invalid, match=r"provider\.web\.jmesPath: "):
        await source(server, http, jmesPath="abs(data.name)").measure(NOW)


async def test_a_request_is_sent_as_the_check_says(server: Server, http: aiohttp.ClientSession) -> None:
    asking = source(
        server,
        http,
        method="POST",
        body='{"cluster": "web-1"}',
        headers={"X-Scope": "okra", "accept": "application/vnd.api+json"},
    )
    await asking.measure(NOW)
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("POST", "/metrics?window=1m")
    assert request.headers["X-Scope"] == "okra"
    assert request.headers.getall("Accept") == ["application/vnd.api+json"]
    assert request.content_type == "application/json"
    assert server.bodies == ['{"cluster": "web-1"}']


async def test_every_key_of_the_secret_is_a_header(server: Server, http: aiohttp.ClientSession) -> None:
    secrets = {"Authorization": "Bearer s3cr3t-value\n", "x-scope": "from-secret"}
    asking = source(server, http, secrets, headers={"X-Scope": "okra"})
    reading = await asking.measure(NOW)
    assert server.requests[0].headers["Authorization"] == "Bearer s3cr3t-value"
    assert server.requests[0].headers.getall("X-Scope") == ["from-secret"]
    assert "s3cr3t-value" not in repr(asking) + repr(reading) + repr(vars(asking))


async def test_what_is_shown_of_a_url_has_no_query_string(server: Server, http: aiohttp.ClientSession) -> None:
    reading = await source(server, http, url=f"{server.url}/m?key=s3cr3t").measure(NOW)
    assert reading.query == f"GET {server.url}/m"
    server.faults.append(saying("", 500))
    with pytest.raises(Unavailable) as caught:
        await source(server, http, url=f"{server.url}/m?key=s3cr3t").measure(NOW)
    assert "s3cr3t" not in str(caught.value)


async def test_a_percent_encoded_value_stays_encoded(server: Server, http: aiohttp.ClientSession) -> None:
    await source(server, http, url=f"{server.url}/a%2F..%2Fb/x?v=1%2B2").measure(NOW)
    assert server.requests[0].raw_path == "/a%2F..%2Fb/x?v=1%2B2"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (saying("", 404), NotFound),
        (saying("", 429), Throttled),
        (saying("", 500), Unavailable),
        (saying(HTML, 200, "text/html"), Unavailable),
        (saying('{"cut":'), Unavailable),
        (truncated, Unavailable),
        (reset, Unavailable),
        (slow, Unavailable),
    ],
)
async def test_an_api_that_fails_says_nothing_about_the_app(
    server: Server, http: aiohttp.ClientSession, fault: Handler, kind: type[OkraError]
) -> None:
    server.faults += [fault, fault]
    with pytest.raises(OkraError) as caught:
        await source(server, http, timeout="300ms").measure(NOW)
    assert type(caught.value) is kind


async def test_bad_addresses_and_secrets_are_refused_at_once(server: Server, http: aiohttp.ClientSession) -> None:
    with pytest.raises(Invalid, match="link-local"):
        source(server, http, url="http://169.254.169.254/latest/meta-data/")
    with pytest.raises(CredentialsInvalid, match="control characters"):
        source(server, http, {"Authorization": "a\nb"})


async def test_it_is_asked_about_now(server: Server, http: aiohttp.ClientSession) -> None:
    asking = source(server, http)
    assert asking.grain == Grain()
    await asking.close()
    assert not http.closed
