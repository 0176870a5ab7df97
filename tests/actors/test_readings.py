"""Two readings that are held against each other can't both be stale, however often somebody polls."""

from __future__ import annotations

import pytest

from okra.actors.readings import Streaks
from okra.rollout.observation import RouteReading
from okra.rollout.verify import STALE_FOR

KEY = "route"


def reading(at: float, weight: int = 1) -> RouteReading:
    return RouteReading("arn", at, {"old": weight, "new": 1})


def earlier_of(streaks: Streaks, *readings: RouteReading) -> list[float | None]:
    found = [streaks.earlier(KEY, each) for each in readings]
    return [each.began_at if each else None for each in found]


@pytest.mark.parametrize("poll", [0.1, 0.5, 1.0, 10.0])
def test_polling_often_still_brings_two_readings_that_are_far_enough_apart(poll: float) -> None:
    readings = [reading(number * poll) for number in range(int(4 * STALE_FOR / poll) + 2)]
    earlier = earlier_of(Streaks(), *readings)
    pairs = zip(readings, earlier, strict=True)
    apart = [new.began_at - old for new, old in pairs if old is not None and new.began_at >= STALE_FOR]
    assert apart
    assert all(STALE_FOR <= seconds < STALE_FOR + poll + 1e-9 or seconds == poll for seconds in apart)


def test_a_reading_that_shows_something_new_is_held_against_the_one_before_it() -> None:
    streaks = Streaks()
    found = earlier_of(streaks, *map(reading, (0, 1, 2, 3, 4)), reading(5, weight=9), reading(6, weight=9))
    assert found == [None, 0, 0, 0, 1, 4, 5]


def test_what_was_shown_before_something_else_is_no_agreement() -> None:
    streaks = Streaks()
    assert earlier_of(streaks, reading(0), reading(1, weight=9), reading(5)) == [None, 0, 1]


def test_a_route_that_is_nobodys_any_more_is_forgotten() -> None:
    streaks = Streaks()
    streaks.earlier(KEY, reading(0))
    streaks.keep(())
    assert streaks.earlier(KEY, reading(9)) is None
