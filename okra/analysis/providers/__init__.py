"""From a check's provider to the MetricSource that asks it: one file a provider, one branch of `build` each."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from okra.analysis.providers.cloudwatch import CloudWatchSource
from okra.analysis.providers.datadog import DatadogSource
from okra.analysis.providers.guard import open_session
from okra.analysis.providers.prometheus import PrometheusSource
from okra.analysis.providers.web import WebSource
from okra.api.provider import Provider
from okra.errors import Invalid
from okra.ports import Account, MetricData, MetricSource

__all__ = ["build", "open_session", "secret_name"]


def build(
    provider: Provider,
    query: str | None,
    *,
    secrets: Mapping[str, str],
    http: aiohttp.ClientSession,
    metric_data: MetricData,
    account: Account,
) -> MetricSource:
    """The source of a check whose templates are rendered.

    secrets: the decoded keys of the Secret `secret_name(provider)`, or nothing. http: shared by all, see
    `open_session`. Raises Invalid or CredentialsInvalid, naming the field and what to do; makes no call.
    """
    if provider.cloud_watch is not None:
        return CloudWatchSource(provider.cloud_watch, metric_data=metric_data, account=account)
    if provider.web is not None:
        return WebSource(provider.web, secrets=secrets, http=http)
    if query is None:
        raise Invalid("query: is required: what to ask the metrics provider")
    if provider.prometheus is not None:
        return PrometheusSource(provider.prometheus.address, query, secrets=secrets, http=http)
    if (spec := provider.datadog) is not None:
        return DatadogSource(
            query,
            site=spec.site,
            address=spec.address,
            api_version=spec.api_version,
            aggregator=spec.aggregator,
            secrets=secrets,
            http=http,
        )
    raise Invalid("provider: needs one of datadog, cloudWatch, prometheus, web")


def secret_name(provider: Provider) -> str | None:
    """The Secret that the provider needs, in the check's namespace."""
    for spec in (provider.datadog, provider.prometheus, provider.web):
        if spec is not None and spec.secret_ref is not None:
            return spec.secret_ref.name
    return None
