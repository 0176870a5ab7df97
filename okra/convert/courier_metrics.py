"""courier's `datadog_metric` and `cloudwatch_metric` as checks."""

from __future__ import annotations

import json
import re
from typing import Any

from okra.convert.cloudwatch import lower_first, metrics
from okra.convert.document import Remarks, Unconvertible
from okra.convert.fields import Fields
from okra.convert.names import as_name, free

_TEMPLATE = re.compile(r"\{\{-?\s*\.TargetGroupARN\s*-?\}\}")
_OTHER = re.compile(r"\{\{(?!\s*\.Vars\.)[^}]*\}\}")
_SECRET = "datadog"  # noqa: S105 (a Secret's name)


def checks(fields: Fields, remarks: Remarks) -> list[dict[str, Any]]:
    """Every metric that has a bound. courier asked all the time; a check asks at each weight."""
    found: list[dict[str, Any]] = []
    for kind in ("datadog_metric", "cloudwatch_metric"):
        for metric in fields.each(kind):
            _add(kind, metric, found, remarks)
    return found


def _add(kind: str, metric: Fields, found: list[dict[str, Any]], remarks: Remarks) -> None:
    title = as_name(metric.required("name"), metric.where("name"))
    name = free(title, [each["name"] for each in found])
    place = ("spec", "checks", len(found))
    analysis: dict[str, Any] = {}
    for bound in ("max", "min"):
        if (number := metric.number(bound)) is not None:
            analysis[bound] = number
    if not analysis:
        metric.ignore("query", "interval", "address", "aws_region", "aws_profile")
        remarks.say(f"{metric.path} ({title}) has neither max nor min: it judged nothing, and was left out.", "spec")
        return
    if window := metric.text("interval"):
        analysis["window"] = window
        remarks.say("courier asked every 10 s for 10 minutes back; this asks at each weight, so far back.", *place)
    query = _query(metric)
    address, region = metric.text("address"), metric.text("aws_region")
    if kind == "datadog_metric":
        remarks.say(
            f"courier read DATADOG_API_KEY and DATADOG_APPLICATION_KEY; here the Secret {_SECRET} in this object's"
            " namespace has them, as api-key and app-key.",
            *place,
        )
        block: dict[str, Any] = {**({"address": address} if address else {}), "secretRef": {"name": _SECRET}}
        analysis |= {"query": query, "provider": {"datadog": block}}
    else:
        if address:
            remarks.say(f"address {address}: another endpoint is set for all of Okra, by AWS_ENDPOINT_URL.", *place)
        said: list[str] = []
        block = {**({"region": region} if region else {}), "metrics": metrics(_queries(query, metric), said.append)}
        analysis["provider"] = {"cloudWatch": block}
        for text in said:
            remarks.say(text, *place)
    if profile := metric.text("aws_profile"):
        remarks.say(
            f"aws_profile {profile}: Okra runs as one identity; provider.cloudWatch.roleARN is another.", *place
        )
    found.append({"name": name, "analysis": analysis})


def _query(metric: Fields) -> str:
    query = _TEMPLATE.sub("{{.Vars.targetGroupARN}}", metric.required("query"))
    if other := _OTHER.search(query):
        raise Unconvertible(
            metric.where("query"),
            f"{other[0]} has no counterpart: Okra has .Vars.targetGroupARN, and .Vars.loadBalancer, the name that"
            " CloudWatch's dimension LoadBalancer has",
        )
    return query


def _queries(query: str, metric: Fields) -> list[Fields]:
    try:
        parsed = json.loads(query)
    except ValueError as error:
        raise Unconvertible(metric.where("query"), f"is no JSON: {error}") from None
    if not isinstance(parsed, list):
        raise Unconvertible(metric.where("query"), "must be a JSON list of MetricDataQueries")
    return Fields({"query": lower_first(parsed)}, metric.path).each("query")
