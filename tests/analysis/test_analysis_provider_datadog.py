"""Datadog, both APIs: whole buckets after the step only, one series, keys from the secret, nothing sent elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from okra.analysis import NotReady, TooEarly, window_for
from okra.analysis.providers.datadog import SITES, DatadogSource
from okra.analysis.providers.guard import open_session
from okra.api.provider import DatadogAggregator, DatadogAPIVersion
from okra.errors import AccessDenied, CredentialsInvalid, Invalid, OkraError, Throttled, Unavailable
from okra.ports import Window
from tests.analysis.datadog_double import API_KEY, APP_KEY, Datadog
from tests.analysis.servers import HTML, Handler, Server, reset, saying, serving, slow, truncated

T = 1_800_000_000.0
QUERY = "sum:errors{cluster:web-1}.as_count()"
KEYS = {"api-key": API_KEY + "\n", "app-key": APP_KEY}
BOTH = pytest.mark.parametrize("version", list(DatadogAPIVersion))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
def datadog() -> Datadog:
    return Datadog()


@pytest.fixture
async def server(datadog: Datadog) -> AsyncIterator[Server]:
    async with serving(datadog.handle) as running:
        yield running


def source(server: Server, http: aiohttp.ClientSession, query: str = QUERY, **more: Any) -> DatadogSource:
    more = {"secrets": KEYS, "timeout": 5.0, **more}
    return DatadogSource(query, address=server.url, http=http, **more)


@BOTH
async def test_only_buckets_that_lie_wholly_after_the_step_and_are_complete_count(
    server: Server, datadog: Datadog, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    asking = source(server, http, api_version=version, aggregator=DatadogAggregator.SUM)
    datadog.report(QUERY, (T - 15, 1000), (T - 1, 1000))  # the step before
    datadog.report(QUERY, (T + 3, 100))  # a bucket that the step falls into
    datadog.report(QUERY, (T + 21, 1), (T + 39, 2), (T + 45, 4))  # evidence
    datadog.report(QUERY, (T + 61, 100), (T + 130, 100))  # may still change
    window = window_for(asking.grain, now=T + 125, not_before=T + 2)
    assert window == Window(T + 20, T + 60)
    reading = await asking.measure(window)
    assert (reading.value, reading.samples, reading.query) == (7.0, 2, QUERY)


@BOTH
@pytest.mark.parametrize(
    ("aggregator", "value"),
    [
        (DatadogAggregator.LAST, 4.0),
        (DatadogAggregator.AVG, 3.0),
        (DatadogAggregator.MIN, 1.0),
        (DatadogAggregator.MAX, 4.0),
        (DatadogAggregator.SUM, 9.0),
    ],
)
async def test_the_points_become_one_value(
    server: Server,
    datadog: Datadog,
    http: aiohttp.ClientSession,
    version: DatadogAPIVersion,
    aggregator: DatadogAggregator,
    value: float,
) -> None:
    datadog.report(QUERY, (T, 1), (T + 20, 4), (T + 40, 4))
    asking = source(server, http, api_version=version, aggregator=aggregator)
    assert (await asking.measure(Window(T, T + 60))).value == value


@BOTH
async def test_no_points_are_no_data_but_soon_after_the_step_they_mean_wait(
    server: Server, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    asking = source(server, http, api_version=version)
    reading = await asking.measure(Window(T, T + 300))
    assert (reading.value, reading.samples) == (None, 0)
    with pytest.raises(TooEarly, match="no complete point in the 20 s since the step"):
        await asking.measure(Window(T, T + 20))


@BOTH
async def test_several_series_are_an_error(
    server: Server, datadog: Datadog, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    datadog.report(QUERY, (T, 1), scope="host:a")
    datadog.report(QUERY, (T, 2), scope="host:b")
    with pytest.raises(Invalid, match="answers 2 series; ask for one"):
        await source(server, http, api_version=version).measure(Window(T, T + 300))


@BOTH
async def test_a_query_that_datadog_refuses_is_the_persons_to_correct(
    server: Server, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    with pytest.raises(Invalid, match="Error parsing query"):
        await source(server, http, "sum:(", api_version=version).measure(Window(T, T + 300))


@BOTH
async def test_wrong_keys_are_named_by_what_to_do_and_not_shown(
    server: Server, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    asking = source(server, http, api_version=version, secrets={"api-key": "wrong-key-1", "app-key": "wrong-key-2"})
    with pytest.raises(AccessDenied, match="secret") as caught:
        await asking.measure(Window(T, T + 300))
    assert "wrong-key" not in str(caught.value) + repr(asking) + repr(vars(caught.value))


@BOTH
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (saying('{"errors": ["Too many requests"]}', 429), Throttled),
        (saying("", 500), Unavailable),
        (saying(HTML, 502, "text/html"), Unavailable),
        (saying(HTML, 200, "text/html"), Unavailable),
        (saying('{"status": "ok", "series": [{"poin'), Unavailable),
        (saying("[]"), Unavailable),
        (saying("{}"), Unavailable),
        (saying('{"data": {}, "series": 5}'), Unavailable),
        (saying("null"), Unavailable),
        (saying('{"status": "ok", "series": [{}]}'), Unavailable),
        (saying('{"data": {"attributes": {"values": [5]}}}'), Unavailable),
        (truncated, Unavailable),
        (reset, Unavailable),
        (slow, Unavailable),
    ],
)
async def test_an_api_that_fails_says_nothing_about_the_app(
    server: Server, http: aiohttp.ClientSession, version: DatadogAPIVersion, fault: Handler, kind: type[OkraError]
) -> None:
    server.faults += [fault, fault]
    with pytest.raises(OkraError) as caught:
        await source(server, http, api_version=version, timeout=0.3).measure(Window(T, T + 300))
    assert type(caught.value) is kind
    assert API_KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"status": "error", "error": "unknown metric"}', "unknown metric"),
        ('{"errors": ["a", "b"]}', "a; b"),
    ],
)
async def test_v1_refuses_in_the_body_of_a_success_too(
    server: Server, http: aiohttp.ClientSession, body: str, reason: str
) -> None:
    server.faults.append(saying(body))
    with pytest.raises(Invalid, match=f"Datadog refuses the query: {reason}"):
        await source(server, http).measure(Window(T, T + 300))


async def test_v2_refuses_in_the_body_of_a_success_too(server: Server, http: aiohttp.ClientSession) -> None:
    server.faults.append(saying('{"errors": "no such metric", "data": {}}'))
    with pytest.raises(Invalid, match="Datadog refuses the query: no such metric"):
        await source(server, http, api_version=DatadogAPIVersion.V2).measure(Window(T, T + 300))


def v1_body(points: list[Any], **series: Any) -> str:
    return json.dumps({"status": "ok", "series": [{"pointlist": points, **series}]})


@pytest.mark.parametrize(
    ("points", "series", "value"),
    [
        ([[T * 1000, None], [(T + 20) * 1000, 3.0]], {"interval": 20}, 3.0),
        ([[T * 1000, 3.0], [(T + 20) * 1000, None]], {"interval": 20}, 3.0),
        ([[T * 1000, None]], {"interval": 20}, None),
        ([[T * 1000, float("nan")]], {"interval": 20}, None),
        ([["x", 1], [T * 1000], 5, [T * 1000, True], [T * 1000, "1"]], {"interval": 20}, None),
        ([[(T + 20) * 1000, 2], [T * 1000, 1]], {"interval": 20}, 2.0),
        # the interval is not told: as long as the points are apart
        ([[(T + 180) * 1000, 2], [(T + 240) * 1000, 3], [(T + 300) * 1000, 9]], {}, 3.0),
        ([[(T + 200) * 1000, 1], [(T + 260) * 1000, 2]], {"interval": None}, 1.0),
        ([[(T + 200) * 1000, 1], [(T + 260) * 1000, 2]], {"interval": 0}, 1.0),
        ([[(T + 270) * 1000, 5]], {}, 5.0),
        ([[(T + 180) * 1000, 1], [(T + 240) * 1000, 2], [(T + 240) * 1000, 3], [(T + 299) * 1000, 9]], {}, 3.0),
        # coarser than asked for
        ([[T * 1000, 1], [(T + 240) * 1000, 2]], {"interval": 240}, 1.0),
    ],
)
async def test_odd_points_do_not_count(
    server: Server, http: aiohttp.ClientSession, points: list[Any], series: dict[str, Any], value: float | None
) -> None:
    server.faults.append(saying(v1_body(points, **series)))
    assert (await source(server, http).measure(Window(T, T + 300))).value == value


async def test_v1_without_series_is_no_data(server: Server, http: aiohttp.ClientSession) -> None:
    server.faults += [saying('{"status": "ok", "series": null}'), saying('{"status": "ok", "series": []}')]
    for _ in range(2):
        assert (await source(server, http).measure(Window(T, T + 300))).value is None


@pytest.mark.parametrize(
    "attributes", [{"times": [], "values": [], "series": []}, {"times": [T], "values": [[None]], "series": [{}]}]
)
async def test_v2_without_values_is_no_data(
    server: Server, http: aiohttp.ClientSession, attributes: dict[str, Any]
) -> None:
    server.faults.append(saying(json.dumps({"data": {"attributes": attributes}})))
    asking = source(server, http, api_version=DatadogAPIVersion.V2)
    assert (await asking.measure(Window(T, T + 300))).value is None


@BOTH
async def test_a_rollup_in_the_query_is_the_bucket(
    server: Server, datadog: Datadog, http: aiohttp.ClientSession, version: DatadogAPIVersion
) -> None:
    datadog.interval = 60
    query = "sum:errors{*}.rollup(sum, 60)"
    asking = source(server, http, query, api_version=version)
    assert asking.grain.period == 60.0
    datadog.report(query, (T + 10, 5), (T + 70, 7))
    assert isinstance(window_for(asking.grain, now=T + 100, not_before=T), NotReady)
    window = window_for(asking.grain, now=T + 125, not_before=T)
    assert window == Window(T, T + 60)
    assert (await asking.measure(window)).value == 5.0


@pytest.mark.parametrize(
    ("query", "period"),
    [
        ("avg:x{*}", 20.0),
        ("avg:x{*}.rollup(avg)", 20.0),
        ("avg:x{*}.rollup(30)", 30.0),
        ("a.rollup(sum,5)/b.rollup(sum,120)", 120.0),
    ],
)
async def test_the_period_follows_the_query(http: aiohttp.ClientSession, query: str, period: float) -> None:
    assert DatadogSource(query, secrets=KEYS, http=http).grain.period == period


async def test_every_site_has_its_own_host(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[Any]:
        asked.append(f"{host}:{port}")
        raise OSError(None, "no such host")

    monkeypatch.setattr("aiohttp.resolver.DefaultResolver.resolve", resolve)
    for site in sorted(SITES):
        with pytest.raises(Unavailable):
            await DatadogSource(QUERY, site=site, secrets=KEYS, http=http).measure(Window(T, T + 300))
    assert asked == [f"api.{site}:443" for site in sorted(SITES)]


@pytest.mark.parametrize(
    "site", ["evil.example", "datadoghq.com.evil.example", "169.254.169.254", "", "DATADOGHQ.COM", "x@y"]
)
async def test_keys_are_sent_to_no_other_site(http: aiohttp.ClientSession, site: str) -> None:
    with pytest.raises(Invalid, match=r"provider\.datadog\.site: .* is no Datadog site; there are ap1\.datadoghq\.com"):
        DatadogSource(QUERY, site=site, secrets=KEYS, http=http)


@pytest.mark.parametrize(
    ("secrets", "missing"),
    [({}, "api-key and app-key"), ({"api-key": "x"}, "app-key"), ({"api-key": " ", "app-key": "x"}, "api-key")],
)
async def test_missing_keys_are_named(http: aiohttp.ClientSession, secrets: dict[str, str], missing: str) -> None:
    with pytest.raises(CredentialsInvalid, match=f"the secret needs the key {missing}$"):
        DatadogSource(QUERY, secrets=secrets, http=http)


async def test_closing_a_source_leaves_the_shared_session_open(server: Server, http: aiohttp.ClientSession) -> None:
    await source(server, http).close()
    assert not http.closed
