"""What a conversion gives: objects with comments on what has no counterpart, and what could not be converted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.api.base import Loc
from okra.api.meta import OKRA_GROUP, VERSION

_USERINFO = re.compile(r"""(?<=://)[^/\s'"]*@""")


def without_userinfo(text: str) -> str:
    """A text as it may be shown: its URLs without user and password."""
    return _USERINFO.sub("", text)


class Unconvertible(Exception):
    """This object can't be rewritten. The message says what to do; `path` is where, in the words of its file."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Comment:
    """A sentence for the reader of the object that was made. `loc`: the field of that object before which it stands."""

    loc: Loc
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person must settle before the object does what the old one did. `path`: in the words of its file."""

    path: str
    message: str


@dataclass(slots=True)
class Remarks:
    """Gathers both while one object is converted."""

    comments: list[Comment] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def say(self, text: str, *loc: str | int) -> None:
        if (comment := Comment(loc, without_userinfo(text))) not in self.comments:
            self.comments.append(comment)

    def object_to(self, path: str, message: str, *loc: str | int) -> None:
        """A problem, which stands in the output, too."""
        self.problems.append(Problem(path, without_userinfo(message)))
        self.say(f"{path}: {message}", *loc)


@dataclass(frozen=True, slots=True)
class Source:
    """Where an object stood. Line 0: it has none."""

    file: str
    line: int
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''} {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Document:
    """What became of one object: Okra's, if it has a counterpart, with the remarks on it."""

    source: Source
    object: Mapping[str, Any] | None
    remarks: Remarks


def made(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """An object of Okra's."""
    return {"apiVersion": f"{OKRA_GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": spec}
