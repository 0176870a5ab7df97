"""What is wrong with an object: a field path as kubectl writes it, and a message that names the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from okra.api.base import Loc

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_SHOWN = 12
"""How many known names a message lists."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is empty when the object as a whole is meant."""

    path: str
    message: str
    loc: Loc = field(default=(), compare=False, repr=False)
    """The same place as keys and indices."""

    @classmethod
    def at(cls, loc: Loc, message: str) -> Finding:
        return cls(path_of(loc), message, loc)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def path_of(loc: Loc) -> str:
    """`("spec", "applications", 0, "alb")` → `spec.applications[0].alb`; a key with dots → `labels[a.b/c]`."""
    path = ""
    for item in loc:
        if isinstance(item, int):
            path += f"[{item}]"
        elif _PLAIN.fullmatch(item):
            path += f".{item}" if path else item
        else:
            path += f"[{printable(item)}]"
    return path


def printable(text: str, limit: int = 60) -> str:
    """Input as it may stand in one line of a message: short, and without anything that moves a cursor."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else "�" for char in shown)


def did_you_mean(name: str, known: Iterable[str], *, likeness: float = 0.7) -> str | None:
    """The known name that `name` is probably a typo of; capitals and underscores don't matter."""
    names = list(known)
    plain = {_plain(each): each for each in names}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=likeness)
    return plain[near[0]] if near else None


def remedy_for(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or what is known."""
    names = sorted(known)
    if near := did_you_mean(name, names):
        return f"did you mean {near}?"
    listed = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    return f"known here: {listed}" if names else "nothing may stand here"


def _plain(name: str) -> str:
    return name[:100].replace("_", "").replace("-", "").lower()
