"""CloudWatch through an injected GetMetricData: this file builds the queries and reads the one result.

CloudWatch's buckets are aligned, and arrive late and in parts: a window ends at a bucket that has had two more periods
to settle. The value is the newest complete bucket's.

`fill` stands for buckets that were not reported, as an ALB reports errors only when there are some: in the result it
is applied here, in an expression by CloudWatch (`FILL`). How many requests an answer rests on, for `minSamples`, says
the entry named `samples`, else one that counts requests or flows; failing that, the number of data points.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from okra.analysis.window import TooEarly
from okra.api.aws import dimension_of
from okra.api.provider import CloudWatch, MetricQuery
from okra.errors import Invalid
from okra.ports import Account, Grain, MetricData, MetricSeries, Reading, Window

PERIOD = 60.0
LONGEST_LAG = 120.0
SAMPLES_ID = "samples"
COUNTERS = frozenset({"RequestCount", "RequestCountPerTarget", "NewFlowCount", "NewConnectionCount"})
"""Metrics whose sum is a number of requests or flows."""

_TOKEN = re.compile(r'"[^"]*"|\'[^\']*\'|\bFILL\s*\(\s*[a-z]\w*|\b[a-z]\w*\b', re.IGNORECASE)


class CloudWatchSource:
    """A MetricSource. Exactly one entry is the result, and it must answer one series."""

    def __init__(self, spec: CloudWatch, *, metric_data: MetricData, account: Account) -> None:
        if spec.result is None:
            raise Invalid("provider.cloudWatch.metrics: set returnData: true on exactly one entry, the result")
        self._result = spec.result
        self._counter = _counter(spec.metrics)
        self._queries = metric_data_queries(spec)
        self._metric_data = metric_data
        self._account = _account(spec, account)
        self._period = _period(self._result) if self._result.period else _longest_period(spec.metrics)
        longest = _longest_period(spec.metrics)
        self.grain = Grain(period=longest, lag=min(2 * longest, LONGEST_LAG), settle=2 * longest)

    def __repr__(self) -> str:
        return f"CloudWatchSource({self._result.id!r})"

    async def measure(self, window: Window) -> Reading:
        series = await self._metric_data(self._account, self._queries, window.start, window.end)
        points = _points(_one(series, self._result.id), window, self._period)
        samples = len(points)
        if self._counter is not None:
            counted = _points(_one(series, self._counter.id), window, _period(self._counter))
            samples = round(math.fsum(counted.values()))
        value = _newest(points, window, self._period, self._result.fill)
        if value is None and samples == 0 and window.end - window.start < self.grain.settle:
            raise TooEarly(f"no data point in the {window.end - window.start:.0f} s since the step")
        return Reading(value, json.dumps(self._queries, separators=(",", ":")), samples=samples)

    async def close(self) -> None:
        """Nothing to close: the AWS clients are the account's."""


def metric_data_queries(spec: CloudWatch) -> list[dict[str, Any]]:
    """The MetricDataQueries of a check, as GetMetricData takes them."""
    counter = _counter(spec.metrics)
    wanted = {entry.id for entry in (spec.result, counter) if entry is not None}
    fills = {entry.id: entry.fill for entry in spec.metrics if entry.fill is not None}
    return [_query(entry, fills) | {"ReturnData": entry.id in wanted} for entry in spec.metrics]


def with_fills(expression: str, fills: Mapping[str, float]) -> str:
    """The expression with `FILL(id, n)` for each metric that has a fill, unless it is filled there already."""

    def fill(token: re.Match[str]) -> str:
        name = token[0]
        return f"FILL({name},{fills[name]:g})" if name in fills else name

    return _TOKEN.sub(fill, expression)


def _query(entry: MetricQuery, fills: Mapping[str, float]) -> dict[str, Any]:
    if entry.metric is None:
        period = {"Period": int(entry.period.seconds)} if entry.period else {}
        return {"Id": entry.id, "Expression": with_fills(entry.expression or "", fills), **period}
    dimensions = [
        {"Name": name, "Value": dimension_of(value)} for name, value in sorted(entry.metric.dimensions.items())
    ]
    metric = {"Namespace": entry.metric.namespace, "MetricName": entry.metric.name, "Dimensions": dimensions}
    return {"Id": entry.id, "MetricStat": {"Metric": metric, "Period": int(_period(entry)), "Stat": entry.stat}}


def _counter(metrics: Sequence[MetricQuery]) -> MetricQuery | None:
    """The entry that says how many requests there were."""
    for entry in metrics:
        if entry.id == SAMPLES_ID:
            return entry
    for entry in metrics:
        if entry.stat == "SampleCount" or (entry.stat == "Sum" and entry.metric and entry.metric.name in COUNTERS):
            return entry
    return None


def _account(spec: CloudWatch, account: Account) -> Account:
    """The Cell's account, but for what the check says itself. Another role doesn't get the Cell's external id."""
    external_id = account.external_id if spec.role_arn in (None, account.role_arn) else ""
    return Account(spec.region or account.region, spec.role_arn or account.role_arn, external_id)


def _period(entry: MetricQuery) -> float:
    return entry.period.seconds if entry.period else PERIOD


def _longest_period(metrics: Sequence[MetricQuery]) -> float:
    """Every shorter period divides it, so a window of whole longest buckets holds whole buckets of each."""
    own = [_period(entry) for entry in metrics if entry.metric or entry.period]
    return max(own, default=PERIOD)


def _one(series: Sequence[MetricSeries], id_: str) -> MetricSeries:
    found = [one for one in series if one.id == id_]
    if len(found) > 1:
        raise Invalid(f"{id_} answers {len(found)} series; ask for one, without SEARCH or GROUP BY, or sum them")
    return found[0] if found else MetricSeries(id_, "", [])


def _points(series: MetricSeries, window: Window, period: float) -> dict[float, float]:
    """Start of the bucket → value, for whole buckets in the window."""
    return {
        at: value
        for at, value in series.points
        if window.start <= at and at + period <= window.end and not math.isnan(value)
    }


def _newest(points: Mapping[float, float], window: Window, period: float, fill: float | None) -> float | None:
    newest = max(points, default=-math.inf)
    if fill is not None and newest < window.end - period:
        return fill
    return points.get(newest)
