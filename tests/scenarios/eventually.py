"""Waiting for the world: poll with a deadline, and say at the end what was seen last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    look: Callable[[], T], is_it: Callable[[T], object] = bool, *, within: float = 60.0, every: float = 0.1
) -> T:
    """What `look` brings as soon as `is_it` holds for it. AssertionError with the last thing seen after `within` s.

    `every`: seconds between two looks, where looking costs something.
    """
    deadline, never = time.monotonic() + within, threading.Event()
    while True:
        seen = look()
        if is_it(seen):
            return seen
        assert time.monotonic() < deadline, f"not within {within:g} s; last seen: {seen!r}"
        never.wait(every)
