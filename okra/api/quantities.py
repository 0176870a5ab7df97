"""A count or a share: `2` or `50%`, as Kubernetes' int-or-string fields have it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_PERCENT = r"^([0-9]|[1-9][0-9]|100)%$"
_HINT = "must be a whole number from 1 or a percentage such as 50%"


@dataclass(frozen=True, slots=True)
class IntOrPercent:
    """`value` things, or `value` percent of them."""

    value: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str | int) -> IntOrPercent:
        """Read `2`, `"2"` or `"50%"`. ValueError for anything else, negative numbers and more than 100 %."""
        if found := re.fullmatch(_PERCENT, str(text)):
            return cls(int(found[1]), percent=True)
        if re.fullmatch(r"[0-9]{1,9}", str(text)) is None or int(text) < 1:
            raise ValueError(_HINT)
        return cls(int(text))

    def of(self, whole: float) -> int:
        """How many that is of `whole`: rounded up, at least 1."""
        return max(1, math.ceil(whole * self.value / 100) if self.percent else self.value)

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _read,
            serialization=core_schema.plain_serializer_function_ser_schema(_write),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "pattern": _PERCENT,
            "minimum": 1,
            "maximum": 999_999_999,
        }


def _read(value: object) -> IntOrPercent:
    if isinstance(value, IntOrPercent):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        number: str | int = value
    elif isinstance(value, str) and value.endswith("%"):
        number = value
    else:
        raise PydanticCustomError("form", _HINT)
    try:
        return IntOrPercent.parse(number)
    except ValueError:
        raise PydanticCustomError("form", _HINT) from None


def _write(value: IntOrPercent) -> int | str:
    return str(value) if value.percent else value.value
