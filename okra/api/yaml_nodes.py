"""YAML and JSON as Kubernetes reads them, with the line of every field, and within bounds.

PyYAML only parses: its events are composed here. Its own composer recurses without a limit, expands alias bombs and
takes duplicate keys in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from okra.api.base import Loc
from okra.api.yaml_scalars import key_of, resolve
from okra.api.yaml_text import explain, is_json, json_as_yaml, line_of

MAX_DEPTH = 64
MAX_VALUES = 100_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class YAMLProblem(Exception):
    """Text that can't be read. `line` counts from 0."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class _Node:
    """A value before aliases are expanded."""

    line: int
    scalar: Any = None
    items: list[_Node] | None = None
    pairs: list[_Pair] | None = None


@dataclass(frozen=True, slots=True)
class _Pair:
    """An entry of a map, or (`<<`) a map to merge into it."""

    key: str
    line: int
    node: _Node
    merges: bool = False


@dataclass(slots=True)
class Document:
    """A value, the line (from 0) of each of its parts, and keys that are given twice."""

    value: Any
    lines: dict[Loc, int] = field(default_factory=dict)
    duplicates: list[tuple[Loc, int, str]] = field(default_factory=list)

    def line_of(self, loc: Loc) -> int:
        """The line of `loc`, or of the nearest thing around it that exists."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 0)


def read(text: str) -> Iterator[Document]:
    """The documents of `text`, as far as it can be read; then YAMLProblem."""
    if is_json(text):
        text = json_as_yaml(text)
    if control := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, control.start())
        raise YAMLProblem(line, "holds a control character: remove it, or write it as an escape in quotes")
    try:
        yield from _documents(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise YAMLProblem(line_of(error, text), explain(error, text)) from None


def _documents(events: Iterator[Event]) -> Iterator[Document]:
    for event in events:
        if isinstance(event, DocumentStartEvent):
            node = _Composer(events).compose(next(events), 0)
            document = Document(None)
            document.value = _Expansion(document).expand(node, (), 0)
            yield document


def _line(event: Event) -> int:
    return event.start_mark.line if event.start_mark else 0


class _Composer:
    """Nodes from events."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._anchors: dict[str, _Node] = {}

    def compose(self, event: Event, depth: int) -> _Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise YAMLProblem(line, f"is nested more than {MAX_DEPTH} deep")
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise YAMLProblem(line, f"the alias *{event.anchor} names nothing that was completed before it")
            return self._anchors[event.anchor]
        node = _Node(line)
        match event:
            case ScalarEvent():
                node.scalar = _scalar(event)
            case SequenceStartEvent():
                node.items = [self.compose(each, depth + 1) for each in self._until(SequenceEndEvent)]
            case MappingStartEvent():
                node.pairs = [self._pair(each, depth + 1) for each in self._until(MappingEndEvent)]
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = node
        return node

    def _until(self, end: type[Event]) -> Iterator[Event]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _pair(self, event: Event, depth: int) -> _Pair:
        key = self.compose(event, depth)
        if key.items is not None or key.pairs is not None:
            raise YAMLProblem(key.line, "a key must be a string; a value that begins with { or [ belongs in quotes")
        merges = isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]
        return _Pair(key_of(key.scalar), key.line, self.compose(next(self._events), depth), merges)


class _Expansion:
    """Values from nodes: aliases become copies, counted against the limit."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def expand(self, node: _Node, loc: Loc, depth: int) -> Any:
        self._account(node.line, depth)
        self._document.lines.setdefault(loc, node.line)
        if node.items is not None:
            return [self.expand(item, (*loc, index), depth + 1) for index, item in enumerate(node.items)]
        if node.pairs is not None:
            return self._mapping(node.pairs, loc, depth)
        return node.scalar

    def _account(self, line: int, depth: int) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise YAMLProblem(line, f"holds more than {MAX_VALUES} values (aliases count each time)")
        if depth > MAX_DEPTH:
            raise YAMLProblem(line, f"is nested more than {MAX_DEPTH} deep")

    def _mapping(self, pairs: list[_Pair], loc: Loc, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for pair in pairs:
            if pair.merges:
                continue
            place = (*loc, pair.key)
            if pair.key in values:
                first = self._document.lines[place] + 1
                message = f"is given twice, first in line {first}: remove one"
                self._document.duplicates.append((place, pair.line, message))
            self._document.lines[place] = pair.line
            values[pair.key] = self.expand(pair.node, place, depth + 1)
        for pair in pairs:
            if pair.merges:
                self._merge(values, pair, loc, depth)
        return values

    def _merge(self, values: dict[str, Any], merge: _Pair, loc: Loc, depth: int) -> None:
        for source in merge.node.items if merge.node.items is not None else [merge.node]:
            if source.pairs is None:
                raise YAMLProblem(merge.line, "<< merges maps: give it an alias of a map")
            self._account(merge.line, depth)
            own = [pair for pair in source.pairs if pair.merges or pair.key not in values]
            merged = self._mapping(own, loc, depth + 1)
            values.update({key: value for key, value in merged.items() if key not in values})


def _scalar(event: ScalarEvent) -> Any:
    try:
        return resolve(event.value, event.tag, plain=event.implicit[0])
    except ValueError as error:
        raise YAMLProblem(_line(event), str(error)) from None
