"""GetMetricData's queries, as the SDKs and Argo Rollouts write them, as Okra's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from okra.convert.document import Unconvertible
from okra.convert.fields import Fields


def metrics(queries: Sequence[Fields], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """`provider.cloudWatch.metrics`. The first that returns data is the result, as it was there."""
    found = [_metric(query, say) for query in queries]
    results = [index for index, query in enumerate(queries) if query.take("returnData") is not False]
    if not results:
        raise Unconvertible(queries[0].path if queries else "", "no query has returnData: none is the result")
    if len(results) > 1:
        say(f"Of several results the first counts, {found[results[0]]['id']}, as it did.")
    for index, metric in enumerate(found):
        if len(found) > 1:
            metric["returnData"] = index == results[0]
    return found


def _metric(query: Fields, say: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": query.required("id")}
    if query.text("label"):
        say(f"The label of {found['id']} is for graphs; it was left out.")
    period = query.whole("period")
    if "metricStat" in query:
        stat = query.inside("metricStat")
        metric = stat.inside("metric")
        found["metric"] = {"namespace": metric.required("namespace"), "name": metric.required("metricName")}
        if dimensions := {each.required("name"): each.required("value") for each in metric.each("dimensions")}:
            found["metric"]["dimensions"] = dimensions
        found["stat"] = stat.required("stat")
        period = stat.whole("period") or period
        if unit := stat.text("unit"):
            say(f"{found['id']} is read in whatever unit it has: {unit} was left out.")
    elif "expression" in query:
        found["expression"] = query.required("expression")
    if period is not None:
        found["period"] = f"{period}s"
    return found


def lower_first(value: Any) -> Any:
    """The SDKs' JSON (`MetricStat`) with Kubernetes' names (`metricStat`)."""
    if isinstance(value, dict):
        return {f"{key[:1].lower()}{key[1:]}": lower_first(each) for key, each in value.items()}
    return [lower_first(each) for each in value] if isinstance(value, list) else value
