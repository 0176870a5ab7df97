"""CEL conditions: what they say, what is found wrong before the rollout, and what they may cost."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis.conditions import LONGEST, ConditionError, holds, mentions, problem_of, to_double
from okra.errors import Fatal, OkraError


@pytest.mark.parametrize(
    ("condition", "result", "expected"),
    [
        ("result < 0.1", 0.05, True),
        ("result < 0.1", 0.1, False),
        ("result < 1", 0.5, True),
        ("result == 5.0", 5, True),
        ("result.rate * 100.0 < 5.0", {"rate": 0}, True),
        ("result.all(x, x < 2.0)", [1, 1.5], True),
        ("result.status == 'ok' && !result.degraded", {"status": "ok", "degraded": False}, True),
        ("has(result.error)", {"errors": []}, False),
        ("result == null", None, True),
        ("result", True, True),
        ("result > 10", 2**70, True),
        ("result.deep.list[0].x < 1.0", {"deep": {"list": [{"x": 0}]}}, True),
    ],
)
def test_a_condition_is_judged_over_the_result(condition: str, result: object, expected: bool) -> None:
    assert holds(condition, {"result": result}) is expected


def test_a_condition_can_compare_both_sides() -> None:
    assert holds("result <= stable * 1.5", {"result": 0.2, "stable": 0.15})
    assert not holds("result <= stable * 1.5", {"result": 0.3, "stable": 0.15})


@pytest.mark.parametrize(
    ("condition", "result", "expected"),
    [
        ("result < 1.0", "0.5", "doesn't mix types"),
        ("result < 1.0", True, "doesn't mix types"),
        ("result * 100 < 5", 1.0, "write 100.0 for 100"),
        ("result.rate < 1.0", {"ratio": 1}, "the answer has no 'rate'"),
        ("result[3] < 1.0", [1], "index out of bounds"),
        ("result + 1.0", 1.0, "is float 2.0, not true or false"),
        ("int(result) / 0 < 1", 1.0, "division by zero"),
        ("result < stable", 1.0, "stable"),
    ],
)
def test_a_condition_without_an_answer_is_an_error_that_says_why(condition: str, result: object, expected: str) -> None:
    with pytest.raises(ConditionError, match=expected):
        holds(condition, {"result": result})


@pytest.mark.parametrize("condition", ["result < ", "", "result <", "(", '"', "result = 1", "result <<<", "?", "1 2"])
def test_what_does_not_compile_is_reported_in_one_line_with_its_place(condition: str) -> None:
    problem = problem_of(condition, numeric=False)
    assert problem is not None
    assert "\n" not in problem
    assert "column" in problem
    with pytest.raises(OkraError) as caught:
        holds(condition, {"result": 1.0})
    assert isinstance(caught.value, Fatal)


@pytest.mark.parametrize(
    ("condition", "numeric", "expected"),
    [
        ("reslut < 0.1", False, "`reslut` is unknown; a condition may mention result and stable"),
        ("result.all(x, y < 1.0)", False, "`y` is unknown"),
        ("result * 100 < 5", True, "write 100.0 for 100"),
        ("result.rate < 1.0", True, "result.rate"),
        ("result + 1.0", True, "not true or false"),
        ("isNaN(result)", True, "isNaN"),
        ("x" * (LONGEST + 1), False, f"at most {LONGEST}"),
        (f"[{'1,' * 60}1].all(a, [1].all(b, [1].all(c, true)))", False, "nests too many macros"),
    ],
)
def test_what_could_never_be_judged_is_found_before_the_rollout(condition: str, numeric: bool, expected: str) -> None:
    problem = problem_of(condition, numeric=numeric)
    assert problem is not None
    assert expected in problem


@pytest.mark.parametrize(
    ("condition", "numeric"),
    [
        ("result < 0.1", True),
        ("result < 1 && stable < 2.0", True),
        ("result.all(x, x.rate < 1.0)", False),
        ("result.rate * 100.0 < 5.0", False),
        ("result < 1.0".ljust(LONGEST), True),
    ],
)
def test_a_sound_condition_has_no_problem(condition: str, numeric: bool) -> None:
    assert problem_of(condition, numeric=numeric) is None


def test_a_condition_tells_which_sides_it_mentions() -> None:
    assert mentions("result < stable", "stable")
    assert not mentions("result < 1.0 && 'stable' != ''", "stable")


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("result.all(a, result.all(b, a <= b))", list(range(2_000))),
        ("result.exists(a, result.exists(b, result.exists(c, a + b + c < 0.0)))", list(range(100))),
        ("result.all(a, result.all(b, a <= b))", ["x" * 640] * 200),
    ],
)
def test_what_would_hold_the_event_loop_is_refused_for_no_more_than_what_is_allowed_costs(
    condition: str, result: object
) -> None:
    allowed = _cost("result.all(a, a >= 0.0)", [0] * 20_000)
    began = time.process_time()
    with pytest.raises(ConditionError, match="too many values"):
        holds(condition, {"result": result})
    assert time.process_time() - began < 10 * allowed


def test_a_loop_in_a_loop_is_allowed_as_many_values_as_one_loop() -> None:
    one, two = "result.all(a, a >= 0.0)", "result.all(a, result.all(b, a <= b))"
    assert _cost(two, [0] * 150) < 10 * _cost(one, [0] * 20_000)


def _cost(condition: str, result: object) -> float:
    """CPU seconds of the second time: the first one compiles it."""
    assert holds(condition, {"result": result})
    began = time.process_time()
    assert holds(condition, {"result": result})
    return time.process_time() - began


def test_an_answer_nested_without_end_is_refused() -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(ConditionError, match="deep or more; narrow it"):
        holds("result == 1.0", {"result": deep})


def test_long_texts_are_shortened_in_messages() -> None:
    with pytest.raises(ConditionError) as caught:
        holds("result == 1.0 || " + "result < 0.0 || " * 20 + "result", {"result": 5.0})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("number", "expected"), [(3, 3.0), (0.5, 0.5), (10**400, float("inf")), (-(10**400), float("-inf"))]
)
def test_every_json_number_becomes_a_double(number: float, expected: float) -> None:
    assert to_double(number) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=40) | st.sampled_from(["result", "result[0]", "result.a", "!result", "result in result"]), JSON)
def test_any_text_over_any_answer_is_true_false_or_a_condition_error(condition: str, result: object) -> None:
    with suppress(ConditionError):
        assert holds(condition, {"result": result}) in (True, False)
