"""How what is refused is tried again."""

import random
from dataclasses import dataclass

from okra.actors.runtime.backoff import Backoff
from okra.actors.tries import Tries


@dataclass
class Hands:
    """A clock that a test sets."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def tries(jitter: float = 0.0) -> tuple[Tries, Hands]:
    hands = Hands()
    return Tries(hands, Backoff(initial=1.0, cap=30.0, jitter=jitter), random.Random(1)), hands


def waits(number: int, jitter: float = 0.0) -> list[float]:
    """Before each of so many tries, which all fail."""
    it, hands = tries(jitter)
    found = []
    for _ in range(number):
        it.failed("down")
        found.append(it.wait)
        hands.at += it.wait
    return found


def test_each_try_waits_longer_up_to_a_cap() -> None:
    assert waits(7) == [1, 2, 4, 8, 16, 30, 30]


def test_no_two_that_fail_together_keep_step() -> None:
    longest, some = waits(20), waits(20, jitter=0.5)
    assert all(most / 2 <= wait <= most for wait, most in zip(some, longest, strict=True))
    assert some != longest


def test_what_never_failed_waits_for_nothing() -> None:
    assert tries()[0].wait == 0


def test_who_tries_before_its_time_makes_nobody_wait_longer() -> None:
    it, hands = tries()
    it.failed("down")
    hands.at = 0.5
    it.failed("down")
    assert it.wait == 0.5
    hands.at = 1.0
    it.failed("down")
    assert it.wait == 2


def test_a_cause_is_said_once_until_it_is_over() -> None:
    it, hands = tries()
    assert it.failed("down")
    hands.at = 1.0
    assert not it.failed("down")
    assert it.failed("forbidden")
    assert not it.failed("down")
    it.succeeded()
    assert it.wait == 0
    assert it.failed("down")
    assert it.wait == 1


def test_in_a_hurry_it_is_tried_at_once_and_what_was_said_stays_said() -> None:
    it, _ = tries()
    it.failed("down")
    it.hurry()
    assert it.wait == 0
    assert not it.failed("down")


def test_causes_that_all_differ_are_not_kept_for_ever() -> None:
    it, _ = tries()
    said = [it.failed(f"down since {number}") for number in range(1000)]
    assert all(said)
    assert it.failed("down since 0")
