"""Documents as YAML, with each comment before the field that it is about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from okra.api.findings import printable
from okra.convert.document import Comment, Document

_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """As people write it: lists are not indented less than their key, texts of several lines stand as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and not any(line != line.rstrip() for line in text.split("\n")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered(documents: Iterable[Document]) -> str:
    """All documents as one text. What has no counterpart is a comment of its own."""
    return "---\n".join(map(_document, documents))


def _document(document: Document) -> str:
    comments = document.remarks.comments
    head = f"# From {_one_line(str(document.source))}"
    if document.object is None:
        return "\n".join([f"{head}: no object of Okra's.", *_lines(comments, 0)]) + "\n"
    body = yaml.dump(
        _plain(document.object), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    ).splitlines()
    root = yaml.compose("\n".join(body))
    before: dict[int, list[Comment]] = {}
    for comment in comments:
        before.setdefault(_line(root, comment), []).append(comment)
    lines = [head]
    for number, line in enumerate(body):
        lines += [*_lines(before.get(number, ()), len(line) - len(line.lstrip())), line]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    """What a line break in somebody's text would end is a comment; the rest would be read as YAML."""
    return printable(text, len(text))


def _lines(comments: Iterable[Comment], indent: int) -> Iterable[str]:
    lead = " " * indent + "# "
    for comment in comments:
        for paragraph in map(_one_line, comment.text.splitlines()):
            if paragraph.startswith(" "):  # to be copied: never broken
                yield lead + paragraph
            else:
                yield from textwrap.wrap(
                    paragraph,
                    118,
                    initial_indent=lead,
                    subsequent_indent=lead,
                    break_on_hyphens=False,
                    break_long_words=False,
                )


def _line(node: yaml.Node | None, comment: Comment) -> int:
    """The line of the deepest part of the comment's field that there is; the top for none."""
    line = 0
    for key in comment.loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if name.value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line
        else:
            break
    return line


def _plain(value: Any) -> Any:
    """Without tuples and the like, which YAML would tag."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
