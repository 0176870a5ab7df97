"""`{{.Vars.name}}` in a check's query and provider, filled in once per cluster, before the rollout. Pure.

Values come from tags, and whoever may tag a target group is not whoever wrote the check: a value must not be able to
end a string, open a selector or add a condition. So values are never expanded again and never escaped, but refused
when they hold anything that means something to a query language; in a URL they are percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any
from urllib.parse import quote

from okra.api.variables import VARIABLES
from okra.errors import Invalid

LONGEST_VALUE = 512

_PLACEHOLDER = re.compile(r"\{\{\s*\.Vars\.([A-Za-z][A-Za-z0-9]*)\s*\}\}")
_ACTION = re.compile(r"\{\{[^{}]*\}{0,2}")


class Place(Enum):
    """Where a value goes, as the characters that are harmless there."""

    QUERY = re.compile(r"[A-Za-z0-9 ._:/@+=-]+")
    """Inside a string of PromQL or CloudWatch, or a value of a dimension: every character an AWS tag may have."""
    DATADOG = re.compile(r"[A-Za-z0-9._:/@+=-]+")
    """A filter's value is not quoted there, so a space would begin `OR env:other`."""
    ARGUMENT = re.compile(r"(?!-.)[A-Za-z0-9._:/@+=-]+")
    """A word of a command, perhaps a shell's: nothing that a shell or Kubernetes' `$(NAME)` expands, no second word and
    no option."""
    URL = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9 ._:/@+=-]+")
    """Percent-encoded as a whole, so it stays within its part of the host, path or query; `..` alone would leave it."""


def variables_in(text: str) -> frozenset[str]:
    """The names of the variables that `text` uses. Raises Invalid for an action that is not `{{.Vars.name}}`."""
    literals = _PLACEHOLDER.split(text)[::2]
    for literal in literals:
        if action := _ACTION.search(literal):
            raise Invalid(f"`{action[0][:60]}` is not a variable; only {{{{.Vars.name}}}} can be filled in")
    return frozenset(_PLACEHOLDER.findall(text))


def render(text: str, variables: Mapping[str, str], place: Place = Place.QUERY) -> str:
    """`text` with every variable filled in. Raises Invalid for an unknown variable, or a value refused at `place`."""
    if unknown := sorted(variables_in(text) - variables.keys()):
        raise Invalid(_unknown(unknown[0], variables))
    return _PLACEHOLDER.sub(lambda found: _value(found[1], variables[found[1]], place), text)


def render_all(node: Any, variables: Mapping[str, str], place: Callable[[tuple[str, ...]], Place | None]) -> Any:
    """A JSON value with every text in it rendered (keys are left alone).

    place: where the text at a path of keys goes; None leaves it, and all below it, as it is. Raises Invalid with the
    path, as `provider.web.url: …`.
    """

    def walk(node: Any, path: tuple[str, ...]) -> Any:
        where = place(path)
        if where is None:
            return node
        match node:
            case str():
                try:
                    return render(node, variables, where)
                except Invalid as error:
                    raise Invalid(f"{'.'.join(path)}: {error}") from error
            case dict():
                return {key: walk(value, (*path, str(key))) for key, value in node.items()}
            case list():
                return [walk(value, (*path, str(index))) for index, value in enumerate(node)]
            case _:
                return node

    return walk(node, ())


def _value(name: str, value: str, place: Place) -> str:
    allowed: re.Pattern[str] = place.value
    if len(value) > LONGEST_VALUE:
        raise Invalid(f"the value of {name} has {len(value)} characters; at most {LONGEST_VALUE} can be filled in")
    if allowed.fullmatch(value) is None:
        harm = "what a command does" if place is Place.ARGUMENT else "what a query asks"
        problem = "is empty" if not value else f"holds {_culprit(allowed, value)}, which could change {harm}"
        raise Invalid(f"the value of {name} {problem}; change the tag it comes from, or don't use it in this check")
    return quote(value, safe="") if place is Place.URL else value


def _culprit(allowed: re.Pattern[str], value: str) -> str:
    return next((repr(char) for char in value if allowed.fullmatch(char) is None and char != "."), repr(value))


def _unknown(name: str, variables: Collection[str]) -> str:
    if name in VARIABLES:
        return f"variable {name} has no value here; this Cell gives {', '.join(sorted(variables)) or 'none'}"
    return f"unknown variable {name}; this Cell gives {', '.join(sorted(variables)) or 'none'}"
