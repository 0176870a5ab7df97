"""CloudWatch's GetMetricData as AWS answers it, where moto differs.

moto adds up metrics of other namespaces when dimensions are given, and of other dimensions when none are; cuts time at
the query's start instead of at the period; knows no percentiles; and evaluates no expression. SEARCH and SQL are
refused rather than answered wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch import models, responses
from moto.cloudwatch.exceptions import ValidationError
from moto.core.responses import ActionResult

from okra.testing.metric_math import Series, evaluate, statistic


def apply(page_size: int | None = None) -> None:
    """Patch moto's classes in this process. `page_size`: points in a page; moto answers everything in one."""
    backend: Any = models.CloudWatchBackend
    backend.get_metric_data = _get_metric_data
    if page_size is not None:
        views: Any = responses.CloudWatchResponse
        views.get_metric_data = _paged(views.get_metric_data, page_size)


def _paged(view: Callable[[Any], ActionResult], size: int) -> Callable[[Any], ActionResult]:
    """Every query on every page, each page with the next points only, `PartialData` until the last."""

    def paged(self: Any) -> ActionResult:
        start = int(self.params.pop("NextToken", "0"))
        whole: Any = view(self).result
        points = [
            (number, at) for number, result in enumerate(whole["MetricDataResults"]) for at in result["timestamps"]
        ]
        page, more = set(points[start : start + size]), len(points) > start + size
        results = [
            {
                **result,
                "timestamps": [at for at in result["timestamps"] if (number, at) in page],
                "values": [
                    value
                    for at, value in zip(result["timestamps"], result["values"], strict=True)
                    if (number, at) in page
                ],
                "status_code": "PartialData" if more else "Complete",
            }
            for number, result in enumerate(whole["MetricDataResults"])
        ]
        return ActionResult({"MetricDataResults": results, "NextToken": str(start + size) if more else None})

    return paged


def _get_metric_data(
    self: Any,
    queries: Sequence[Mapping[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[dict[str, Any]]:
    if start_time >= end_time:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    start, end = _epoch(start_time), _epoch(end_time)
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    series: dict[str, Series] = {}
    for query in queries:
        if "MetricStat" in query:
            series[query["Id"]] = _measured(self.get_all_metrics(), query["MetricStat"], start, end)
    for query in queries:
        if "Expression" in query:
            if query["Expression"].lstrip().upper().startswith(("SELECT", "SEARCH")):
                raise ValidationError("This CloudWatch double answers neither SQL nor SEARCH.")
            period = int(query.get("Period") or max(periods, default=60))
            series[query["Id"]] = evaluate(query["Expression"], series, list(_buckets(start, end, period)))
    return [
        _answer(query, series[query["Id"]], descending=scan_by == "TimestampDescending")
        for query in queries
        if query.get("ReturnData", True)
    ]


def _measured(published: Sequence[Any], wanted: Mapping[str, Any], start: float, end: float) -> Series:
    period, metric = int(wanted["Period"]), wanted["Metric"]
    dimensions = {(dimension["Name"], dimension["Value"]) for dimension in metric.get("Dimensions", ())}
    buckets: dict[float, list[tuple[float, float, float, float]]] = {at: [] for at in _buckets(start, end, period)}
    for datum in published:
        at = _epoch(datum.timestamp) // period * period
        if (
            at in buckets
            and (datum.namespace, datum.name) == (metric["Namespace"], metric["MetricName"])
            and {(dimension.name, dimension.value) for dimension in datum.dimensions} == dimensions
            and wanted.get("Unit") in (None, datum.unit)
        ):
            buckets[at].append(_figures(datum))
    return {at: statistic(wanted["Stat"], data) for at, data in buckets.items() if data}


def _buckets(start: float, end: float, period: int) -> Iterator[float]:
    at = start // period * period
    while at < end:
        yield at
        at += period


def _figures(datum: Any) -> tuple[float, float, float, float]:
    if isinstance(datum, models.MetricAggregatedDatum):
        return datum.sum, datum.min, datum.max, datum.sample_count
    return datum.value, datum.value, datum.value, 1.0


def _answer(query: Mapping[str, Any], series: Series, *, descending: bool) -> dict[str, Any]:
    points = sorted(series.items(), reverse=descending)
    metric = query.get("MetricStat", {})
    default = f"{metric['Metric']['MetricName']} {metric['Stat']}" if metric else query["Id"]
    return {
        "id": query["Id"],
        "label": query.get("Label") or default,
        "timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in points],
        "values": [value for _, value in points],
        "status_code": "Complete",
    }


def _epoch(moment: datetime) -> float:
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
