"""The rules of checks and of where their metrics come from, as CEL. Each says what `rules()` of the model says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from okra.api.check import CheckSpec
from okra.api.checks import Analysis, CellCheck
from okra.api.crd_rule import Rule, forbidden, only_one, required, unless
from okra.api.job import JobTemplate
from okra.api.provider import CloudWatch, MetricQuery, Provider, Web

_OWN_QUERY = "has(self.provider) && (has(self.provider.web) || has(self.provider.cloudWatch))"
_NO_SAMPLES = "has(self.provider) && (has(self.provider.web) || has(self.provider.prometheus))"
_JUDGEMENTS = ("max", "min", "successCondition", "failureCondition")
_PERIOD = "duration(self.period).getMilliseconds()"


def _at_most_count(name: str) -> Rule:
    return Rule(
        unless("has(self.count)", f"self.{name} <= self.count"),
        "must be at most count, or it can never be exceeded",
        f".{name}",
    )


RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    Analysis: (
        forbidden(
            unless(_OWN_QUERY, "!has(self.query)"),
            ".query",
            "has no use beside provider.web or provider.cloudWatch: they say what to ask",
        ),
        required(f"({_OWN_QUERY}) || has(self.query)", ".query", "is required: what to ask the metrics provider"),
        forbidden(
            unless("has(self.minSamples)", f"!({_NO_SAMPLES})"),
            ".minSamples",
            "needs provider datadog or cloudWatch, which count samples: remove it",
        ),
        required(
            unless("has(self.count) && self.count > 1", "has(self.interval)"),
            ".interval",
            "is required when count is above 1: the time between two measurements",
        ),
        _at_most_count("failureLimit"),
        _at_most_count("inconclusiveLimit"),
        Rule(
            " || ".join(f"has(self.{name})" for name in _JUDGEMENTS),
            "judges nothing: set max, min, successCondition or failureCondition",
        ),
        Rule(
            unless("has(self.max) && has(self.min)", "self.min <= self.max"),
            "is above max: nothing can pass",
            ".min",
        ),
    ),
    JobTemplate: (
        Rule(
            only_one("spec.image", "spec.containers"),
            "needs exactly one of image (short form) and containers (a pod's spec)",
            ".spec",
        ),
    ),
    CellCheck: (
        Rule(
            only_one("analysis", "job", "from"),
            "a check is exactly one of analysis, job, from",
        ),
    ),
    CheckSpec: (Rule(only_one("analysis", "job"), "a Check is exactly one of analysis and job"),),
    MetricQuery: (
        Rule(only_one("metric", "expression"), "needs exactly one of metric and expression"),
        required(
            unless("has(self.metric)", "has(self.stat) || has(self.expression)"),
            ".stat",
            "is required beside metric: Sum, Average, p99 …",
        ),
        *(
            forbidden(
                unless("has(self.expression) && !has(self.metric)", f"!has(self.{name})"),
                f".{name}",
                "belongs to a metric; an expression has none",
            )
            for name in ("stat", "fill")
        ),
        Rule(
            unless(
                "has(self.period)",
                f"({_PERIOD} in [1000, 5000, 10000, 20000, 30000] || ({_PERIOD} > 0 && {_PERIOD} % 60000 == 0))",
            ),
            "must be 1s, 5s, 10s, 20s, 30s or a multiple of 60s",
            ".period",
        ),
    ),
    CloudWatch: (
        Rule(
            "self.metrics.exists_one(each, has(each.returnData) && each.returnData)"
            " || (size(self.metrics) == 1 && !has(self.metrics[0].returnData))",
            "needs returnData: true on exactly one entry, the result",
            ".metrics",
        ),
    ),
    Web: (
        forbidden(
            unless("has(self.body)", "self.method != 'GET'"),
            ".body",
            "can't be sent with GET: set method to POST or PUT, or remove body",
        ),
    ),
    Provider: (
        Rule(
            only_one("datadog", "cloudWatch", "prometheus", "web"),
            "needs exactly one of datadog, cloudWatch, prometheus, web (an empty one is written `datadog: {}`)",
        ),
    ),
}
