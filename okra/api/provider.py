"""Where metrics come from. `Provider` holds exactly one source; each has what its queries need and no secret itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, Violation, filled
from okra.api.durations import Duration, Interval
from okra.api.expressions import JMESPath
from okra.api.fields import Flag, Form, LongText, Number, ObjectName, Region, RoleARN, Text, keyed_by
from okra.api.variables import Templated


def _url(max_length: int) -> Form:
    return Form(
        r"^https?://(\{\{[^{}]*\}\}|[^/@?# \t\r\n\f])+([/?#].*)?$",
        "a URL that begins with http:// or https:// and holds no user and password (they belong into a Secret)",
        max_length,
        echo=False,
    )


URL = Annotated[str, _url(2048)]
BaseURL = Annotated[str, _url(512)]
Query = Annotated[str, Field(min_length=1, max_length=16_384), Templated]
"""A query in the source's own language, with `{{.Vars.NAME}}` replaced."""


class SecretRef(Model):
    """A Secret in the same namespace."""

    name: ObjectName = Field(description="The Secret's name.")


class DatadogAPIVersion(StrEnum):
    V1 = "v1"
    V2 = "v2"


class DatadogAggregator(StrEnum):
    AVG = "avg"
    LAST = "last"
    MAX = "max"
    MIN = "min"
    SUM = "sum"


class Datadog(Model):
    """Metrics of Datadog."""

    site: Annotated[
        str, Form(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "a Datadog site such as datadoghq.eu", max_length=253)
    ] = Field(default="datadoghq.com", description="The Datadog site, such as datadoghq.eu.")
    address: BaseURL | None = Field(
        default=None, description="The API's base URL, where it is not https://api.SITE: a proxy, say."
    )
    api_version: DatadogAPIVersion = Field(
        default=DatadogAPIVersion.V1, description="v1: the query API. v2: the timeseries API."
    )
    aggregator: DatadogAggregator = Field(
        default=DatadogAggregator.LAST, description="How the points of the window become one value."
    )
    secret_ref: SecretRef | None = Field(default=None, description="The Secret with the keys api-key and app-key.")


class MetricStat(Model):
    """A metric of CloudWatch."""

    namespace: Text = Field(description="The namespace, such as AWS/ApplicationELB.")
    name: Text = Field(description="The metric's name.")
    dimensions: Annotated[
        dict[Text, Annotated[str, Field(min_length=1, max_length=1024), Templated]], Field(max_length=30)
    ] = Field(default={}, description="Dimension → value; {{.Vars.NAME}} is replaced in values.")


class MetricQuery(Model):
    """A metric with its statistic, or an expression over the others."""

    id: Annotated[
        str, Form(r"^[a-z][A-Za-z0-9_]*$", "an id that begins with a lower case letter, such as m1", max_length=255)
    ] = Field(description="The name by which expressions refer to it.")
    metric: MetricStat | None = Field(default=None, description="The metric to read.")
    stat: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The metric's statistic: Sum, Average, Maximum, SampleCount, p99 …"
    )
    period: Interval | None = Field(
        default=None,
        description="The length of one data point: 1s, 5s, 10s, 20s, 30s or a multiple of 60s; default 60s.",
    )
    fill: Number | None = Field(
        default=None, description="The value of a missing data point, for metrics that are reported only when not 0."
    )
    expression: Annotated[str, Field(min_length=1, max_length=2048), Templated] | None = Field(
        default=None, description='Metric math, such as "FILL(m2,0)/m1".'
    )
    return_data: Flag | None = Field(
        default=None, description="Whether this is the result; needed when there are several entries."
    )

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "metric", "expression")) != 1:
            yield Violation((), "needs exactly one of metric and expression")
        elif self.metric is not None and self.stat is None:
            yield Violation(("stat",), "is required beside metric: Sum, Average, p99 …")
        elif self.expression is not None:
            for name in filled(self, "stat", "fill"):
                yield Violation((name,), "belongs to a metric; an expression has none")
        if self.period is not None and not _is_period(self.period.milliseconds):
            yield Violation(("period",), f"must be 1s, 5s, 10s, 20s, 30s or a multiple of 60s, not {self.period}")


