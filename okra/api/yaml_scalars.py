"""YAML's scalars as kubectl reads them.

PyYAML's resolver follows YAML 1.1 to the letter, where `2026-11-20` is a date (kubectl: a string, and a fine version),
`1:30` is 90 and `1e-3` is a string.
"""

from __future__ import annotations

import re
from typing import Any

_CORE = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset(word for yes in ("true", "yes", "on") for word in (yes, yes.capitalize(), yes.upper()))
_FALSE = frozenset(word for no in ("false", "no", "off") for word in (no, no.capitalize(), no.upper()))
_INT = re.compile(r"[-+]?(?:0b[01][01_]*|0o?[0-7][0-7_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_INT64 = 2**63
_SPECIAL = {"inf": float("inf"), "+inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def resolve(text: str, tag: str | None, *, plain: bool) -> Any:
    """A scalar's value: plain ones are resolved, quoted ones are strings. ValueError for a tag of somebody's own."""
    if plain:
        return _plain(text)
    if tag is None or tag in ("!", _CORE + "str"):
        return text
    if tag in (_CORE + "int", _CORE + "float", _CORE + "bool", _CORE + "null"):
        return _plain(text)
    raise ValueError(f"the tag {tag[:60]} is not known here: remove it")


def _plain(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) <= 64:
        if _INT.fullmatch(text):
            return _integer(text.replace("_", ""))
        if _FLOAT.fullmatch(text):
            return _number(float(text.replace("_", "")))
        if text.lower().replace(".", "", 1) in _SPECIAL and "." in text:
            return _SPECIAL[text.lower().replace(".", "", 1)]
    return text


def _number(value: float) -> float | int:
    """kubectl sends JSON, in which Go writes 2.0 as 2."""
    return int(value) if value.is_integer() and abs(value) < _INT64 else value


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.lstrip("+"))
    if digits.startswith("0") and digits.isdecimal():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def key_of(scalar: object) -> str:
    """A map's key: always a string, as kubectl makes it."""
    match scalar:
        case str():
            return scalar
        case bool():
            return "true" if scalar else "false"
        case None:
            return "null"
        case _:
            return str(scalar)
