"""What Terraform's references stand for, as far as the given files say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from okra.convert.document import Unconvertible
from okra.convert.hcl import Resource, Terraform, expression
from okra.errors import Invalid

_DEEPEST = 16
_JSONENCODE = re.compile(r"\s*jsonencode\((.*)\)\s*", re.DOTALL)
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[\"[^\"]*\"\]|\[[0-9]+\])*")
_PART = re.compile(r"\[\"([^\"]*)\"\]|\[([0-9]+)\]|([\w-]+)")
_ABSENT = object()


class References:
    """Looks references up: what a person gave for them, variables, locals, resources."""

    def __init__(self, found: Terraform, given: Mapping[str, str]) -> None:
        self._given = {_plain(name): value for name, value in given.items()}
        self._tree: dict[str, Any] = {"var": found.variables, "local": found.locals, "data": found.data}
        for resource in (*found.state, *found.resources):
            self._put(resource)

    def _put(self, resource: Resource) -> None:
        named = self._tree.setdefault(resource.type, {})
        if resource.index is None:
            named[resource.name] = {**named.get(resource.name, {}), **resource.values}
        else:
            named.setdefault(resource.name, {})[str(resource.index)] = resource.values

    def resolved(self, value: Any, path: str, depth: int = 0) -> Any:
        """The value with every reference replaced. Raises Unconvertible for one that nothing is known of."""
        if isinstance(value, dict):
            return {key: self.resolved(each, f"{path}.{key}", depth) for key, each in value.items()}
        if isinstance(value, list):
            return [self.resolved(each, f"{path}[{index}]", depth) for index, each in enumerate(value)]
        return self._text(value, path, depth) if isinstance(value, str) else value

    def _text(self, text: str, path: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise Unconvertible(path, f"{text} refers to itself")
        parts = list(_parts(text))
        if len(parts) == 1 and parts[0][0]:
            return self._value(parts[0][1], path, depth)
        found = [str(self._value(each, path, depth)) if is_expression else each for is_expression, each in parts]
        return "".join(found)

    def _value(self, text: str, path: str, depth: int) -> Any:
        if (name := _plain(text)) in self._given:
            return self._given[name]
        if encoded := _JSONENCODE.fullmatch(text):
            try:
                inside = expression(encoded[1])
            except Invalid:
                raise Unconvertible(path, f"{_short(text)} can't be read: write the JSON itself") from None
            return json.dumps(self.resolved(inside, path, depth + 1))
        found = self._found(name) if _PATH.fullmatch(name) else _ABSENT
        if found is _ABSENT or (isinstance(found, dict | list) and not found):
            raise Unconvertible(
                path,
                f"{_short(text)} has no value in the given files. Give one with --value '{_short(name)}=…', or what"
                " `terraform show -json` prints as one more file",
            )
        return self.resolved(found, path, depth + 1)

    def _found(self, name: str) -> Any:
        value: Any = self._tree
        for part in _PART.finditer(name):
            key = part[1] or part[2] or part[3]
            if isinstance(value, list):
                value = value[int(key)] if key.isdigit() and int(key) < len(value) else _ABSENT
            else:
                value = value.get(key, _ABSENT) if isinstance(value, Mapping) else _ABSENT
            if value is _ABSENT:
                break
        return value


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """(is an expression?, text) of each part of a template; `$${` is a plain `${`."""
    plain, at = "", 0
    while at < len(text):
        if text.startswith("$${", at):
            plain, at = f"{plain}${{", at + 3
        elif text.startswith("${", at):
            if plain:
                yield False, plain
            end = _end(text, at + 2)
            yield True, text[at + 2 : end]
            plain, at = "", end + 1
        else:
            plain, at = plain + text[at], at + 1
    if plain:
        yield False, plain


def _end(text: str, at: int) -> int:
    """Where the brace is that closes an expression."""
    depth, quoted = 1, False
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif sign == '"':
            quoted = not quoted
        elif not quoted and sign in "{}":
            depth += 1 if sign == "{" else -1
            if not depth:
                return at
        at += 1
    return at


def _plain(text: str) -> str:
    """A reference as it is compared: without blanks, and without the braces of an interpolation."""
    return re.sub(r"\s+", "", text).removeprefix("${").removesuffix("}") if "(" not in text else text.strip()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