class CloudWatch(Model):
    """Metrics of Amazon CloudWatch, read with GetMetricData."""

    region: Region | None = Field(default=None, description="The region; default: the Cell's.")
    role_arn: RoleARN | None = Field(default=None, description="The role to assume; default: the Cell's.")
    metrics: Annotated[
        tuple[MetricQuery, ...], Field(min_length=1, max_length=20, json_schema_extra=keyed_by("id"))
    ] = Field(description="Metrics and expressions; exactly one is the result.")

    def rules(self) -> Iterator[Violation]:
        seen: set[str] = set()
        for index, metric in enumerate(self.metrics):
            if metric.id in seen:
                yield Violation(("metrics", index, "id"), f"{metric.id} is taken by another entry: ids are unique")
            seen.add(metric.id)
        if self.result is None:
            yield Violation(("metrics",), "needs returnData: true on exactly one entry, the result")

    @property
    def result(self) -> MetricQuery | None:
        """The entry that is the result: the one marked, or the only one."""
        marked = [metric for metric in self.metrics if metric.return_data]
        if not marked and len(self.metrics) == 1 and self.metrics[0].return_data is None:
            return self.metrics[0]
        return marked[0] if len(marked) == 1 else None


class Prometheus(Model):
    """A Prometheus server, or whatever speaks its query API."""

    address: BaseURL = Field(description="The server's base URL.")
    secret_ref: SecretRef | None = Field(
        default=None, description="The Secret with the key token, or the keys username and password."
    )


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"


class Web(Model):
    """Any HTTP API that answers JSON."""

    url: Annotated[URL, Templated] = Field(description="The URL; {{.Vars.NAME}} is replaced.")
    method: Method = Field(default=Method.GET, description="GET, POST or PUT.")
    headers: Annotated[
        dict[
            Annotated[str, Form(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "an HTTP header's name", max_length=128)],
            Annotated[str, Form(r"^[^\r\n\x00]*$", "one line", max_length=4096, echo=False, policy=True), Templated],
        ],
        Field(max_length=32),
    ] = Field(default={}, description="Headers to send. Secrets belong into secretRef.")
    body: Annotated[LongText, Templated] | None = Field(default=None, description="The body to send with POST or PUT.")
    jmes_path: JMESPath | None = Field(
        default=None, description="Where in the answer the value stands, as JMESPath; default: the whole answer."
    )
    timeout: Interval = Field(default=Duration("10s"), description="How long to wait for the answer.")
    secret_ref: SecretRef | None = Field(
        default=None, description="The Secret whose keys are sent as headers of these names."
    )

    def rules(self) -> Iterator[Violation]:
        if self.body is not None and self.method is Method.GET:
            yield Violation(("body",), "can't be sent with GET: set method to POST or PUT, or remove body")


class Provider(Model):
    """Exactly one source of metrics."""

    datadog: Datadog | None = Field(default=None, description="Datadog.")
    cloud_watch: CloudWatch | None = Field(default=None, description="Amazon CloudWatch.")
    prometheus: Prometheus | None = Field(default=None, description="Prometheus.")
    web: Web | None = Field(default=None, description="An HTTP API that answers JSON.")

    @property
    def has_own_query(self) -> bool:
        """Whether the provider's own fields say what to ask, so that there is no `query` beside it."""
        return self.cloud_watch is not None or self.web is not None

    def rules(self) -> Iterator[Violation]:
        kinds = ("datadog", "cloud_watch", "prometheus", "web")
        given = filled(self, *kinds)
        if not given:
            yield Violation(
                (), "needs one of datadog, cloudWatch, prometheus, web (an empty one is written `datadog: {}`)"
            )
        if len(given) > 1:
            yield Violation((), f"has {' and '.join(given)}: keep exactly one")


def _is_period(milliseconds: int) -> bool:
    return milliseconds in (1000, 5000, 10_000, 20_000, 30_000) or (milliseconds > 0 and milliseconds % 60_000 == 0)
