"""GetMetricData: series, pages, labels, and queries that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from okra.aws.cloudwatch import _series
from okra.aws.facade import Aws, open_aws
from okra.errors import AccessDenied, Invalid, Unavailable
from okra.ports import Account, MetricSeries
from okra.testing.aws_world import AwsWorld
from okra.testing.moto_server import MotoServer
from tests.aws.conftest import TIMEOUTS, SystemClock
from tests.support.aws import point_sdk_at

START = 1_700_000_040.0 // 60 * 60
HERE = Account()


def query(id: str, name: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "Okra", "MetricName": name, "Dimensions": [{"Name": "TargetGroup", "Value": "tg"}]}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **more}


def publish(world: AwsWorld, name: str, *values: float, group: str = "tg") -> None:
    """One value a minute."""
    for minute, value in enumerate(values):
        world.put_metric("Okra", name, value, dimensions={"TargetGroup": group}, at=START + 60 * minute + 10)


async def test_a_series_has_its_points_oldest_first_at_the_start_of_their_periods(
    aws: Aws, aws_world: AwsWorld
) -> None:
    publish(aws_world, "requests", 1.0, 2.0, 3.0)
    publish(aws_world, "requests", 100.0, group="another")
    (series,) = await aws.metric_data(HERE, [query("m1", "requests")], START, START + 180)
    assert series == MetricSeries("m1", "requests Sum", [(START, 1.0), (START + 60, 2.0), (START + 120, 3.0)])


async def test_the_end_of_a_window_is_not_part_of_it(aws: Aws, aws_world: AwsWorld) -> None:
    publish(aws_world, "requests", 1.0, 2.0)
    (series,) = await aws.metric_data(HERE, [query("m1", "requests")], START, START + 60)
    assert series.points == [(START, 1.0)]


async def test_a_query_without_data_is_a_series_without_points(aws: Aws, aws_world: AwsWorld) -> None:
    (series,) = await aws.metric_data(HERE, [query("m1", "nothing")], START, START + 60)
    assert (series.id, series.points) == ("m1", [])


async def test_expressions_are_answered_by_cloudwatch(aws: Aws, aws_world: AwsWorld) -> None:
    publish(aws_world, "requests", 100.0, 200.0)
    publish(aws_world, "errors", 5.0)
    queries = [
        query("m1", "requests", ReturnData=False),
        query("m2", "errors", ReturnData=False),
        {"Id": "rate", "Expression": "FILL(m2,0)/m1", "Label": "error rate"},
    ]
    (series,) = await aws.metric_data(HERE, queries, START, START + 120)
    assert series == MetricSeries("rate", "error rate", [(START, 0.05), (START + 60, 0.0)])


@pytest.mark.parametrize("expression", ["m1 +", "nothing * 2", "SEARCH('{Okra} requests', 'Sum', 60)"])
async def test_a_wrong_query_is_invalid_not_unavailable(aws: Aws, aws_world: AwsWorld, expression: str) -> None:
    with pytest.raises(Invalid):
        await aws.metric_data(HERE, [query("m1", "requests"), {"Id": "e", "Expression": expression}], START, START + 60)


async def test_more_queries_than_one_call_takes_are_refused(aws: Aws) -> None:
    with pytest.raises(Invalid, match="500"):
        await aws.metric_data(HERE, [query(f"m{number}", "x") for number in range(501)], START, START + 60)


@pytest.fixture(scope="module")
def small_pages() -> Iterator[MotoServer]:
    with MotoServer(page_size=3) as server:
        yield server


async def test_points_from_every_page_join_their_series(
    small_pages: MotoServer, monkeypatch: pytest.MonkeyPatch, world_may_block: None
) -> None:
    environ: Mapping[str, str] = point_sdk_at(monkeypatch, small_pages.url)
    with AwsWorld(small_pages.url) as world:
        publish(world, "a", 1.0, 2.0, 3.0, 4.0, 5.0)
        publish(world, "b", 6.0, 7.0)
    async with open_aws(clock=SystemClock(), environ=environ, timeouts=TIMEOUTS) as aws:
        a, b = await aws.metric_data(HERE, [query("a", "a"), query("b", "b")], START, START + 300)
    assert [value for _, value in a.points] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [value for _, value in b.points] == [6.0, 7.0]


def result(id: str, label: str, status: str = "Complete", **more: Any) -> dict[str, Any]:
    return {"Id": id, "Label": label, "Timestamps": [], "Values": [], "StatusCode": status, **more}


def test_one_query_may_answer_several_series() -> None:
    at = datetime.fromtimestamp(START, UTC)
    found = _series(
        [
            result("e", "one", Timestamps=[at], Values=[1.0]),
            result("e", "two", Timestamps=[at], Values=[2]),
        ]
    )
    assert found == [MetricSeries("e", "one", [(START, 1.0)]), MetricSeries("e", "two", [(START, 2.0)])]


@pytest.mark.parametrize(("status", "kind"), [("Forbidden", AccessDenied), ("InternalError", Unavailable)])
def test_a_query_that_fails_by_itself_fails_the_measurement(status: str, kind: type[Exception]) -> None:
    messages = [{"Code": "X", "Value": "because"}]
    with pytest.raises(kind, match="because"):
        _series([result("m1", "m", status, Messages=messages)])
