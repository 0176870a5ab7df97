"""Argo Rollouts' conditions as Okra's: a bound where one says the same, else CEL over a single value.

There `result` is a list (Prometheus, CloudWatch); Okra takes an answer of one value apart itself, and has `onNoData`
for an answer without any. What isn't understood stays as it is, for the judgement of the whole object to find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NO_DATA = re.compile(r"^\s*(?:len\(\s*result\s*\)\s*==\s*0|isNaN\(\s*result(?:\[0\])?\s*\))\s*\|\|\s*")
_DEFAULT_ZERO = re.compile(r"default\(\s*(result[\w.\[\]]*)\s*,\s*0(?:\.0)?\s*\)")
_FIRST = re.compile(r"\bresult\[0\](?:\.[vV]alues\[0\])?")
_AS_FLOAT = re.compile(r"\basFloat\(")
_AS_INT = re.compile(r"\basInt\(")
_BOUND = re.compile(r"\s*result\s*(<=|>=|<|>)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*")
_BOUNDS = {"successCondition": {"<=": "max", ">=": "min"}, "failureCondition": {">": "max", "<": "min"}}
"""The comparisons that a bound is the same as: both let the bound itself pass."""


def judgement(given: Mapping[str, str]) -> dict[str, Any]:
    """The fields of `analysis` that say what successCondition, failureCondition or both said.

    Both stay conditions: a bound would judge what neither is true of, which is inconclusive.
    """
    conditions = {field: _in_cel(field, text) for field, text in given.items()}
    found: dict[str, Any] = {field: text for field, (text, _) in conditions.items()}
    if len(found) == 1:
        [(field, text)] = found.items()
        bound = _BOUND.fullmatch(text)
        if bound and (name := _BOUNDS[field].get(bound[1])):
            found = {name: float(bound[2]) if "." in bound[2] else int(bound[2])}
    no_data = {each for _, each in conditions.values()}
    if said := "Fail" if "Fail" in no_data else no_data.pop() if len(no_data) == 1 else "":
        found["onNoData"] = said
    return found


def _in_cel(field: str, text: str) -> tuple[str, str]:
    """The condition, and what it says of no data (`onNoData`, or nothing)."""
    no_data = ""
    if _DEFAULT_ZERO.search(text):
        text, no_data = _DEFAULT_ZERO.sub(r"\1", text), "Zero"
    if rest := _NO_DATA.match(text):
        text, no_data = text[rest.end() :], "Pass" if field == "successCondition" else "Fail"
    return _AS_INT.sub("int(", _AS_FLOAT.sub("double(", _FIRST.sub("result", text))).strip(), no_data
