"""One answer, one measurement: bounds, conditions, no data, too little data, infinity, and what is no number."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis import AnalysisPolicy, Measurement, TooEarly, errored, judge
from okra.analysis.verdict import LONGEST_QUERY, LONGEST_VALUE
from okra.api.checks import OnNoData
from okra.errors import CredentialsInvalid, Throttled
from okra.ports import Reading
from okra.rollout.observation import Verdict

NAN, INF = float("nan"), float("inf")
P, F, U, E = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR


def judged(value: object, *, samples: int | None = None, **policy: Any) -> Measurement:
    return judge(AnalysisPolicy(**policy), Reading(value, "q", samples), at=100.0)


def compared(value: object, stable: object, **policy: Any) -> Measurement:
    return judge(AnalysisPolicy(**policy), Reading(value, "q"), at=100.0, stable=Reading(stable, "q"))


@pytest.mark.parametrize(
    ("value", "bounds", "verdict", "reason"),
    [
        (0.13, {"max": 0.1}, F, "0.13 > max 0.1"),
        (0.1, {"max": 0.1}, P, "0.1 is within max 0.1"),
        (0, {"max": 0}, P, "0 is within max 0"),
        (0.5, {"min": 0.9}, F, "0.5 < min 0.9"),
        (0.9, {"min": 0.9}, P, "0.9 is within min 0.9"),
        (5, {"min": 1, "max": 10}, P, "5 is within max 10 and min 1"),
        (11, {"min": 1, "max": 10}, F, "11 > max 10"),
        (0, {"min": 1, "max": 10}, F, "0 < min 1"),
        (-1, {"max": 0.1}, P, "-1 is within max 0.1"),
        (0.1000001, {"max": 0.1}, F, "0.1000001 > max 0.1"),
        (INF, {"max": 0.1}, F, "inf > max 0.1"),
        (-INF, {"min": 0.1}, F, "-inf < min 0.1"),
    ],
)
def test_bounds_are_inclusive_and_a_failure_says_by_how_much(
    value: float, bounds: dict[str, Any], verdict: Verdict, reason: str
) -> None:
    measurement = judged(value, **bounds)
    assert (measurement.verdict, measurement.reason) == (verdict, reason)


@pytest.mark.parametrize(("value", "bounds"), [(INF, {"min": 0.99}), (-INF, {"max": 0.1})])
def test_infinity_never_passes_bounds(value: float, bounds: dict[str, Any]) -> None:
    measurement = judged(value, **bounds)
    assert measurement.verdict is U
    assert "division by zero" in measurement.reason


def test_infinity_never_passes_a_condition() -> None:
    assert judged(INF, success_condition="result > 0.99").verdict is U
    assert judged(INF, failure_condition="result < 0.99").verdict is U
    assert judged(INF, success_condition="result < 0.99").verdict is F
    assert compared(1.0, INF, success_condition="result < stable").verdict is U


@pytest.mark.parametrize(
    ("success", "failure", "verdict"),
    [
        ("true", None, P),
        ("false", None, F),
        (None, "true", F),
        (None, "false", P),
        ("true", "false", P),
        ("false", "true", F),
        ("false", "false", U),
        ("true", "true", F),  # failure wins: what is known to be bad is not good as well
    ],
)
def test_conditions_decide_together(success: str | None, failure: str | None, verdict: Verdict) -> None:
    assert judged(1.0, success_condition=success, failure_condition=failure).verdict is verdict


def test_bounds_outrank_a_success_condition() -> None:
    assert judged(0.5, max=0.1, success_condition="true").verdict is F
    assert judged(0.05, max=0.1, success_condition="false").verdict is F
    assert judged(0.05, max=0.1, success_condition="true").verdict is P


@pytest.mark.parametrize("condition", ["result < 0.01", "result > 0.01 && result < 0.04"])
def test_a_condition_is_named_in_the_reason_with_the_value(condition: str) -> None:
    assert judged(0.05, success_condition=condition).reason == f"successCondition `{condition}` is false of result 0.05"
    assert compared(1, 2, failure_condition="result < stable").reason == (
        "failureCondition `result < stable` is true of result 1, stable 2"
    )


@pytest.mark.parametrize("missing", [None, NAN])
@pytest.mark.parametrize(
    ("on_no_data", "verdict", "reason"),
    [
        (OnNoData.INCONCLUSIVE, U, "no data"),
        (OnNoData.FAIL, F, "no data"),
        (OnNoData.PASS, P, "no data, which onNoData lets pass"),
        (OnNoData.ZERO, P, "0 is within max 0.1 (no data, counted as 0)"),
    ],
)
def test_no_data_is_what_the_check_says(
    missing: float | None, on_no_data: OnNoData, verdict: Verdict, reason: str
) -> None:
    measurement = judged(missing, max=0.1, on_no_data=on_no_data)
    assert (measurement.verdict, measurement.reason, measurement.value) == (verdict, reason, None)


def test_no_data_is_inconclusive_unless_the_check_says_otherwise() -> None:
    assert judged(None, max=0.1).verdict is U


def test_no_data_counted_as_zero_can_fail_a_minimum() -> None:
    measurement = judged(None, min=1.0, on_no_data=OnNoData.ZERO)
    assert (measurement.verdict, measurement.reason) == (F, "0 < min 1 (no data, counted as 0)")


def test_no_data_for_the_stable_side_is_no_data_for_the_comparison() -> None:
    measurement = compared(0.1, None, success_condition="result < stable")
    assert (measurement.verdict, measurement.reason, measurement.value) == (U, "no data for stable", 0.1)
    assert compared(None, None, success_condition="result < stable").reason == "no data"
    assert compared(0.1, None, failure_condition="result > stable", on_no_data=OnNoData.ZERO).verdict is F


def test_too_few_samples_mean_wait_not_pass_and_not_fail() -> None:
    measurement = judged(0.5, samples=3, max=0.1, min_samples=100.0)
    assert (measurement.verdict, measurement.reason) == (None, "3 of 100 samples")


def test_too_few_samples_of_the_stable_side_mean_wait_as_well() -> None:
    policy = AnalysisPolicy(success_condition="result < stable", min_samples=10.0)
    measurement = judge(policy, Reading(0.1, "q", 10), at=1.0, stable=Reading(0.2, "q", 9))
    assert (measurement.verdict, measurement.reason) == (None, "9 of 10 samples for stable")


def test_a_missing_error_count_is_zero_once_there_are_enough_requests() -> None:
    assert judged(None, samples=100, max=0.1, min_samples=100.0).verdict is P
    assert judged(NAN, samples=100, max=0.1, min_samples=100.0).verdict is P
    assert judged(None, samples=99, max=0.1, min_samples=100.0).verdict is None


def test_a_source_that_cannot_count_samples_is_an_error_not_a_wait() -> None:
    measurement = judged(0.0, samples=None, max=0.1, min_samples=1.0)
    assert measurement.verdict is E
    assert "minSamples" in measurement.reason


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "a truth value: true"),
        (False, "a truth value: false"),
        ("0.05", "text: 0.05"),
        ([0.05], "a JSON structure: [0.05]"),
        ({"rate": 0.05}, 'a JSON structure: {"rate": 0.05}'),
    ],
)
def test_bounds_need_a_number(value: object, kind: str) -> None:
    measurement = judged(value, max=0.1, min=-1.0)
    assert measurement.verdict is E
    assert measurement.reason == f"max and min need a number; the answer is {kind}"


def test_a_truth_value_can_be_judged_by_a_condition() -> None:
    assert judged(True, success_condition="result").verdict is P
    assert judged(False, success_condition="result").verdict is F
    assert judged(True, success_condition="result == true").verdict is P


def test_a_condition_that_cannot_be_evaluated_is_an_error() -> None:
    measurement = judged({"a": 1}, success_condition="result.b < 1.0")
    assert measurement.verdict is E
    assert "'b'" in measurement.reason


def test_what_is_kept_of_an_answer_is_short_and_json() -> None:
    measurement = judge(
        AnalysisPolicy(success_condition="size(result.items) > 0"),
        Reading({"items": ["x" * 1000]}, "q" * 9000),
        at=1.0,
    )
    assert isinstance(measurement.value, str)
    assert len(measurement.value) == LONGEST_VALUE
    assert measurement.value.endswith("…")
    assert len(measurement.query) == LONGEST_QUERY
    assert len(measurement.reason) < 400


@pytest.mark.parametrize("value", [INF, -INF, NAN, 0.1, None, True, "a", [1.0], {"a": None}, 10**400])
def test_what_is_kept_can_be_written_as_json(value: object) -> None:
    kept = judged(value, success_condition="result != null").value
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept


def test_a_measurement_keeps_when_and_what_was_asked() -> None:
    measurement = judged(0.05, max=0.1)
    assert (measurement.time, measurement.query, measurement.value) == (100.0, "q", 0.05)


@pytest.mark.parametrize(("verdict", "word"), [(P, "Passed"), (E, "Error"), (None, "Waiting")])
def test_a_measurement_is_written_to_status(verdict: Verdict | None, word: str) -> None:
    written = Measurement(verdict, 0.05, "why", 1_800_000_000.9, "q").as_result().model_dump(mode="json")
    assert written == {"value": 0.05, "time": "2027-01-15T08:00:00Z", "query": "q", "verdict": word, "reason": "why"}


def test_an_error_says_nothing_about_the_app() -> None:
    measurement = errored(Throttled("Datadog answered 429"), at=5.0, query="q")
    assert measurement == Measurement(E, None, "Throttled: Datadog answered 429", 5.0, "q")
    assert errored(CredentialsInvalid("no key"), at=5.0).verdict is E


def test_too_early_is_a_wait_not_an_error() -> None:
    assert errored(TooEarly("no sample yet"), at=5.0) == Measurement(None, None, "no sample yet", 5.0)


@given(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.floats()),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(OnNoData),
)
def test_what_passes_bounds_was_a_number_within_them(
    value: object, low: float | None, high: float | None, on_no_data: OnNoData
) -> None:
    if low is None and high is None:
        high = 1.0
    measurement = judged(value, min=low, max=high, on_no_data=on_no_data)
    if measurement.verdict is P and on_no_data not in (OnNoData.PASS, OnNoData.ZERO):
        assert isinstance(value, int | float)
        assert not isinstance(value, bool)
        assert math.isfinite(value)
        assert low is None or value >= low
        assert high is None or value <= high
