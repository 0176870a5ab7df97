"""Measurements add up to a verdict: limits, errors, waiting, dry runs, and when to measure next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis import AnalysisPolicy, Measurement, Series
from okra.rollout.observation import Verdict

P, F, U, E = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
W = None
"""Too little data."""

Outcome = Verdict | None


def begun(**policy: Any) -> Series:
    return Series(AnalysisPolicy(max=1.0, **policy), started_at=0.0)


def recorded(series: Series, outcomes: Iterable[Outcome], every: float = 10.0) -> Series:
    """The series after `outcomes`, one each `every` seconds, or as many of them as it takes until it is over."""
    for index, outcome in enumerate(outcomes, start=1):
        if series.verdict is not None:
            break
        series = series.record(Measurement(outcome, 0.5, f"reason {index}", index * every))
    return series


@pytest.mark.parametrize(
    ("policy", "outcomes", "verdict"),
    [
        # one measurement decides by default
        ({}, [P], P),
        ({}, [F], F),
        ({}, [U], U),
        ({}, [E], None),
        # count
        ({"count": 3, "interval": 10.0}, [P, P], None),
        ({"count": 3, "interval": 10.0}, [P, P, P], P),
        ({"count": 3, "interval": 10.0}, [P, P, F], F),
        ({"count": 3, "interval": 10.0}, [P, U], U),
        # limits are breached when exceeded
        ({"count": 3, "failure_limit": 1}, [F, P, P], P),
        ({"count": 3, "failure_limit": 1}, [F, P, F], F),
        ({"count": 3, "inconclusive_limit": 1}, [U, P, P], P),
        ({"count": 3, "inconclusive_limit": 1}, [U, U], U),
        ({"count": 4, "failure_limit": 1, "inconclusive_limit": 1}, [F, U, P, P], P),
        # errors don't count, the fifth in a row ends the series
        ({}, [E, E, E, E], None),
        ({}, [E, E, E, E, E], E),
        ({}, [E, E, E, E, P], P),
        ({"count": 2}, [E, E, E, E, P, E, E, E, E, P], P),
        ({"consecutive_error_limit": 0}, [E], E),
        # below 0 there is no limit
        ({"count": 3, "failure_limit": -1}, [F, F, P], P),
        ({"count": 3, "inconclusive_limit": -1}, [U, U, P], P),
        ({"consecutive_error_limit": -1}, [E] * 50, None),
        # a tolerated failure is never all the evidence there is
        ({"count": 3, "failure_limit": -1}, [F, F, F], F),
        ({"count": 2, "failure_limit": 2}, [F, F], F),
        ({"count": 2, "inconclusive_limit": 2}, [U, U], U),
        ({"count": 2, "inconclusive_limit": 1, "failure_limit": 1}, [U, F], F),
        # too little data doesn't count
        ({}, [W, W, W], None),
        ({}, [W, W, P], P),
        ({}, [W, F], F),
        ({"count": 2}, [W, P, W, P], P),
        # endless
        ({"count": None, "interval": 10.0}, [P] * 100, None),
        ({"count": None, "interval": 10.0}, [P] * 5 + [F], F),
        ({"count": None, "interval": 10.0, "failure_limit": 1}, [F, P, P, F], F),
        ({"count": None, "interval": 10.0}, [E] * 5, E),
    ],
)
def test_measurements_add_up_to_a_verdict(
    policy: dict[str, object], outcomes: list[Outcome], verdict: Verdict | None
) -> None:
    series = recorded(begun(**policy), outcomes)
    assert series.verdict is verdict
    assert series.found is verdict


def test_a_series_that_is_over_takes_no_more_measurements_and_does_not_change() -> None:
    series = recorded(begun(), [F])
    with pytest.raises(ValueError, match="over"):
        series.record(Measurement(P, 0.0, "", 20.0))
    assert series.verdict is F


@pytest.mark.parametrize(("outcomes", "found"), [([F], F), ([U], U), ([E] * 5, E), ([P], P), ([W] * 200, U)])
def test_a_dry_run_ends_as_passed_and_says_what_it_found(outcomes: list[Outcome], found: Verdict) -> None:
    series = recorded(begun(dry_run=True), outcomes)
    assert series.verdict is P
    assert series.found is found
    assert series.message.startswith(f"dry run, would be {found}: ")


def test_a_dry_run_is_not_over_before_it_is() -> None:
    assert recorded(begun(dry_run=True), [E]).verdict is None


def test_waiting_for_data_ends_inconclusive_not_passed() -> None:
    series = recorded(begun(wait_limit=60.0), [W] * 6)
    assert series.verdict is None
    series = series.record(Measurement(W, None, "3 of 100 samples", 70.0))
    assert series.verdict is U
    assert series.message == "too little data for 60 s: 3 of 100 samples"


def test_waiting_begins_anew_after_a_measurement_that_counts() -> None:
    series = recorded(begun(count=3, wait_limit=60.0), [W, W, W, W, P, W, W, W, W, W, P, P])
    assert series.verdict is P


def test_errors_do_not_hide_how_long_data_has_been_missing() -> None:
    assert recorded(begun(wait_limit=60.0), [W, E, W, E, W, E, W]).verdict is U


def test_an_answer_of_any_kind_ends_a_row_of_errors() -> None:
    assert recorded(begun(), [E, E, E, E, W, E, E, E, E]).verdict is None


@pytest.mark.parametrize(
    ("policy", "outcomes", "next_at"),
    [
        ({}, [], 0.0),
        ({"initial_delay": 90.0}, [], 90.0),
        ({"count": 2, "interval": 60.0}, [P], 70.0),
        ({"count": 2, "interval": 60.0}, [E], 20.0),
        ({"count": 2, "interval": 3.0}, [E], 13.0),
        ({"count": 2, "interval": 60.0}, [W], 70.0),
        ({}, [E], 20.0),
        ({}, [W], 20.0),
        ({}, [P], None),
    ],
)
def test_when_to_measure_next(policy: dict[str, object], outcomes: list[Outcome], next_at: float | None) -> None:
    assert recorded(begun(**policy), outcomes).next_at == next_at


@pytest.mark.parametrize(
    ("policy", "outcomes", "message"),
    [
        ({}, [], "not measured yet"),
        ({}, [F], "reason 1"),
        ({"count": 3}, [P, P], "measurement 2 of 3: reason 2"),
        ({"count": None, "interval": 1.0}, [P], "measurement 1: reason 1"),
        ({}, [E, E], "2 consecutive error(s): reason 2"),
        ({}, [W, W], "too little data for 10 s: reason 2"),
    ],
)
def test_the_message_says_how_far_it_is_or_why_it_ended(
    policy: dict[str, object], outcomes: list[Outcome], message: str
) -> None:
    assert recorded(begun(**policy), outcomes).message == message


def test_the_last_ten_results_are_kept() -> None:
    series = recorded(begun(count=None, interval=10.0), [P] * 25)
    assert [result.reason for result in series.results] == [f"reason {n}" for n in range(16, 26)]
    assert series.measured == 25


def test_last_passed_is_about_the_newest_measurement() -> None:
    series = begun(count=None, interval=10.0, failure_limit=-1)
    assert not series.last_passed
    assert recorded(series, [P]).last_passed
    assert not recorded(series, [P, F]).last_passed
    assert not recorded(series, [P, E]).last_passed
    assert not recorded(series, [P, W]).last_passed


OUTCOMES = st.lists(st.sampled_from([P, F, U, E, W]), max_size=30)
LIMIT = st.integers(-1, 3)
POLICIES = st.builds(
    AnalysisPolicy,
    max=st.just(1.0),
    interval=st.just(10.0),
    count=st.none() | st.integers(1, 6),
    failure_limit=LIMIT,
    inconclusive_limit=LIMIT,
    consecutive_error_limit=LIMIT,
    wait_limit=st.sampled_from([15.0, 60.0, 1800.0]),
)


@given(POLICIES, OUTCOMES)
def test_no_series_passes_without_a_measurement_that_passed(policy: AnalysisPolicy, outcomes: list[Outcome]) -> None:
    series = recorded(Series(policy, 0.0), outcomes)
    if series.found is P:
        assert series.passed > 0
        assert series.failed <= policy.failure_limit or policy.failure_limit < 0
        assert series.inconclusive <= policy.inconclusive_limit or policy.inconclusive_limit < 0
        assert series.measured == policy.count


@given(POLICIES, OUTCOMES)
def test_a_series_is_over_exactly_when_nothing_is_left_to_do(policy: AnalysisPolicy, outcomes: list[Outcome]) -> None:
    series = recorded(Series(policy, 0.0), outcomes)
    assert (series.next_at is None) is (series.verdict is not None)
    assert len(series.results) <= 10


@given(POLICIES, OUTCOMES)
def test_an_endless_series_never_passes(policy: AnalysisPolicy, outcomes: list[Outcome]) -> None:
    if policy.count is None:
        assert recorded(Series(policy, 0.0), outcomes).found is not P


@given(
    counted=st.lists(st.sampled_from([P, F, U]), min_size=1, max_size=6),
    limits=st.tuples(LIMIT, LIMIT),
    data=st.data(),
)
def test_whether_a_series_passes_does_not_depend_on_the_order(
    counted: list[Outcome], limits: tuple[int, int], data: st.DataObject
) -> None:
    policy = AnalysisPolicy(
        max=1.0, interval=10.0, count=len(counted), failure_limit=limits[0], inconclusive_limit=limits[1]
    )
    shuffled = data.draw(st.permutations(counted))
    one, other = (recorded(Series(policy, 0.0), outcomes).found for outcomes in (counted, shuffled))
    assert (one is P) is (other is P)
    if limits[0] < 0 or limits[1] < 0:
        assert one is other


@given(
    counted=st.lists(st.sampled_from([P, F, U]), min_size=1, max_size=6),
    noise=st.lists(st.lists(st.sampled_from([E, W]), max_size=4), min_size=6, max_size=6),
)
def test_errors_and_waits_within_their_limits_never_change_a_verdict(
    counted: list[Outcome], noise: list[list[Outcome]]
) -> None:
    policy = AnalysisPolicy(max=1.0, interval=10.0, count=len(counted), failure_limit=1, inconclusive_limit=1)
    noisy = [outcome for index, real in enumerate(counted) for outcome in (*noise[index], real)]
    assert recorded(Series(policy, 0.0), noisy).found is recorded(Series(policy, 0.0), counted).found
