"""From one answer of a metric source to one measurement. Pure: no clock, no I/O.

Two rules that the peers lack. Infinity may fail a check but never passes one: it is a division by zero, not evidence.
Too little data is not a verdict at all: `Measurement.verdict` is None, and the series waits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from okra.analysis import conditions
from okra.analysis.policy import AnalysisPolicy
from okra.analysis.window import TooEarly
from okra.api.check import Result
from okra.api.checks import OnNoData
from okra.errors import OkraError
from okra.ports import Reading
from okra.rollout.observation import Verdict

LONGEST_VALUE = 200
LONGEST_QUERY = 2000
"""Characters kept of a value and of a query: results live in `status`."""
WAITING = "Waiting"

_NO_DATA = {OnNoData.FAIL: Verdict.FAILED, OnNoData.PASS: Verdict.PASSED, OnNoData.INCONCLUSIVE: Verdict.INCONCLUSIVE}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement and what it means."""

    verdict: Verdict | None
    """None: too little data to say anything, so it is measured again."""
    value: float | str | bool | None
    """A number; of other JSON its text, cut. None without data."""
    reason: str
    """One phrase for a person: `0.13 > max 0.1`."""
    time: float
    """When it was made, epoch seconds."""
    query: str = ""

    def as_result(self) -> Result:
        """As it stands in `status.analysis.results`; what waits for data has the verdict `Waiting`."""
        at = datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        verdict = WAITING if self.verdict is None else self.verdict.value
        return Result(value=self.value, time=at, query=self.query, verdict=verdict, reason=self.reason)


def judge(policy: AnalysisPolicy, reading: Reading, *, at: float, stable: Reading | None = None) -> Measurement:
    """Judge one reading, and stable's beside it when the policy compares both sides.

    Out of bounds or a true failure condition is Failed, whatever the success condition says. Otherwise a success
    condition decides: false is Failed, or Inconclusive when there is a failure condition as well. Otherwise Passed.
    """
    sides = {"result": reading} if stable is None else {"result": reading, "stable": stable}
    values = {name: _value(policy, side) for name, side in sides.items()}
    verdict, reason = _shortage(policy, sides) or _without_data(policy, values) or _with_data(policy, values)
    return Measurement(verdict, _shown(values["result"]), reason, at, reading.query[:LONGEST_QUERY])


def errored(error: OkraError, *, at: float, query: str = "") -> Measurement:
    """A measurement that could not be made, or not yet. It says nothing about the app."""
    if isinstance(error, TooEarly):
        return Measurement(None, None, str(error), at, query[:LONGEST_QUERY])
    return Measurement(Verdict.ERROR, None, f"{error.reason}: {error}", at, query[:LONGEST_QUERY])


def _value(policy: AnalysisPolicy, side: Reading) -> Any:
    """The value to judge, or None for no data. With enough samples nothing found means that nothing happened: 0."""
    value = conditions.to_double(side.value) if _is_number(side.value) else side.value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None if policy.min_samples is None else 0.0
    return value


def _shortage(policy: AnalysisPolicy, sides: Mapping[str, Reading]) -> tuple[Verdict | None, str] | None:
    if policy.min_samples is None:
        return None
    for name, side in sides.items():
        if side.samples is None:
            return Verdict.ERROR, "the source can't say on how many samples its answer rests, as minSamples needs"
        if side.samples < policy.min_samples:
            return None, f"{side.samples} of {policy.min_samples:g} samples" + (" for stable" * (name == "stable"))
    return None


def _without_data(policy: AnalysisPolicy, values: Mapping[str, Any]) -> tuple[Verdict, str] | None:
    missing = [name for name, value in values.items() if value is None]
    if not missing or policy.on_no_data is OnNoData.ZERO:
        return None
    reason = "no data" if "result" in missing else "no data for stable"
    if policy.on_no_data is OnNoData.PASS:
        reason += ", which onNoData lets pass"
    return _NO_DATA[policy.on_no_data], reason


def _with_data(policy: AnalysisPolicy, values: Mapping[str, Any]) -> tuple[Verdict, str]:
    """Judge by bounds, then by conditions. A value still missing counts as 0 (`onNoData: Zero`)."""
    counted = {name: 0.0 if value is None else value for name, value in values.items()}
    note = "" if None not in values.values() else " (no data, counted as 0)"
    try:
        verdict, reason = _by_bounds(policy, counted["result"]) or _by_conditions(policy, counted)
    except conditions.ConditionError as error:
        return Verdict.ERROR, str(error)
    if verdict is Verdict.PASSED and any(_is_number(value) and math.isinf(value) for value in counted.values()):
        return Verdict.INCONCLUSIVE, "infinite, as after a division by zero, which is no evidence that all is well"
    return verdict, reason + note


def _by_bounds(policy: AnalysisPolicy, value: Any) -> tuple[Verdict, str] | None:
    if policy.max is None and policy.min is None:
        return None
    if not _is_number(value):
        kind = "a truth value" if isinstance(value, bool) else "text" if isinstance(value, str) else "a JSON structure"
        return Verdict.ERROR, f"max and min need a number; the answer is {kind}: {_text(value)}"
    if policy.max is not None and value > policy.max:
        return Verdict.FAILED, f"{_text(value)} > max {_text(policy.max)}"
    if policy.min is not None and value < policy.min:
        return Verdict.FAILED, f"{_text(value)} < min {_text(policy.min)}"
    return None


def _by_conditions(policy: AnalysisPolicy, values: Mapping[str, Any]) -> tuple[Verdict, str]:
    success, failure = policy.success_condition, policy.failure_condition
    found = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    if failure and conditions.holds(failure, values):
        return Verdict.FAILED, f"failureCondition `{failure}` is true of {found}"
    if success and conditions.holds(success, values):
        return Verdict.PASSED, f"successCondition `{success}` is true of {found}"
    if success and failure:
        return Verdict.INCONCLUSIVE, f"neither successCondition nor failureCondition is true of {found}"
    if success:
        return Verdict.FAILED, f"successCondition `{success}` is false of {found}"
    if failure:
        return Verdict.PASSED, f"failureCondition `{failure}` is false of {found}"
    bounds = {"max": policy.max, "min": policy.min}
    within = " and ".join(f"{name} {_text(bound)}" for name, bound in bounds.items() if bound is not None)
    return Verdict.PASSED, f"{_text(values['result'])} is within {within}"


def _is_number(value: Any) -> TypeGuard[float]:
    """True and false are not numbers here, whatever Python says."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> float | str | bool | None:
    """What is kept of a value: numbers as they are, all else, and what JSON has no number for, as text."""
    plain = value is None or isinstance(value, bool) or (_is_number(value) and math.isfinite(value))
    return value if plain else _text(value)


def _text(value: Any) -> str:
    """A value for people: a number without digits that only its binary form has, JSON as JSON, all of it short."""
    if _is_number(value):
        return f"{value:.10g}"
    text = value if isinstance(value, str) else _beginning(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _beginning(value: Any) -> str:
    """JSON, piece by piece and no further than it is shown: an answer may be a megabyte."""
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece[: LONGEST_VALUE + 1]
        if len(text) > LONGEST_VALUE:
            break
    return text
