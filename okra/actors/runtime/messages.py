"""What a message is: any immutable value. Two bases say how it travels.

A plain one is an *edge*: it tells of something that happened once, and queues in order. A `Level` tells how something
*is*: only the newest matters. An `Ask` wants a reply of a type that the type checker knows.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


class Level:
    """A message about a present state: one that waits is replaced by a newer one with an equal `coalesce_key`.

    The keys must be bounded by the world (one per object, per account), since a level message is never refused.
    """

    __slots__ = ()

    @property
    def coalesce_key(self) -> Hashable:
        """By default one per class; a class whose messages speak about several things adds which."""
        return (type(self),)


class Ask(Generic[R]):
    """A message that wants a reply of type R: `class Weights(Ask[dict[str, int]])`, `await ref.ask(Weights(), …)`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ChildFailed(Level):
    """A child ended in a way that its supervisor had not asked for. A level: only its newest failure counts."""

    name: str
    path: str
    error: str
    """`Type: text`, shortened."""
    restarts: int
    """How often it has been started again so far."""
    parked: bool
    """It crashes in a loop: it is tried again only after `retry_in`, or at once on `Supervisor.unpark`."""
    retry_in: float | None
    """Seconds; None when it won't be started again."""

    @property
    def coalesce_key(self) -> Hashable:
        return ChildFailed, self.path
