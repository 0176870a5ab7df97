"""CloudWatch: the exact queries, whole settled buckets after the step, fills, and how many requests it rests on."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from okra.analysis import AnalysisPolicy, NotReady, TooEarly, judge, window_for
from okra.analysis.providers.cloudwatch import CloudWatchSource, metric_data_queries, with_fills
from okra.api.provider import CloudWatch
from okra.errors import AccessDenied, Invalid
from okra.ports import Account, Grain, MetricSeries, Window
from okra.rollout.observation import Verdict

T = 1_800_000_000.0
CELL = Account("us-east-1", "arn:aws:iam::123456789012:role/cell", "external-1")

ERRORS: dict[str, Any] = {
    "namespace": "AWS/ApplicationELB",
    "name": "HTTPCode_Target_5XX_Count",
    "dimensions": {"TargetGroup": "tg/a/1"},
}
REQUESTS: dict[str, Any] = {
    "namespace": "AWS/ApplicationELB",
    "name": "RequestCount",
    "dimensions": {"TargetGroup": "tg/a/1"},
}


@dataclass
class CloudWatchDouble:
    """GetMetricData over samples: sums per aligned period, a bucket without samples is not reported.

    `samples[metric name]` is (epoch seconds, value). Expressions answer what `math` says of them, as points.
    """

    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    math: dict[str, list[list[tuple[float, float]]]] = field(default_factory=dict)
    asked: list[tuple[Account, list[dict[str, Any]], float, float]] = field(default_factory=list)
    fault: Exception | None = None

    async def __call__(
        self, account: Account, queries: list[dict[str, Any]], start: float, end: float
    ) -> list[MetricSeries]:
        self.asked.append((account, queries, start, end))
        if self.fault:
            raise self.fault
        answer = []
        for query in (query for query in queries if query["ReturnData"]):
            if "Expression" in query:
                several = self.math.get(query["Id"], [[]])
                answer += [MetricSeries(query["Id"], f"{query['Id']} {n}", points) for n, points in enumerate(several)]
            else:
                answer.append(MetricSeries(query["Id"], "", self._sums(query["MetricStat"], start, end)))
        return answer

    def _sums(self, stat: dict[str, Any], start: float, end: float) -> list[tuple[float, float]]:
        buckets: dict[float, float] = defaultdict(float)
        for at, value in self.samples.get(stat["Metric"]["MetricName"], []):
            bucket = at // stat["Period"] * stat["Period"]
            if start <= bucket < end:
                buckets[bucket] += value
        return sorted(buckets.items())


def spec(*metrics: dict[str, Any], **more: Any) -> CloudWatch:
    return CloudWatch.model_validate({"metrics": list(metrics), **more})


def errors(**more: Any) -> dict[str, Any]:
    return {"id": "errors", "stat": "Sum", "period": "60s", "metric": ERRORS, **more}


def requests(**more: Any) -> dict[str, Any]:
    return {"id": "requests", "stat": "Sum", "period": "60s", "metric": REQUESTS, **more}


def source(double: CloudWatchDouble, *metrics: dict[str, Any], **more: Any) -> CloudWatchSource:
    return CloudWatchSource(spec(*metrics, **more), metric_data=double, account=CELL)


@pytest.fixture
def double() -> CloudWatchDouble:
    return CloudWatchDouble()


def test_the_queries_are_as_get_metric_data_takes_them() -> None:
    asked = metric_data_queries(
        spec(
            {
                "id": "m1",
                "stat": "p99",
                "metric": {
                    "namespace": "AWS/ApplicationELB",
                    "name": "RequestCount",
                    "dimensions": {"B": "2", "A": "1"},
                },
            },
            {"id": "m2", "stat": "Sum", "period": "5m", "fill": 0, "metric": {"namespace": "N", "name": "E"}},
            {"id": "rate", "expression": "m2/m1", "period": "5m", "returnData": True},
        )
    )
    assert asked == [
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": "RequestCount",
                    "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}],
                },
                "Period": 60,
                "Stat": "p99",
            },
            "ReturnData": False,
        },
        {
            "Id": "m2",
            "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": "E", "Dimensions": []},
                "Period": 300,
                "Stat": "Sum",
            },
            "ReturnData": False,
        },
        {"Id": "rate", "Expression": "FILL(m2,0)/m1", "Period": 300, "ReturnData": True},
    ]


def test_the_metric_that_counts_requests_is_returned_as_well() -> None:
    asked = metric_data_queries(
        spec(errors(fill=0), requests(), {"id": "rate", "expression": "errors/requests", "returnData": True})
    )
    assert [(query["Id"], query["ReturnData"]) for query in asked] == [
        ("errors", False),
        ("requests", True),
        ("rate", True),
    ]
    assert "Period" not in asked[2]


@pytest.mark.parametrize(
    ("expression", "filled"),
    [
        ("m1", "FILL(m1,0)"),
        ("m1/m2", "FILL(m1,0)/FILL(m2,1.5)"),
        ("FILL(m1,0)/m2", "FILL(m1,0)/FILL(m2,1.5)"),
        ("fill( m1 , REPEAT)", "fill( m1 , REPEAT)"),
        ("SUM([m1,m2])/m3", "SUM([FILL(m1,0),FILL(m2,1.5)])/m3"),
        ("m10 + m1x + xm1", "m10 + m1x + xm1"),
        ("IF(m1 > 5, m1, 0)", "IF(FILL(m1,0) > 5, FILL(m1,0), 0)"),
        ("SEARCH('{AWS/X} m1', 'Sum')", "SEARCH('{AWS/X} m1', 'Sum')"),
        ('METRICS("m1")', 'METRICS("m1")'),
        ("RATE(m1)*100", "RATE(FILL(m1,0))*100"),
    ],
)
def test_an_expression_fills_the_metrics_that_have_a_fill(expression: str, filled: str) -> None:
    assert with_fills(expression, {"m1": 0.0, "m2": 1.5}) == filled


async def test_only_whole_buckets_after_the_step_that_had_time_to_settle_count(double: CloudWatchDouble) -> None:
    asking = source(double, errors())
    double.samples[ERRORS["name"]] = [(T - 10, 1000), (T + 10, 100), (T + 70, 1), (T + 110, 2), (T + 130, 100)]
    assert isinstance(window_for(asking.grain, now=T + 239, not_before=T + 15), NotReady)
    window = window_for(asking.grain, now=T + 240, not_before=T + 15)
    assert window == Window(T + 60, T + 120)
    reading = await asking.measure(window)
    assert (reading.value, reading.samples) == (3.0, 1)
    assert double.asked[0][2:] == (T + 60, T + 120)
    assert json.loads(reading.query) == metric_data_queries(spec(errors()))


async def test_the_newest_bucket_is_the_value(double: CloudWatchDouble) -> None:
    double.samples[ERRORS["name"]] = [(T, 1), (T + 60, 2), (T + 120, 3)]
    reading = await source(double, errors()).measure(Window(T, T + 180))
    assert (reading.value, reading.samples) == (3.0, 3)


async def test_a_bucket_that_was_not_reported_is_the_fill_if_there_is_one(double: CloudWatchDouble) -> None:
    double.samples[ERRORS["name"]] = [(T, 7)]
    window = Window(T, T + 300)
    assert (await source(double, errors(fill=0)).measure(window)).value == 0.0
    assert (await source(double, errors()).measure(window)).value == 7.0
    assert (await source(double, errors(fill=5)).measure(Window(T, T + 60))).value == 7.0


async def test_no_data_points_are_no_data_but_soon_after_the_step_they_mean_wait(double: CloudWatchDouble) -> None:
    asking = source(double, errors())
    reading = await asking.measure(Window(T, T + 120))
    assert (reading.value, reading.samples) == (None, 0)
    with pytest.raises(TooEarly, match="no data point in the 60 s since the step"):
        await asking.measure(Window(T, T + 60))


async def test_nan_is_no_data_point(double: CloudWatchDouble) -> None:
    double.math["rate"] = [[(T, 0.5), (T + 60, math.nan)]]
    asking = source(double, errors(), {"id": "rate", "expression": "errors*1", "returnData": True})
    assert (await asking.measure(Window(T, T + 120))).value == 0.5


async def test_a_data_point_that_reaches_beyond_the_window_does_not_count(double: CloudWatchDouble) -> None:
    double.math["rate"] = [[(T - 1, 9.0), (T + 60, 0.5), (T + 61, 9.0), (T + 120, 9.0)]]
    asking = source(double, errors(), {"id": "rate", "expression": "errors*1", "returnData": True})
    reading = await asking.measure(Window(T, T + 120))
    assert (reading.value, reading.samples) == (0.5, 1)


async def test_a_missing_error_rate_is_zero_once_there_are_enough_requests(double: CloudWatchDouble) -> None:
    policy = AnalysisPolicy(max=0.1, min_samples=100.0)
    asking = source(double, errors(), requests(), {"id": "rate", "expression": "errors/requests", "returnData": True})
    double.samples[REQUESTS["name"]] = [(T + 1, 60), (T + 61, 39)]
    reading = await asking.measure(Window(T, T + 120))
    assert (reading.value, reading.samples) == (None, 99)
    assert judge(policy, reading, at=T).verdict is None
    double.samples[REQUESTS["name"]].append((T + 62, 1))
    measurement = judge(policy, await asking.measure(Window(T, T + 120)), at=T)
    assert (measurement.verdict, measurement.value) == (Verdict.PASSED, 0.0)


async def test_requests_without_errors_right_after_the_step_are_data(double: CloudWatchDouble) -> None:
    asking = source(double, errors(returnData=True), requests())
    double.samples[REQUESTS["name"]] = [(T + 1, 60)]
    reading = await asking.measure(Window(T, T + 60))
    assert (reading.value, reading.samples) == (None, 60)


@pytest.mark.parametrize(
    ("entry", "samples"),
    [
        ({"id": "samples", "stat": "Sum", "metric": {"namespace": "N", "name": "mine"}}, 5),
        ({"id": "x", "stat": "SampleCount", "metric": {"namespace": "N", "name": "mine"}}, 5),
        ({"id": "x", "stat": "Sum", "metric": {"namespace": "AWS/NetworkELB", "name": "NewFlowCount"}}, 7),
        ({"id": "x", "stat": "Average", "metric": {"namespace": "AWS/ApplicationELB", "name": "RequestCount"}}, 1),
        ({"id": "x", "stat": "Sum", "metric": {"namespace": "N", "name": "mine"}}, 1),
    ],
)
async def test_what_counts_the_samples(double: CloudWatchDouble, entry: dict[str, Any], samples: int) -> None:
    double.samples = {ERRORS["name"]: [(T, 1)], "mine": [(T, 2), (T + 61, 3)], "NewFlowCount": [(T, 7)]}
    reading = await source(double, errors(returnData=True), entry).measure(Window(T, T + 120))
    assert reading.samples == samples


async def test_an_entry_named_samples_outranks_a_metric_that_counts(double: CloudWatchDouble) -> None:
    double.samples = {REQUESTS["name"]: [(T, 100)], "mine": [(T, 2)]}
    mine = {"id": "samples", "stat": "Sum", "metric": {"namespace": "N", "name": "mine"}}
    reading = await source(double, requests(returnData=True), mine).measure(Window(T, T + 120))
    assert (reading.value, reading.samples) == (100.0, 2)


async def test_several_series_are_an_error(double: CloudWatchDouble) -> None:
    double.math["s"] = [[(T, 1.0)], [(T, 2.0)]]
    asking = source(double, {"id": "s", "expression": "SEARCH('{X}', 'Sum', 60)", "returnData": True})
    with pytest.raises(Invalid, match="s answers 2 series; ask for one"):
        await asking.measure(Window(T, T + 120))


async def test_a_series_that_is_missing_from_the_answer_is_no_data(double: CloudWatchDouble) -> None:
    double.math["s"] = []
    asking = source(double, {"id": "s", "expression": "m", "returnData": True})
    assert (await asking.measure(Window(T, T + 120))).value is None


async def test_errors_of_aws_are_passed_on(double: CloudWatchDouble) -> None:
    double.fault = AccessDenied("cloudwatch:GetMetricData is not allowed")
    with pytest.raises(AccessDenied):
        await source(double, errors()).measure(Window(T, T + 120))


@pytest.mark.parametrize(
    ("own", "account"),
    [
        ({}, CELL),
        ({"region": "eu-west-1"}, Account("eu-west-1", CELL.role_arn, CELL.external_id)),
        (
            {"roleARN": "arn:aws:iam::999999999999:role/metrics"},
            Account("us-east-1", "arn:aws:iam::999999999999:role/metrics", ""),
        ),
        ({"roleARN": CELL.role_arn}, CELL),
    ],
)
async def test_it_asks_as_the_cell_unless_the_check_says_otherwise(
    double: CloudWatchDouble, own: dict[str, Any], account: Account
) -> None:
    await source(double, errors(), **own).measure(Window(T, T + 120))
    assert double.asked[0][0] == account


@pytest.mark.parametrize(
    ("metrics", "grain"),
    [
        ([errors()], Grain(period=60.0, lag=120.0, settle=120.0)),
        ([errors(period="1s")], Grain(period=1.0, lag=2.0, settle=2.0)),
        ([errors(period="5m")], Grain(period=300.0, lag=120.0, settle=600.0)),
        (
            [errors(period="10s"), requests(), {"id": "e", "expression": "errors", "returnData": True}],
            Grain(period=60.0, lag=120.0, settle=120.0),
        ),
        ([{"id": "e", "expression": "SELECT 1", "period": "5m"}], Grain(period=300.0, lag=120.0, settle=600.0)),
        ([{"id": "e", "expression": "SELECT 1"}], Grain(period=60.0, lag=120.0, settle=120.0)),
    ],
)
async def test_a_window_holds_whole_buckets_of_the_longest_period(
    double: CloudWatchDouble, metrics: list[dict[str, Any]], grain: Grain
) -> None:
    asking = source(double, *metrics)
    assert asking.grain == grain
    assert repr(asking) in ("CloudWatchSource('errors')", "CloudWatchSource('e')")
    await asking.close()


async def test_a_shorter_period_than_the_windows_is_read_to_its_own_end(double: CloudWatchDouble) -> None:
    double.samples = {ERRORS["name"]: [(T + 50, 1), (T + 59, 4)]}
    asking = source(double, errors(period="10s", returnData=True), requests())
    assert (await asking.measure(Window(T, T + 60))).value == 5.0


def test_an_ambiguous_result_is_refused() -> None:
    ambiguous = CloudWatch.model_construct(metrics=spec(errors()).metrics * 2, region=None, role_arn=None)
    with pytest.raises(Invalid, match="set returnData: true on exactly one entry"):
        CloudWatchSource(ambiguous, metric_data=CloudWatchDouble(), account=CELL)


def test_an_elb_arn_as_a_dimension_is_sent_as_cloudwatch_names_it() -> None:
    """So that `{{.Vars.targetGroupARN}}` can stand where CloudWatch wants `targetgroup/name/id`."""
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
    dimensions = {
        "TargetGroup": f"{arn}targetgroup/web/1",
        "LoadBalancer": f"{arn}loadbalancer/app/web/2",
        "Other": "x",
    }
    metric = {"namespace": "AWS/ApplicationELB", "name": "RequestCount", "dimensions": dimensions}
    spec = CloudWatch.model_validate({"metrics": [{"id": "m1", "stat": "Sum", "metric": metric}]})
    (query,) = metric_data_queries(spec)
    found = {each["Name"]: each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]}
    assert found == {"TargetGroup": "targetgroup/web/1", "LoadBalancer": "app/web/2", "Other": "x"}
