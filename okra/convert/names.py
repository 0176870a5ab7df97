"""Other tools' names as Okra's: of objects, and of checks."""

from __future__ import annotations

import re
from collections.abc import Collection

from okra.convert.document import Unconvertible

_LONGEST = 63


def as_name(text: str, path: str) -> str:
    """`my_alb.courier` → `my-alb-courier`: lower case letters, digits and hyphens, at most 63."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")
    if not name:
        raise Unconvertible(path, f"no name can be made of {text!r}: it needs a letter or a digit")
    return name


def free(name: str, taken: Collection[str]) -> str:
    """The name, or with the first number that makes it another than those."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name[: _LONGEST - 1 - len(str(number))]}-{number}"
    return found
