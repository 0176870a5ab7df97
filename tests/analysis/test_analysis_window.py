"""The window holds whole, settled buckets, all from after the step; and if there is none yet, it says from when on."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from okra.analysis import NotReady, window_for
from okra.ports import Grain, Window

MINUTE = Grain(period=60.0, lag=120.0)
T = 1_800_000_000.0
"""A whole minute."""


def test_a_source_without_buckets_is_asked_about_everything_since_the_step() -> None:
    assert window_for(Grain(), now=T + 30, not_before=T) == Window(T, T + 30)


def test_no_window_reaches_further_back_than_its_length() -> None:
    assert window_for(Grain(), now=T + 1000, not_before=T, length=60) == Window(T + 940, T + 1000)
    assert window_for(Grain(), now=T + 1000, not_before=T) == Window(T + 700, T + 1000)


def test_nothing_is_measured_before_the_step() -> None:
    answer = window_for(Grain(), now=T - 5, not_before=T)
    assert isinstance(answer, NotReady)
    assert answer.ready_at == pytest.approx(T, abs=0.01)


def test_the_step_itself_is_no_span_of_time() -> None:
    assert isinstance(window_for(Grain(), now=T, not_before=T), NotReady)


def test_a_bucket_that_the_step_falls_into_does_not_count() -> None:
    assert window_for(MINUTE, now=T + 300, not_before=T + 1) == Window(T + 60, T + 180)
    assert window_for(MINUTE, now=T + 300, not_before=T) == Window(T, T + 180)


def test_a_bucket_that_is_not_complete_and_settled_does_not_count() -> None:
    assert window_for(MINUTE, now=T + 299, not_before=T) == Window(T, T + 120)


def test_without_a_whole_bucket_it_says_when_there_will_be_one() -> None:
    answer = window_for(MINUTE, now=T + 30, not_before=T + 1)
    assert isinstance(answer, NotReady)
    assert answer.ready_at == pytest.approx(T + 60 + 60 + 120, abs=0.01)


def test_a_query_that_looks_back_five_minutes_waits_until_those_are_all_after_the_step() -> None:
    grain = Grain(lookback=300.0)
    answer = window_for(grain, now=T + 60, not_before=T)
    assert isinstance(answer, NotReady)
    assert answer.ready_at == pytest.approx(T + 300, abs=0.01)
    assert window_for(grain, now=T + 300, not_before=T, length=60) == Window(T, T + 300)


def test_a_window_is_never_shorter_than_the_source_needs() -> None:
    assert window_for(MINUTE, now=T + 600, not_before=T, length=1) == Window(T + 420, T + 480)
    assert window_for(Grain(settle=30.0), now=T + 600, not_before=T, length=1) == Window(T + 570, T + 600)


def test_without_a_step_there_is_always_a_window() -> None:
    assert window_for(MINUTE, now=T, length=300) == Window(T - 420, T - 120)
    assert window_for(Grain(), now=T, length=300) == Window(T - 300, T)


GRAINS = st.builds(
    Grain,
    period=st.sampled_from([0.0, 1.0, 5.0, 20.0, 60.0, 300.0]),
    lag=st.sampled_from([0.0, 2.0, 60.0, 120.0]),
    lookback=st.floats(0, 3600),
    settle=st.sampled_from([0.0, 30.0, 120.0]),
)
TIMES = st.floats(1.5e9, 2.5e9)
LENGTHS = st.floats(0.1, 86_400)


@given(GRAINS, TIMES, st.floats(-100, 10_000), LENGTHS)
@example(Grain(period=60.0), T, 60.0, 60.0)
def test_every_window_is_after_the_step_whole_and_settled(
    grain: Grain, not_before: float, elapsed: float, length: float
) -> None:
    now = not_before + elapsed
    answer = window_for(grain, now=now, not_before=not_before, length=length)
    if isinstance(answer, NotReady):
        assert answer.ready_at > now - 0.01
        return
    assert not_before <= answer.start < answer.end <= now - grain.lag
    assert answer.end - answer.start >= max(grain.period, grain.lookback) - 1e-5
    if grain.period:
        assert answer.start % grain.period == 0
        assert answer.end % grain.period == 0


@given(GRAINS, TIMES, st.floats(-100, 10_000), LENGTHS)
def test_when_it_says_ready_it_is_ready(grain: Grain, not_before: float, elapsed: float, length: float) -> None:
    answer = window_for(grain, now=not_before + elapsed, not_before=not_before, length=length)
    if isinstance(answer, NotReady):
        again = window_for(grain, now=answer.ready_at, not_before=not_before, length=length)
        assert isinstance(again, Window)


@given(GRAINS, TIMES, LENGTHS)
def test_a_check_on_its_own_never_waits(grain: Grain, now: float, length: float) -> None:
    answer = window_for(grain, now=now, length=length)
    assert isinstance(answer, Window)
    assert answer.end <= now
