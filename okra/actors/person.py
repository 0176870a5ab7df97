"""What a person wrote into the annotation of a Cell. It is text from outside: nothing in it is trusted."""

from __future__ import annotations

import json

from okra.actors.text import plain
from okra.api.meta import COMMAND_ANNOTATION
from okra.ports import Object
from okra.rollout.commands import UNREADABLE
from okra.rollout.observation import Command

LONGEST = 4096
"""Characters of an annotation that are read."""
KEPT = {"id": 200, "verb": 63, "arg": 200, "by": 200}
"""Characters of each field that are kept: status holds them."""


def command_of(obj: Object) -> Command | None:
    """The command of the annotation; one that can't be read has a verb that is refused; without an id it is none."""
    text = obj["metadata"].get("annotations", {}).get(COMMAND_ANNOTATION)
    if not text:
        return None
    try:
        found = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Command(id=plain(text, 64), verb=UNREADABLE)
    fields = {name: plain(str(found.get(name) or ""), most) for name, most in KEPT.items()}
    return Command(**fields) if fields["id"] else None
