"""Go's duration strings (`10s`, `1h30m`, `1.5h`, `500ms`), the form in which Kubernetes writes spans of time.

A duration stays the string that a person wrote, so that an object is written back as it was read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

PATTERN = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$"
MAX_LENGTH = 32
MOST_NANOSECONDS = 2**63 - 1
"""Go counts nanoseconds in 64 bits: 292 years."""

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
"""In nanoseconds."""
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_HINT = "must be a duration such as 500ms, 10s, 5m or 1h30m"


@lru_cache(maxsize=1024)
def _nanoseconds(text: str) -> int:
    """As Go has it: what is less than a nanosecond of a term is dropped."""
    if len(text) > MAX_LENGTH or re.fullmatch(PATTERN, text) is None:
        raise ValueError(_HINT)
    found = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in _TERM.findall(text))
    if found > MOST_NANOSECONDS:
        raise ValueError("is longer than 292 years, Go's longest duration")
    return found


class Duration(str):
    """A Go duration. ValueError from the constructor if it is none; never negative."""

    __slots__ = ()

    def __new__(cls, text: str) -> Duration:
        _nanoseconds(text)
        return super().__new__(cls, text)

    @property
    def seconds(self) -> float:
        return _nanoseconds(str(self)) / 1e9

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds; the rest is dropped, as CEL's getMilliseconds does."""
        return _nanoseconds(str(self)) // 10**6

    @classmethod
    def of(cls, seconds: float) -> Duration:
        """The usual spelling of a number of seconds, to the millisecond: 90 → `1m30s`."""
        total = round(seconds * 1000)
        hours, rest = divmod(total, 3_600_000)
        minutes, rest = divmod(rest, 60_000)
        whole, thousandths = divmod(rest, 1000)
        parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
        if thousandths:
            parts.append(
                f"{whole}.{thousandths:03}".rstrip("0") + "s" if whole or total >= 1000 else f"{thousandths}ms"
            )
        elif whole or not total:
            parts.append(f"{whole}s")
        return cls("".join(parts))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_read, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": PATTERN, "maxLength": MAX_LENGTH, **_rule(">=")}


def _read(text: str) -> Duration:
    try:
        return Duration(text)
    except ValueError as error:
        raise PydanticCustomError(
            "form", "{reason}, not {text}", {"reason": str(error), "text": repr(text[:40])}
        ) from None


def _rule(sign: str, message: str = f"{_HINT}, at most 292 years") -> dict[str, Any]:
    """The API server's CEL can't read what Go can't; the pattern alone would let 9999999h pass."""
    rule = {"rule": f"duration(self) {sign} duration('0s')", "message": message}
    return {"x-kubernetes-validations": [rule]}


class _Positive:
    """For what recurs: a loop without a pause would take a core for itself."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **_rule(">", "must be longer than 0s")}

    @staticmethod
    def _check(duration: Duration) -> Duration:
        if duration.seconds <= 0:
            raise PydanticCustomError("form", "must be longer than 0s")
        return duration


Interval = Annotated[Duration, _Positive()]
"""A duration above zero."""
