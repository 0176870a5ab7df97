"""From a check's provider, as a person writes it, to what asks it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from okra.analysis.providers import build, open_session, secret_name
from okra.analysis.providers.cloudwatch import CloudWatchSource
from okra.analysis.providers.datadog import DatadogSource
from okra.analysis.providers.prometheus import PrometheusSource
from okra.analysis.providers.web import WebSource
from okra.api.checks import Analysis
from okra.api.provider import Provider
from okra.errors import Invalid
from okra.ports import Account, MetricSeries

FORMS = {
    DatadogSource: """
        query: avg:trace.http.request.errors{cluster:web-1}.as_rate()
        max: 0.1
        provider: {datadog: {site: datadoghq.eu, apiVersion: v2, aggregator: last, secretRef: {name: dd}}}
        """,
    CloudWatchSource: """
        max: 0.1
        provider:
          cloudWatch:
            region: us-east-1
            metrics:
            - {id: m1, stat: Sum, period: 60s, fill: 0, metric: {namespace: N, name: A, dimensions: {TargetGroup: t}}}
            - {id: rate, expression: "FILL(m2,0)/m1", returnData: true}
        """,
    PrometheusSource: """
        query: sum(rate(errors[1m]))
        max: 0.1
        provider: {prometheus: {address: "http://prometheus:9090", secretRef: {name: prom}}}
        """,
    WebSource: """
        max: 0.1
        provider:
          web:
            {url: "http://w/x", method: POST, headers: {A: b}, body: "{}", jmesPath: data.errorRate, timeout: 10s,
             secretRef: {name: w}}
        """,
}
SECRETS = {DatadogSource: {"api-key": "a", "app-key": "b"}, PrometheusSource: {"token": "t"}, WebSource: {"X": "y"}}


async def metric_data(account: Account, queries: list[dict[str, Any]], start: float, end: float) -> list[MetricSeries]:
    return []


@pytest.mark.parametrize("kind", list(FORMS))
async def test_each_form_of_provider_makes_its_source(kind: type) -> None:
    analysis = Analysis.model_validate(yaml.safe_load(FORMS[kind]))
    assert analysis.provider is not None
    async with open_session() as http:
        made = build(
            analysis.provider,
            analysis.query,
            secrets=SECRETS.get(kind, {}),
            http=http,
            metric_data=metric_data,
            account=Account(),
        )
        assert type(made) is kind
        assert "secret" not in repr(made)
        await made.close()


@pytest.mark.parametrize(
    ("kind", "name"), [(DatadogSource, "dd"), (CloudWatchSource, None), (PrometheusSource, "prom"), (WebSource, "w")]
)
def test_the_secret_that_is_needed_is_known_without_it(kind: type, name: str | None) -> None:
    provider = Analysis.model_validate(yaml.safe_load(FORMS[kind])).provider
    assert provider is not None
    assert secret_name(provider) == name


def test_a_provider_without_a_secret_needs_none() -> None:
    assert secret_name(Provider.model_validate({"datadog": {}})) is None


@pytest.mark.parametrize("provider", [{"prometheus": {"address": "http://p"}}, {"datadog": {}}])
async def test_a_source_without_a_query_is_refused(provider: dict[str, Any]) -> None:
    async with open_session() as http:
        with pytest.raises(Invalid, match="query: is required"):
            build(
                Provider.model_validate(provider),
                None,
                secrets={"api-key": "a", "app-key": "b"},
                http=http,
                metric_data=metric_data,
                account=Account(),
            )


async def test_an_empty_provider_is_refused() -> None:
    async with open_session() as http:
        with pytest.raises(Invalid, match="needs one of datadog"):
            build(Provider.model_construct(), "q", secrets={}, http=http, metric_data=metric_data, account=Account())
