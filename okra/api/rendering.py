"""Pydantic's errors as findings: one wording for all, and none that echoes a value of the wrong type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from okra.api.base import Loc
from okra.api.findings import Finding, did_you_mean, printable, remedy_for
from okra.api.schema_walk import Place, place_of

MAX_FINDINGS = 100
"""Nobody reads more, and an object may hold a hundred thousand mistakes."""

_KEY = "[key]"
"""How pydantic marks an error in a map's key."""


def findings_of(error: ValidationError, model: type[BaseModel]) -> list[Finding]:
    """One finding for each error, up to a limit; `model` is what was validated."""
    errors = error.errors(include_url=False)[:MAX_FINDINGS]
    places = {each["loc"] for each in errors}
    return [_finding(each, model) for each in errors if not _is_echo(each, places)]


def unknown_fields(error: ValidationError) -> set[Loc]:
    """Where the errors are that say no more than that a field is unknown."""
    return {each["loc"] for each in error.errors(include_url=False) if each["type"] == "extra_forbidden"}


def _is_echo(error: ErrorDetails, places: set[Loc]) -> bool:
    """Pydantic counts valid entries only: a list whose entries are all wrong is called empty as well."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(len(each) > len(loc) and each[: len(loc)] == loc for each in places)


def _finding(error: ErrorDetails, model: type[BaseModel]) -> Finding:
    loc: Loc = error["loc"]
    prefix = ""
    if loc and loc[-1] == _KEY:
        loc, prefix = loc[:-1], "the key "
    return Finding.at(loc, prefix + _message(error, place_of(model, loc)))


def _message(error: ErrorDetails, place: Place) -> str:
    render = _MESSAGES.get(error["type"])
    return render(error, place) if render else error["msg"]


def _unknown(_: ErrorDetails, place: Place) -> str:
    known = place.siblings
    if did_you_mean(place.name, known) is None and (homes := place.homes):
        return f"unknown field; it belongs under {' or '.join(homes)}"
    return f"unknown field; {remedy_for(place.name, known)}"


def _missing(_: ErrorDetails, place: Place) -> str:
    description = place.description.rstrip(".")
    if description[1:2].islower():
        description = description[0].lower() + description[1:]
    return f"is required: {description}" if description else "is required"


def _string(error: ErrorDetails, place: Place) -> str:
    given = error["input"]
    if place.is_duration:
        return f"must be a duration such as 500ms, 10s, 5m or 1h30m, not {_noun(given)}"
    if isinstance(given, int | float):
        return f"must be a string, not {_noun(given)}: put it in quotes"
    if isinstance(given, dict) and place.description == "" and (near := did_you_mean(place.name, place.siblings)):
        return f"must be a string, not a map; did you mean {near}?"
    return f"must be a string, not {_noun(given)}"


def _number(what: str) -> Callable[[ErrorDetails, Place], str]:
    def render(error: ErrorDetails, _: Place) -> str:
        given = error["input"]
        quoted = isinstance(given, str) and given.strip().lstrip("-").replace(".", "", 1).isdecimal()
        return f"must be {what}, not {_noun(given)}" + (": remove the quotes" if quoted else "")

    return render


def _integer(error: ErrorDetails, place: Place) -> str:
    given = error["input"]
    if isinstance(given, float):
        return "must be a whole number" + (", written without a point" if given.is_integer() else "")
    return _number("a whole number")(error, place)


def _typed(what: str) -> Callable[[ErrorDetails, Place], str]:
    return lambda error, _: f"must be {what}, not {_noun(error['input'])}"


def _enum(error: ErrorDetails, place: Place) -> str:
    given, values = error["input"], place.values
    wanted = f"must be {' or '.join(values)}" if len(values) < 3 else f"must be one of {', '.join(values)}"
    if not isinstance(given, str):
        return f"{wanted}, not {_noun(given)}"
    near = did_you_mean(given, values)
    return f"{wanted}, not {printable(given)!r}" + (f"; did you mean {near}?" if near else "")


def _bound(words: str, key: str) -> Callable[[ErrorDetails, Place], str]:
    def render(error: ErrorDetails, _: Place) -> str:
        given = error["input"]
        shown = f", not {given:g}" if isinstance(given, int | float) else ""
        return f"must be {words} {_context(error)[key]:g}{shown}"

    return render


def _too_long(error: ErrorDetails, _: Place) -> str:
    context = _context(error)
    return f"holds {context.get('actual_length') or 'too many'} entries; at most {context['max_length']}"


def _too_short(error: ErrorDetails, _: Place) -> str:
    return f"needs at least {_context(error)['min_length']}, and is empty"


def _context(error: ErrorDetails) -> Mapping[str, Any]:
    return error.get("ctx", {})


def _noun(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "a map"
        case _:
            return "a list"


_MESSAGES: Mapping[str, Callable[[ErrorDetails, Place], str]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "string_type": _string,
    "int_type": _integer,
    "float_type": _number("a number"),
    "finite_number": lambda *_: "must be a finite number",
    "bool_type": _typed("true or false"),
    "model_type": _typed("a map"),
    "dict_type": _typed("a map"),
    "tuple_type": _typed("a list (each item begins with '- ')"),
    "enum": _enum,
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "too_long": _too_long,
    "too_short": _too_short,
    "string_too_short": lambda *_: "must not be empty",
    "string_too_long": lambda error, _: f"must be at most {_context(error)['max_length']} characters long",
}
