"""Against a real Prometheus: its own answers, and that nothing from before a step is taken for evidence of it.

The world: errors at 10/s until the step at T, none after it; requests at 100/s throughout; a gauge last seen at T - 30.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from okra.analysis import AnalysisPolicy, NotReady, TooEarly, judge, window_for
from okra.analysis.providers.guard import open_session
from okra.analysis.providers.prometheus import PrometheusSource
from okra.errors import CredentialsInvalid, Invalid
from okra.ports import Window
from okra.rollout.observation import Verdict
from tests.analysis.real_prometheus import PASSWORD, USERNAME, running

pytestmark = pytest.mark.timeout(300)  # the first run may have to fetch Prometheus

T = 1_800_000_000
SECRETS = {"username": USERNAME, "password": PASSWORD}
ERRORS = 'sum(rate(http_errors_total{cluster="web-1"}[1m]))'
SETTLED = Window(T - 300, T)


def samples() -> str:
    """OpenMetrics text, one sample each 15 s from 10 minutes before T to 10 minutes after."""
    times = range(T - 600, T + 601, 15)
    lines = ["# TYPE http_errors counter"]
    lines += [f'http_errors_total{{cluster="web-1"}} {10 * (min(at, T) - T + 600)} {at}' for at in times]
    lines += ["# TYPE http_requests counter"]
    for cluster in ("web-1", "web-2"):
        lines += [f'http_requests_total{{cluster="{cluster}"}} {100 * (at - T + 600)} {at}' for at in times]
    lines += ["# TYPE seen gauge", f"seen 5 {T - 30}", "# EOF", ""]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(samples(), tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


async def test_a_step_is_not_judged_by_the_step_before(prometheus: str, http: aiohttp.ClientSession) -> None:
    source = PrometheusSource(prometheus, ERRORS, secrets=SECRETS, http=http)
    naive = await source.measure(Window(T - 280, T + 20))
    assert naive.value == pytest.approx(10.0 * 45 / 60, rel=0.3)
    early = window_for(source.grain, now=T + 20, not_before=T)
    assert isinstance(early, NotReady)
    window = window_for(source.grain, now=early.ready_at, not_before=T)
    assert isinstance(window, Window)
    measurement = judge(AnalysisPolicy(max=0.1), await source.measure(window), at=early.ready_at)
    assert (measurement.verdict, measurement.reason) == (Verdict.PASSED, "0 is within max 0.1")


async def test_errors_before_the_step_failed_the_step_before(prometheus: str, http: aiohttp.ClientSession) -> None:
    source = PrometheusSource(prometheus, ERRORS, secrets=SECRETS, http=http)
    measurement = judge(AnalysisPolicy(max=0.1), await source.measure(SETTLED), at=T)
    assert (measurement.verdict, measurement.reason) == (Verdict.FAILED, "10 > max 0.1")


async def test_what_is_no_longer_reported_is_no_data_but_soon_after_a_step_it_means_wait(
    prometheus: str, http: aiohttp.ClientSession
) -> None:
    source = PrometheusSource(prometheus, "seen", secrets=SECRETS, http=http)
    assert (await source.measure(SETTLED)).value == 5.0
    assert (await source.measure(Window(T + 300, T + 600))).value is None
    with pytest.raises(TooEarly):
        await source.measure(Window(T + 580, T + 600))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("0.25", 0.25),
        ("scalar(seen)", 5.0),
        ("vector(1e-05)", 1e-05),
        ("vector(1) / 0", math.inf),
        ("-vector(1) / 0", -math.inf),
        ("vector(0) / 0", None),
        ("0 / 0", None),
        ("absent_metric", None),
        ('sum(rate(http_requests_total{cluster="web-1"}[2m]))', 100.0),
        ("vector(1)" + " + 0" * 1000, 1.0),
    ],
)
async def test_numbers_as_prometheus_really_writes_them(
    prometheus: str, http: aiohttp.ClientSession, query: str, value: float | None
) -> None:
    source = PrometheusSource(prometheus, query, secrets=SECRETS, http=http)
    answer = (await source.measure(SETTLED)).value
    assert answer == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("rate(http_requests_total[2m])", "answers 2 series; ask for one"),
        ("http_requests_total[2m]", "answers a matrix"),
        ('"text"', "answers a string"),
        ("sum(", "parse error"),
        ("http_requests_total * on() http_requests_total", "correct the query"),
        ("rate(http_requests_total)", "expected type range vector"),
    ],
)
async def test_what_is_not_one_number_is_the_persons_to_correct(
    prometheus: str, http: aiohttp.ClientSession, query: str, problem: str
) -> None:
    source = PrometheusSource(prometheus, query, secrets=SECRETS, http=http)
    with pytest.raises(Invalid, match=problem):
        await source.measure(SETTLED)


@pytest.mark.parametrize("secrets", [{}, {"username": USERNAME, "password": "wrong"}, {"token": "t0k3n"}])
async def test_wrong_credentials_are_named_by_what_to_do(
    prometheus: str, http: aiohttp.ClientSession, secrets: dict[str, str]
) -> None:
    source = PrometheusSource(prometheus, ERRORS, secrets=secrets, http=http)
    with pytest.raises(CredentialsInvalid, match="check the keys in the secret that secretRef names"):
        await source.measure(SETTLED)
