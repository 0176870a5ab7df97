"""Which version is newer (DESIGN §2): semver, or one shared non-digit skeleton, else no order at all.

Guessing an order would move production traffic on a guess, so mixed forms are *unordered* and a person has to pin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

UNKNOWN = "unknown"
"""The version of target groups without the label. Older than every other."""

_SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_DIGITS = re.compile(r"[0-9]+")

Rank = tuple[Any, ...]


def ranks(versions: Iterable[str]) -> dict[str, Rank] | None:
    """A comparable rank for each version, or None when these versions have no common order."""
    names = set(versions)
    known = names - {UNKNOWN}
    if len(known) < 2:
        return {name: (-1,) if name == UNKNOWN else (0,) for name in names}
    semver = {name: _semver(name) for name in known}
    if None not in semver.values():
        ranked = {name: rank for name, rank in semver.items() if rank is not None}
    elif len({_DIGITS.sub("0", name) for name in known}) == 1 and all(map(_DIGITS.search, known)):
        ranked = {name: tuple(int(n) for n in _DIGITS.findall(name)) for name in known}
    else:
        return None
    return ranked | ({UNKNOWN: (-1,)} if UNKNOWN in names else {})


def newer(candidate: str, than: str) -> bool | None:
    """Is `candidate` newer than `than`? None when the two have no order."""
    order = ranks((candidate, than))
    return None if order is None else order[candidate] > order[than]


def _semver(version: str) -> Rank | None:
    """Precedence of semver.org §11: a pre-release before its release, build metadata ignored."""
    match = _SEMVER.fullmatch(version)
    if match is None:
        return None
    major, minor, patch, pre = match.groups()
    identifiers = tuple((0, int(i), "") if i.isdigit() else (1, 0, i) for i in pre.split(".")) if pre else ()
    return (int(major), int(minor), int(patch), pre is None, identifiers)
