"""What the demo can't go on after, in words for its audience."""

from __future__ import annotations

from collections.abc import Iterator


class CantGoOn(Exception):
    """Something that the demo stands on has failed."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, and in the groups in it."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error
