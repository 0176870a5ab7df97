"""From the API's analysis to what judges: every default decided, every problem named by its field."""

from __future__ import annotations

from typing import Any

import pytest

from okra.analysis import AnalysisPolicy, policy_from, problems
from okra.api.checks import Analysis, OnNoData
from okra.errors import Invalid

PROMETHEUS = {"prometheus": {"address": "http://prometheus:9090"}}


def analysis(**fields: Any) -> Analysis:
    return Analysis.model_validate({"query": "q", "provider": PROMETHEUS, "max": 0.1} | fields)


def test_inside_a_cell_a_series_is_one_measurement_and_has_an_interval() -> None:
    policy = policy_from(analysis(), in_cell=True)
    assert policy == AnalysisPolicy(max=0.1, interval=10.0, count=1, window=300.0)
    assert policy_from(analysis(interval="1m"), in_cell=True).count == 1


@pytest.mark.parametrize(
    ("fields", "interval", "count"),
    [
        ({}, None, 1),
        ({"interval": "30s"}, 30.0, None),
        ({"interval": "30s", "count": 5}, 30.0, 5),
        ({"count": 1}, None, 1),
    ],
)
def test_on_its_own_a_check_with_an_interval_runs_until_it_is_stopped(
    fields: dict[str, Any], interval: float | None, count: int | None
) -> None:
    policy = policy_from(analysis(**fields), in_cell=False)
    assert (policy.interval, policy.count) == (interval, count)


def test_every_field_is_taken_over() -> None:
    policy = policy_from(
        analysis(
            provider={"datadog": {}},
            interval="1m30s",
            count=7,
            min=0.01,
            successCondition="result < 0.5",
            failureCondition="result > 0.9",
            initialDelay="5s",
            window="10m",
            failureLimit=2,
            inconclusiveLimit=3,
            consecutiveErrorLimit=-1,
            onNoData="Zero",
            minSamples=100,
        ),
        in_cell=True,
        dry_run=True,
    )
    assert policy == AnalysisPolicy(
        max=0.1,
        min=0.01,
        success_condition="result < 0.5",
        failure_condition="result > 0.9",
        interval=90.0,
        count=7,
        initial_delay=5.0,
        window=600.0,
        failure_limit=2,
        inconclusive_limit=3,
        consecutive_error_limit=-1,
        on_no_data=OnNoData.ZERO,
        min_samples=100.0,
        dry_run=True,
    )


def test_a_check_compares_when_a_condition_mentions_the_stable_side() -> None:
    assert not policy_from(analysis(), in_cell=True).compares
    assert not policy_from(analysis(successCondition="result < 1.0"), in_cell=True).compares
    assert policy_from(analysis(failureCondition="result > stable"), in_cell=True).compares


def test_problems_are_found_before_anything_is_measured_each_with_its_field() -> None:
    bad = analysis(successCondition="result * 100 < 5", failureCondition="result.rate > 0.1")
    found = problems(bad, path="spec.checks[0].analysis")
    assert [problem.partition(": ")[0] for problem in found] == [
        "spec.checks[0].analysis.successCondition",
        "spec.checks[0].analysis.failureCondition",
    ]
    with pytest.raises(Invalid) as caught:
        policy_from(bad, in_cell=True, path="spec.checks[0].analysis")
    assert str(caught.value) == "; ".join(found)


def test_types_are_only_judged_when_the_answer_will_surely_be_a_number() -> None:
    condition = {"failureCondition": "result.rate > 0.1", "max": None}
    assert problems(analysis(**condition))
    assert not problems(analysis(**condition, provider={"web": {"url": "http://w"}}, query=None))
    assert not problems(analysis(**condition, provider=None))
