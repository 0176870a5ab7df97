"""Shares as integers, and which groups fit on a route."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.rollout.guard import guard, rising
from okra.rollout.weights import Slots, divide, fair, integers, same_shares, seat, share_of, shares

OLD = ("a1", "a2", "a3", "a4")
NEW = ("b1", "b2", "b3", "b4")


@pytest.mark.parametrize(("total", "n_old", "n_new"), list(product((10, 100, 240, 250), (1, 2, 3, 4), (1, 2, 3, 4))))
def test_equal_sides_are_divided_exactly_up_to_a_total_weight_of_250(total: int, n_old: int, n_new: int) -> None:
    for p in range(1, total):
        weights = divide(Fraction(p, total), dict.fromkeys(OLD[:n_old], 7), NEW[:n_new], 999)
        assert share_of(weights, NEW) == Fraction(p, total)
        assert len({weights[arn] for arn in NEW[:n_new]}) == len({weights[arn] for arn in OLD[:n_old]}) == 1
        assert weights[NEW[0]] * (total - p) * n_new == weights[OLD[0]] * p * n_old


@given(
    st.fractions(min_value=0, max_value=1, max_denominator=100_000),
    st.lists(st.integers(0, 999), min_size=1, max_size=4).filter(any),
    st.integers(1, 4),
)
def test_every_division_is_in_range_and_loses_nobody(share: Fraction, old: list[int], new: int) -> None:
    stable = dict(zip(OLD, old, strict=False))
    weights = divide(share, stable, NEW[:new], 999)
    assert all(0 <= weight <= 999 for weight in weights.values())
    assert sum(weights.values()) > 0
    assert all(bool(weights[arn]) == (share > 0) for arn in NEW[:new])
    assert all(bool(weights[arn]) == bool(stable[arn] and share < 1) for arn in stable)
    assert abs(share_of(weights, NEW) - share) < Fraction(1, 100)


def test_the_stable_side_keeps_its_own_ratios() -> None:
    weights = divide(Fraction(1, 2), {"a1": 3, "a2": 1}, ("b1",), 999)
    assert weights == {"a1": 3, "a2": 1, "b1": 4}
    assert divide(Fraction(0), {"a1": 30, "a2": 10}, ("b1",), 999) == {"a1": 30, "a2": 10, "b1": 0}


def test_shares_of_nothing_are_nothing() -> None:
    assert shares({"a1": 0}) == {"a1": 0}
    assert share_of({}, ("a1",)) == 0
    assert integers({}, 999) == {}
    assert same_shares({"a1": 2, "b1": 0}, {"a1": 999})
    assert not same_shares({"a1": 1, "b1": 1}, {"a1": 1})


@pytest.mark.parametrize(("n", "replicas"), [(n, n) for n in (1, 2, 3, 4)])
@pytest.mark.parametrize("foreign", [0, 1])
def test_no_group_carries_more_than_one_part_of_replicas_and_five_places_are_enough(
    n: int, replicas: int, foreign: int
) -> None:
    """n + n groups on five places, with and without a foreign group at 0."""
    stable, places = dict.fromkeys(OLD[:n], 1), 5 - foreign
    before: Slots | None = None
    for p in range(1, 21):
        share = Fraction(p, 20)
        slots = seat(share, stable, NEW[:n], replicas, places)
        if slots is None:
            assert (n, foreign) == (4, 1)  # 4 + 4 + a foreign one: no room, and said so
            return
        assert len(slots.stable) + len(slots.canary) <= places
        weights = divide(share, dict.fromkeys(slots.stable, 1), slots.canary, 999)
        assert max(shares(weights).values()) <= Fraction(1, replicas)
        if before is not None:
            assert set(before.canary) <= set(slots.canary)
            assert set(slots.stable) <= set(before.stable)
        before = slots
    assert before == Slots(OLD[: min(n, places - n)], NEW[:n])


def test_as_many_old_groups_as_fit_stay_attached() -> None:
    assert seat(Fraction(1, 10), dict.fromkeys(OLD[:3], 1), NEW[:3], 3, 5) == Slots(OLD[:3], NEW[:2])
    assert seat(Fraction(1), dict.fromkeys(OLD[:3], 1), NEW[:3], 3, 5) == Slots(OLD[:2], NEW[:3])


def test_groups_without_traffic_leave_first() -> None:
    slots = seat(Fraction(1, 2), {"a1": 0, "a2": 1}, ("b1",), 1, 2)
    assert slots == Slots(("a2",), ("b1",))


def test_too_many_groups_have_no_seats() -> None:
    assert seat(Fraction(1), {"a1": 1}, ("b1", "b2", "b3"), 1, 2) is None
    assert seat(Fraction(1, 2), {"a1": 1}, ("b1",), 1, 1) is None


def test_nothing_is_fair_to_groups_that_carry_nothing() -> None:
    assert not fair(Fraction(1, 2), {"a1": 0, "a2": 1}, ("a1",), 2)
    assert fair(Fraction(1), {"a1": 0}, ("a1",), 2)


def test_the_guard_names_what_would_rise_unattached_or_unhealthy() -> None:
    before = {"a": 1, "b": 0}
    assert rising({"a": 90, "b": 10}, before) == ["b"]
    assert guard({"a": 90, "b": 10}, before, lambda arn: True) == []
    assert guard({"a": 90, "b": 10}, before, lambda arn: False) == ["b"]
    assert guard({"a": 1, "c": 1}, before, lambda arn: True) == ["c"]
    assert guard({"a": 5, "b": 0}, before, lambda arn: False) == []
