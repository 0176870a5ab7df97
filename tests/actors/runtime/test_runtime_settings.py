from random import Random

import pytest

from okra.actors.runtime import Backoff, Level, Policy, Timers
from okra.actors.runtime.mailbox import Mailbox


class Weather(Level):
    pass


class Tide(Level):
    pass


def test_by_default_a_level_message_coalesces_with_those_of_its_class() -> None:
    assert Weather().coalesce_key == Weather().coalesce_key
    assert Weather().coalesce_key != Tide().coalesce_key


def test_a_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Mailbox(0)


def test_a_timer_that_fires_without_pause_is_refused() -> None:
    with pytest.raises(ValueError, match="every 0 s"):
        Timers[str](Mailbox(1)).every("k", 0, "message")


@pytest.mark.parametrize(
    "settings",
    [{"initial": 0.0}, {"initial": 2.0, "cap": 1.0}, {"factor": 0.5}, {"jitter": -0.1}, {"jitter": 1.1}],
    ids=str,
)
def test_a_backoff_that_is_none_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a backoff"):
        Backoff(**settings)


def test_a_backoff_grows_to_its_cap_and_stays_there() -> None:
    backoff = Backoff(initial=1.0, factor=10.0, cap=50.0)
    assert [backoff.longest(attempt) for attempt in (1, 2, 3, 4, 10_000)] == [1.0, 10.0, 50.0, 50.0, 50.0]


def test_jitter_only_shortens() -> None:
    rng = Random(1)
    delays = [Backoff(initial=8.0, jitter=0.25).delay(1, rng) for _ in range(1000)]
    assert all(6.0 <= delay <= 8.0 for delay in delays)
    assert max(delays) - min(delays) > 1.9


def test_a_window_that_its_own_backoff_outlasts_is_refused() -> None:
    with pytest.raises(ValueError, match="5 restarts take 31 s of backoff: a window of 31 s"):
        Policy(window=31.0)
    assert Policy(window=31.5).max_restarts == 5
