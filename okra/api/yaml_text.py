"""Around PyYAML's parser: JSON made fit for it, and its errors made fit for people."""

from __future__ import annotations

import json
import re

import yaml

_TAB = "a tab can't indent: use spaces"
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_BEYOND_ASCII = re.compile(r"[^\t\n\r -~]")


def is_json(text: str) -> bool:
    """Whether the text is one JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def json_as_yaml(text: str) -> str:
    """JSON is almost YAML: but for tabs, halves of characters as escapes, and what only YAML takes for a line's end."""
    text = _PAIR.sub(lambda found: found[1] + json.loads(f'"{found[2]}"'), text.replace("\t", " "))
    return _BEYOND_ASCII.sub(lambda found: f"\\U{ord(found[0]):08x}", text)


def line_of(error: yaml.MarkedYAMLError, text: str) -> int:
    """Where the error is. What is missing at the end of the text is missing where it was begun."""
    mark = error.problem_mark
    if mark is None or (error.context_mark is not None and mark.line >= text.rstrip().count("\n") + 1):
        mark = error.context_mark
    return mark.line if mark else 0


def explain(error: yaml.MarkedYAMLError, text: str) -> str:
    """What the parser says, or better: what to do."""
    problem = error.problem or "unreadable"
    if "tab character" in problem:
        return _TAB
    if "cannot start any token" in problem and error.problem_mark is not None:
        line = [*text.splitlines(), ""][error.problem_mark.line]
        sign = line[error.problem_mark.column :][:1]
        return _TAB if sign == "\t" else f"a value that begins with {sign} belongs in quotes"
    return f"{problem} ({error.context})" if error.context else problem
