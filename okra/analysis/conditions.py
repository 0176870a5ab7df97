"""Success and failure conditions in CEL, kept cheap enough for the event loop.

CEL has no loops, but its macros (`all`, `map`, …) nest, and a few of them over a large answer would hold the loop, and
with it every other Cell, for minutes. So the text is bounded, and so is the work it could do on a given answer.

Numbers become doubles, as CEL's own mapping of JSON does: otherwise the type of `result` would depend on whether a
server wrote `5` or `5.0`, and CEL never mixes the two in arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from okra.errors import Invalid

if TYPE_CHECKING:
    from cel import Program

LONGEST = 1024
"""Characters of one condition."""
MOST_WORK = 25_000
"""Upper bound of element visits in one evaluation: below 50 ms."""
DEEPEST = 32
"""Levels of a JSON answer."""
NAMES = ("result", "stable")
"""What a condition may mention: this side's value and, when it asks for both sides, stable's."""

_MACROS = re.compile(r"\b(?:all|exists|exists_one|existsOne|map|filter)\b")
_BOUND = re.compile(r"\b(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(\w+)\s*,")
_WHERE = re.compile(r"ERROR: <input>:(\d+):(\d+): ")
_EVALUATION_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


class ConditionError(Invalid):
    """A condition that can't be compiled, or that has no answer for this value. The message is for a person."""


def holds(condition: str, values: Mapping[str, Any]) -> bool:
    """Whether `condition` is true of `values` (JSON by name: `result`, maybe `stable`). Raises ConditionError."""
    visits = max(_size(value) for value in values.values())
    if _work(condition, visits) > MOST_WORK:
        raise ConditionError(f"`{_short(condition)}` would have to visit too many values; narrow the answer")
    answer = _evaluate(condition, {name: _as_cel(value) for name, value in values.items()})
    if not isinstance(answer, bool):
        raise ConditionError(f"`{_short(condition)}` is {type(answer).__name__} {str(answer)[:40]}, not true or false")
    return answer


def problem_of(condition: str, *, numeric: bool) -> str | None:
    """What is wrong with `condition` before anything was measured, or None.

    numeric: `result` will be a number, so that a trial run finds wrong types as well.
    """
    try:
        unknown = sorted(_variables(condition) - set(NAMES) - set(_BOUND.findall(condition)))
        if unknown:
            return f"`{unknown[0]}` is unknown; a condition may mention {' and '.join(NAMES)}"
        if _work(condition, 1) > MOST_WORK:
            return "it nests too many macros (all, exists, map, filter)"
        if numeric:
            holds(condition, dict.fromkeys(NAMES, 1.0))
    except ConditionError as error:
        return str(error)
    return None


def mentions(condition: str, name: str) -> bool:
    """Whether the condition uses the variable `name`. Raises ConditionError when it doesn't compile."""
    return name in _variables(condition)


def _variables(condition: str) -> set[str]:
    return set(_compiled(condition).variables())


@lru_cache(maxsize=1024)
def _compiled(condition: str) -> Program:
    from cel import compile as compile_cel  # its package costs 0.2 s to import, which `okra --help` must not pay

    if len(condition) > LONGEST:
        raise ConditionError(f"{len(condition)} characters; a condition has at most {LONGEST}")
    try:
        return compile_cel(condition)
    except ValueError as error:
        raise ConditionError(_plain(error)) from error


def _evaluate(condition: str, values: dict[str, Any]) -> object:
    program = _compiled(condition)
    try:
        return program.execute(values)
    except TypeError as error:
        hint = "CEL doesn't mix types: metrics are doubles, so write 100.0 for 100 in arithmetic"
        raise ConditionError(f"`{_short(condition)}`: {_plain(error)} ({hint})") from error
    except KeyError as error:
        raise ConditionError(f"`{_short(condition)}`: the answer has no {error}") from error
    except _EVALUATION_ERRORS as error:
        raise ConditionError(f"`{_short(condition)}`: {_plain(error)}") from error


def _as_cel(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() | float():
            return to_double(value)
        case list():
            return [_as_cel(item) for item in value]
        case dict():
            return {str(key): _as_cel(item) for key, item in value.items()}
        case _:
            return value


def to_double(value: float) -> float:
    """A JSON number as IEEE double; integers beyond its range become infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _size(value: Any) -> int:
    """How many values an evaluation might visit; long text counts by its length. Stops counting above MOST_WORK.

    Raises ConditionError if the answer is too deep.
    """
    count, level = 0, [value]
    for _ in range(DEEPEST):
        count += sum(1 + len(each) // 64 if isinstance(each, str) else 1 for each in level)
        if not level or count > MOST_WORK:
            return count
        level = [item for each in level if isinstance(each, list | dict) for item in _items(each)]
    raise ConditionError(f"the answer is nested {DEEPEST} deep or more; narrow it")


def _items(container: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return container if isinstance(container, list) else container.values()


def _work(condition: str, visits: int) -> int:
    """Upper bound: every macro nested in every other, each over the largest list there could be."""
    return int(max(visits, condition.count(",") + 1) ** min(8, max(1, len(_MACROS.findall(condition)))))


def _plain(error: Exception) -> str:
    """The library's message without its banner, its second line and its echo of the input."""
    text = str(error)
    where = _WHERE.search(text)
    text = text[where.end() :] if where else text.split(". CEL does not coerce")[0]
    column = f" at column {where[2]}" if where else ""
    return (text.splitlines() or [""])[0][:200] + column


def _short(condition: str) -> str:
    return condition if len(condition) <= 80 else condition[:77] + "…"
