"""Objects from text: each YAML document, with the line of each of its fields, for `okra lint` and `okra run`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from okra.api.base import Loc
from okra.api.yaml_nodes import Document, YAMLProblem, read
from okra.errors import Invalid

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_BARE = re.compile(r"^(?P<indent>[ ]*(?:-[ ]+)*)(?P<word>[A-Za-z_][\w.-]*)[ ]*(?:#.*)?$")
_REPAIRS = 20


@dataclass(frozen=True, slots=True)
class TextProblem:
    """What is wrong with the text itself, before it is any object."""

    line: int
    message: str
    loc: Loc = ()
    kind: str = ""
    name: str = ""
    """Of the object around it, when the rest could be read."""
    unread: bool = False
    """What follows in this document isn't known."""


@dataclass(frozen=True, slots=True)
class LoadedObject:
    """One object of a text."""

    object: dict[str, Any]
    line: int
    """Where it begins; lines count from 1."""
    document: Document = field(repr=False, compare=False)
    base: Loc = ()
    """Where in the document it stands: not at the top when it is an item of a List."""
    offset: int = 0

    @property
    def api_version(self) -> str:
        return _text(self.object.get("apiVersion"))

    @property
    def kind(self) -> str:
        return _text(self.object.get("kind"))

    @property
    def name(self) -> str:
        return _text(self._metadata.get("name"))

    @property
    def namespace(self) -> str:
        return _text(self._metadata.get("namespace")) or "default"

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata = self.object.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def duplicates(self) -> list[TextProblem]:
        """Keys that are given twice."""
        depth = len(self.base)
        return [
            TextProblem(self.offset + line + 1, message, loc[depth:])
            for loc, line, message in self.document.duplicates
            if loc[:depth] == self.base
        ]

    def line_of(self, loc: Loc) -> int:
        """The line of a field, or of the nearest thing around it that exists."""
        return self.offset + self.document.line_of(self.base + loc) + 1


def read_objects(text: str) -> tuple[list[LoadedObject], list[TextProblem]]:
    """Every object that can be read, and every problem: one broken document doesn't hide the others."""
    objects: list[LoadedObject] = []
    problems: list[TextProblem] = []
    for chunk, offset in _chunks(text.removeprefix("\ufeff").replace("\r\n", "\n")):
        documents, found = _read_chunk(chunk, offset)
        inside = [each for document in documents for each in _objects_in(document, offset, found)]
        if len(inside) == 1:
            found = [replace(problem, kind=inside[0].kind, name=inside[0].name) for problem in found]
        objects += inside
        problems += found
    return objects, problems


def load_objects(text: str) -> list[LoadedObject]:
    """Every object of `text`. Raises Invalid with all problems, each with its line."""
    objects, problems = read_objects(text)
    problems += [problem for each in objects for problem in each.duplicates]
    if problems:
        raise Invalid("; ".join(f"line {problem.line}: {problem.message}" for problem in problems))
    return objects


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    """The text between the `---` lines, each with the number of lines before it."""
    starts = [0, *(found.start() for found in _SEPARATOR.finditer(text) if found.start())]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        chunk = text[start:end]
        if any(line.strip() and line[0] not in "#%" for line in chunk.splitlines()):
            yield chunk, text.count("\n", 0, start)


def _read_chunk(chunk: str, offset: int) -> tuple[list[Document], list[TextProblem]]:
    """The chunk's documents. A forgotten colon is put in, so that the rest can be judged as well."""
    problems: list[TextProblem] = []
    for _ in range(_REPAIRS):
        documents, error = _try(chunk)
        if error is None:
            break
        repaired = _with_colon(chunk, error)
        if repaired is None:
            problems.append(TextProblem(offset + error.line + 1, f"can't be read as YAML: {error}", unread=True))
            break
        chunk, line, word = repaired
        message = f"can't be read as YAML: {error}; did you forget ':' after '{word}'?"
        problems.append(TextProblem(offset + line + 1, message))
    return documents, problems


def _try(chunk: str) -> tuple[list[Document], YAMLProblem | None]:
    documents: list[Document] = []
    try:
        documents.extend(read(chunk))  # what was read before an error stays
    except YAMLProblem as error:
        return documents, error
    return documents, None


def _with_colon(chunk: str, error: YAMLProblem) -> tuple[str, int, str] | None:
    """The chunk with `:` behind the word that lacks it, the word's line, the word; None if that isn't the cause.

    The parser notices late, so the nearest bare word above that has something indented below it is tried, and is the
    cause only if the text can then be read further than before.
    """
    lines = chunk.split("\n")
    for line in range(min(error.line, len(lines) - 1), max(-1, error.line - 6), -1):
        found = _BARE.match(lines[line])
        below = next((each for each in lines[line + 1 :] if each.strip()), "")
        if found is None or len(below) - len(below.lstrip()) <= len(found["indent"]):
            continue
        end = found.end("word")
        repaired = "\n".join([*lines[:line], lines[line][:end] + ":" + lines[line][end:], *lines[line + 1 :]])
        _, next_error = _try(repaired)
        if next_error is None or next_error.line > error.line:
            return repaired, line, found["word"]
    return None


def _objects_in(document: Document, offset: int, problems: list[TextProblem]) -> Iterator[LoadedObject]:
    """The document's object, or the items of its List; nothing for an empty document."""
    value = document.value
    if value is None:
        return
    if not isinstance(value, dict):
        message = "is no object: a document is a map with apiVersion, kind, metadata and spec"
        problems.append(TextProblem(offset + document.line_of(()) + 1, message))
        return
    if value.get("kind") == "List" and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            base: Loc = ("items", index)
            if isinstance(item, dict):
                yield LoadedObject(item, offset + document.line_of(base) + 1, document, base, offset)
            else:
                problems.append(TextProblem(offset + document.line_of(base) + 1, "is no object: items are maps", base))
        return
    yield LoadedObject(value, offset + document.line_of(()) + 1, document, (), offset)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
