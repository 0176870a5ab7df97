"""Durations and int-or-percent: read, measured, written back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from okra.api.durations import Duration, Interval
from okra.api.quantities import IntOrPercent


class Holder(BaseModel):
    wait: Duration = Duration("0s")
    every: Interval = Duration("1s")
    healthy: IntOrPercent | None = None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("0s", 0),
        ("0", 0),
        ("2m", 120),
        ("1h0m0.25s", 3600.25),
        ("100us", 1e-4),
        ("100µs", 1e-4),
        ("7ns", 7e-9),
    ],
)
def test_a_go_duration_has_seconds(text: str, seconds: float) -> None:
    assert Duration(text).seconds == pytest.approx(seconds)
    assert Duration(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "1d", "-1s", "+1s", "1 s", "1s ", "1s\n", "1.s", ".5s", "1h30", "9" * 30 + "h", "9999999999s"],
)
def test_what_is_no_duration_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a duration such as|292 years"):
        Duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (10, "10s"), (90, "1m30s"), (3600, "1h"), (5400.5, "1h30m0.5s"), (0.25, "250ms"), (1.5, "1.5s")],
)
def test_seconds_are_written_as_people_write_them(seconds: float, text: str) -> None:
    assert Duration.of(seconds) == text


@given(st.integers(0, 10**12))
def test_a_duration_of_milliseconds_survives_writing(milliseconds: int) -> None:
    assert Duration.of(milliseconds / 1000).seconds == pytest.approx(milliseconds / 1000)


def test_a_duration_is_written_as_it_was_read() -> None:
    holder = Holder.model_validate({"wait": "90m"})
    assert isinstance(holder.wait, Duration)
    assert holder.model_dump(mode="json")["wait"] == "90m"


def test_an_interval_is_above_zero() -> None:
    with pytest.raises(ValidationError, match="longer than 0s"):
        Holder.model_validate({"every": "0ms"})


@pytest.mark.parametrize(
    ("written", "whole", "many"),
    [
        (2, 9, 2),
        ("50%", 3, 2),
        ("50%", 4, 2),
        ("1%", 3, 1),
        ("0%", 8, 1),
        ("100%", 3, 3),
        ("50%", 0, 1),
        ("33%", 2.5, 1),
    ],
)
def test_a_share_is_rounded_up_and_at_least_one(written: int | str, whole: float, many: int) -> None:
    holder = Holder.model_validate({"healthy": written})
    assert holder.healthy is not None
    assert holder.healthy.of(whole) == many
    assert holder.model_dump(mode="json")["healthy"] == written
    assert str(holder.healthy) == str(written)
    assert Holder.model_validate({"healthy": holder.healthy}) == holder


@pytest.mark.parametrize("written", [0, -1, "2", "101%", "-5%", "%", 1.5, 2.0, True, [], 10**10])
def test_what_is_neither_number_nor_percentage_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="must be a whole number from 1 or a percentage"):
        Holder.model_validate({"healthy": written})


def test_a_setting_may_give_the_number_as_text() -> None:
    assert IntOrPercent.parse("2") == IntOrPercent(2)
    assert IntOrPercent.parse("50%") == IntOrPercent(50, percent=True)
