"""CloudWatch metrics: GetMetricData, all pages. Implements `okra.ports.MetricData`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from okra.aws.calls import Calls
from okra.aws.operations import GET_METRIC_DATA
from okra.errors import AccessDenied, Invalid, Unavailable
from okra.ports import Account, MetricSeries

_MAX_QUERIES = 500
"""In one call. Expressions refer to other queries of the same call, so a longer list can't be cut into several."""


class CloudWatch:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def metric_data(
        self, account: Account, queries: list[dict[str, Any]], start: float, end: float
    ) -> list[MetricSeries]:
        """See `okra.ports.MetricData`."""
        if len(queries) > _MAX_QUERIES:
            raise Invalid(f"{len(queries)} CloudWatch queries at once: GetMetricData takes {_MAX_QUERIES}")
        answer = await self._calls.all(
            account,
            GET_METRIC_DATA,
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )
        return _series(answer.items("MetricDataResults"))


def _series(results: Iterable[Mapping[str, Any]]) -> list[MetricSeries]:
    """One series for each id and label, whichever pages its points came on."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for result in results:
        _raise_for(result)
        series = points.setdefault((result["Id"], result.get("Label", "")), [])
        pairs = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
        series += [(timestamp.timestamp(), float(value)) for timestamp, value in pairs]
    return [MetricSeries(id, label, sorted(series)) for (id, label), series in points.items()]


def _raise_for(result: Mapping[str, Any]) -> None:
    """A query's own failure: the call as a whole succeeds all the same."""
    said = "; ".join(f"{message.get('Code')}: {message.get('Value')}" for message in result.get("Messages", []))
    match result.get("StatusCode"):
        case "Forbidden":
            raise AccessDenied(f"CloudWatch refuses the query {result['Id']}: {said or 'no permission for its data'}")
        case "InternalError":
            raise Unavailable(f"CloudWatch failed on the query {result['Id']}: {said or 'no reason given'}")
        case _:
            return
