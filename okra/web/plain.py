"""What the actors know, as JSON. A field that its dataclass keeps out of `repr` (what AWS sent, verbatim) stays out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Any

from aiohttp import web

from okra.api.selectors import Selector


def as_json(value: Any, *, status: int = 200) -> web.Response:
    text = json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n"
    body = text.encode(errors="backslashreplace")  # half a surrogate pair in somebody's text breaks no page
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def plain(value: Any) -> Any:
    """Dataclasses, enums and fractions as JSON. Of a type that isn't known here only its name is shown.

    A selector stands there as its `matches`: it is written as a person writes it.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr}
    if isinstance(selector := getattr(value, "__self__", None), Selector):
        return str(selector) or "everything"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else f"<{type(value).__name__}>"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(plain(key), ensure_ascii=False)
