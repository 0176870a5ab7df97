"""Do CEL conditions and JMESPath expressions compile? Their libraries are imported only when there is one to judge."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

NAMES = ("result", "stable")
"""What a condition may mention: this side's value, and stable's."""

_BOUND = re.compile(r"\b(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(\w+)\s*,")
"""Names that a macro binds (`result.all(x, …)`); the library counts them among the variables."""
_BANNER = re.compile(r"^.*?ERROR: <input>:\d+:(\d+): ", re.DOTALL)


def _condition(text: str) -> str:
    from cel import compile as compile_cel

    try:
        program = compile_cel(text)
    except ValueError as error:
        found = _BANNER.match(str(error))
        where = f" at column {found[1]}" if found else ""
        plain = (_BANNER.sub("", str(error)).splitlines() or [""])[0][:160]
        raise PydanticCustomError(
            "form", "is no CEL expression{where}: {plain}", {"where": where, "plain": plain}
        ) from None
    unknown = sorted(set(program.variables()) - {*NAMES, *_BOUND.findall(text)})
    if unknown:
        raise PydanticCustomError(
            "form",
            "{name} is unknown; a condition may mention {names}",
            {"name": unknown[0], "names": " and ".join(NAMES)},
        )
    return text


def _jmespath(text: str) -> str:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        plain = str(error).splitlines()[0][:160]
        raise PydanticCustomError("form", "is no JMESPath expression: {plain}", {"plain": plain}) from None
    except RecursionError:
        raise PydanticCustomError("form", "is nested too deep") from None
    return text


Condition = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_condition)]
"""A CEL expression over `result`."""
JMESPath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_jmespath)]
