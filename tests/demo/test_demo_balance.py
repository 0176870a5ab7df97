"""Where the requests go: exactly by the weights."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from okra.demo.balance import Balance, share_of


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 20), min_size=1).filter(lambda w: sum(w.values())))
def test_of_as_many_requests_as_the_weights_sum_up_to_each_group_gets_its_weight(weights: dict[str, int]) -> None:
    balance = Balance()
    balance.set(weights)
    for _ in range(3):
        picked = Counter(balance.pick() for _ in range(sum(weights.values())))
        assert picked == {arn: weight for arn, weight in weights.items() if weight}


def test_a_small_weight_is_spread_among_the_others() -> None:
    balance = Balance()
    balance.set({"a": 9, "b": 1})
    picked = [balance.pick() for _ in range(20)]
    assert abs(picked.index("b") - picked.index("b", picked.index("b") + 1)) == 10


def test_nothing_is_picked_where_nothing_has_weight() -> None:
    balance = Balance()
    assert balance.pick() is None
    balance.set({"a": 0})
    assert balance.pick() is None


def test_the_same_weights_again_do_not_begin_the_round_anew() -> None:
    balance = Balance()
    picked: Counter[str | None] = Counter()
    for _ in range(10):
        balance.set({"a": 9, "b": 1})
        picked[balance.pick()] += 1
    assert picked == {"a": 9, "b": 1}


def test_shares_are_of_the_whole_and_zero_of_nothing() -> None:
    assert share_of({"a": 3, "b": 1}, {"a"}) == 0.75
    assert share_of({"a": 0}, {"a"}) == 0.0
    assert share_of({}, {"a"}) == 0.0
