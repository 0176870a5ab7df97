"""The arguments of AnalysisTemplates (`{{args.NAME}}`), which Okra has none of: their values are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from okra.convert.document import Unconvertible
from okra.convert.fields import Fields
from okra.convert.providers import SECRET

_ARGUMENT = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")


def default(argument: Fields) -> str | None:
    """None: whoever uses the template must give it. A Secret's value stays the reference that it is."""
    if "valueFrom" in argument:
        argument.take("valueFrom")
        return f"{{{{args.{argument.required('name')}}}}}"
    return argument.text("value")


def filled(value: Any, arguments: Mapping[str, str | None], path: str) -> Any:
    """The value with each `{{args.NAME}}` in it replaced."""
    if isinstance(value, dict):
        return {key: filled(each, arguments, f"{path}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, arguments, f"{path}[{index}]") for index, each in enumerate(value)]
    return _ARGUMENT.sub(lambda found: _value(found[1], arguments, path), value) if isinstance(value, str) else value


def _value(name: str, arguments: Mapping[str, str | None], path: str) -> str:
    if (value := arguments.get(name)) is None:
        raise Unconvertible(path, f"the argument {name} has no value: give it in the Cell's args, or the template's")
    if SECRET.fullmatch(value) and ".headers[" not in path:
        raise Unconvertible(path, f"the argument {name} comes from a Secret, which Okra puts into headers only")
    return value


def get(value: Any, *keys: str) -> Any:
    """Of a map, what it has under the first key that isn't empty; None of anything else."""
    key = next((each for each in keys if each), "")
    return value.get(key) if isinstance(value, dict) else None
