"""Terraform's files, as the values that stand in them: HCL by `hcl2`, and what `terraform show -json` says.

Only values are taken: whatever Terraform would have to compute (a function, another resource's ARN) stays the
expression that it is, for `okra.convert.references` to find a value for.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.errors import Invalid

_BLOCK = "__is_block__"
_HEREDOC = re.compile(r"<<(-?)([A-Za-z][\w.-]*)\r?\n(.*?)\r?\n?[ \t]*\2\s*", re.DOTALL)
_BEGINS = re.compile(
    r'^\s*(?:(?:#|//).*\n\s*|/\*.*?\*/\s*)*(?:(?:resource|data|variable|provider|module|output)\s+"|(?:locals|terraform)\s*\{)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource and where it is written."""

    type: str
    name: str
    values: Mapping[str, Any]
    file: str
    line: int = 0
    index: str | int | None = None

    @property
    def address(self) -> str:
        at = "" if self.index is None else f"[{json.dumps(self.index)}]"
        return f"{self.type}.{self.name}{at}"


@dataclass(slots=True)
class Terraform:
    """All of the given files."""

    resources: list[Resource] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    locals: dict[str, Any] = field(default_factory=dict)
    state: list[Resource] = field(default_factory=list)
    """Of `terraform show -json`."""


def is_hcl(file: str, text: str) -> bool:
    return file.endswith((".tf", ".tfvars", ".hcl")) or _BEGINS.match(text) is not None


def is_state(text: str) -> bool:
    """Whether it is what `terraform show -json` prints."""
    if '"format_version"' not in text[:4096]:
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def add_hcl(found: Terraform, file: str, text: str) -> None:
    """Raises Invalid, with the line, when it can't be read."""
    parsed = _parsed(text)
    if file.endswith(".tfvars"):
        found.variables |= parsed
        return
    for block in parsed.get("variable", ()):
        for name, body in block.items():
            if isinstance(body, Mapping) and "default" in body:
                found.variables.setdefault(name, body["default"])
    for block in parsed.get("locals", ()):
        found.locals |= {name: value for name, value in block.items() if name != _BLOCK}
    found.resources += _resources(parsed.get("resource", ()), file, text)


def add_state(found: Terraform, file: str, text: str) -> None:
    state = json.loads(text)
    modules = [_map(_map(state.get("values") or state.get("planned_values")).get("root_module"))]
    while modules:
        module = modules.pop(0)
        modules += [_map(each) for each in _list(module.get("child_modules"))]
        for each in map(_map, _list(module.get("resources"))):
            values, index = _map(each.get("values")), each.get("index")
            resource = Resource(str(each.get("type")), str(each.get("name")), values, file, 0, index)
            if each.get("mode") == "data":
                found.data.setdefault(resource.type, {})[resource.name] = dict(values)
            else:
                found.state.append(resource)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def expression(text: str) -> Any:
    """What an HCL expression stands for, if it holds values only (the inside of `jsonencode(…)`)."""
    return _parsed(f"value = {text}\n").get("value")


def _parsed(text: str) -> dict[str, Any]:
    from hcl2 import SerializationOptions, loads
    from lark.exceptions import LarkError

    options = SerializationOptions(with_comments=False, strip_string_quotes=True)
    try:
        parsed: dict[str, Any] = _without_heredocs(loads(text, serialization_options=options))
    except (
        LarkError,
        RuntimeError,
    ) as error:  # RuntimeError: nested too deep, or a heredoc of a kind it can't take apart
        line = getattr(error, "line", 0)
        raise Invalid(f"{line if isinstance(line, int) and line > 0 else 1}:{_why(error)}") from None
    return parsed


def _why(error: Exception) -> str:
    """For people, and without a word of what stands there: it may be a secret."""
    if getattr(getattr(error, "token", None), "type", None) == "$END":
        return "it ends in the middle of something: is a brace, or a quotation mark, missing?"
    if column := getattr(error, "column", None):
        return f"what begins in column {column} can't stand there: correct it (`terraform validate` tells more)"
    return "it is nested too deep, or has a heredoc of a kind that isn't known here: correct it"


def _resources(blocks: Any, file: str, text: str) -> Iterator[Resource]:
    for block in blocks:
        for kind, named in block.items():
            if not isinstance(named, Mapping):
                continue
            for name, body in named.items():
                if isinstance(body, Mapping):
                    yield Resource(kind, name, _without_marks(body), file, _line(text, kind, name))


def _line(text: str, kind: str, name: str) -> int:
    found = re.search(rf'^\s*resource\s+"?{re.escape(kind)}"?\s+"?{re.escape(name)}"?', text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(each) for key, each in value.items() if key != _BLOCK}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value


def _without_heredocs(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_heredocs(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_heredocs(each) for each in value]
    if not isinstance(value, str) or (found := _HEREDOC.fullmatch(value)) is None:
        return value
    body = found[3] + "\n"
    return textwrap.dedent(body) if found[1] else body
