"""Is a value JSON at all, and of a sane size? What comes after may then take types and recursion for granted."""

from __future__ import annotations

import math
from collections.abc import Iterator

from okra.api.base import Loc
from okra.api.findings import Finding

MAX_DEPTH = 64
MAX_VALUES = 100_000
_INT64 = 2**63


def defects(obj: object) -> Iterator[Finding]:
    """What no JSON value of a sane size holds. Ends at the first that makes going on pointless."""
    pending: list[tuple[Loc, object]] = [((), obj)]
    count = 0
    while pending:
        count += 1
        if count > MAX_VALUES:
            yield Finding("", f"the object holds more than {MAX_VALUES} values")
            return
        loc, value = pending.pop()
        if len(loc) > MAX_DEPTH:
            yield Finding.at(loc[:4], f"is nested more than {MAX_DEPTH} deep")
            return
        match value:
            case dict():
                for key, each in value.items():
                    if not isinstance(key, str) or not _is_unicode(key):
                        yield Finding.at(loc, "has a key that is no string of valid Unicode")
                    else:
                        pending.append(((*loc, key), each))
            case list():
                pending.extend(((*loc, index), each) for index, each in enumerate(value))
            case _ if defect := _scalar_defect(value):
                yield Finding.at(loc, defect)


def _scalar_defect(value: object) -> str | None:
    match value:
        case str():
            return None if _is_unicode(value) else "is no valid Unicode"
        case bool() | None:
            return None
        case int():
            return None if -_INT64 <= value < _INT64 else "is a number too large for JSON's 64 bits"
        case float():
            return None if math.isfinite(value) else "must be a finite number"
        case _:
            return f"is no JSON value but a {type(value).__name__}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
