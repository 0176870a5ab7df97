"""The garbage collector's pauses, kept short.

A collection of everything takes a third of a microsecond an object: with ten thousand Cells, whose objects all live for
as long as the Cells do, it stops the event loop for most of a second, and while they come it does so again and again.
So what has survived one collection *while Okra starts* is taken for permanent and never looked at again, and
collections come so often that no single one has much to look at. What becomes garbage among the permanent objects is
still freed by its reference count; only cycles of them are lost, and they are bounded by what there was at the start.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (1_000, 5, 5)
"""Everything is looked at after some 36,000 new objects that stay: 20 ms. With Python's own it is 85,000."""


SETTLING: Final = 60.0
"""Seconds for which Okra still counts as starting when it is ready: new Cells are being adopted."""


@contextmanager
def short_pauses(starting: Callable[[], object], settling: float = SETTLING) -> Iterator[None]:
    """For the whole process, within the block. `starting`: whether Okra still does (`System.missing` will do)."""
    before = gc.get_threshold()
    unready_at = time.monotonic()

    def settle(phase: str, info: dict[str, int]) -> None:
        nonlocal unready_at
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            if starting():
                unready_at = time.monotonic()
            elif time.monotonic() - unready_at >= settling:
                gc.callbacks.remove(settle)

    gc.freeze()  # what was imported
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(settle)
    try:
        yield
    finally:
        if settle in gc.callbacks:
            gc.callbacks.remove(settle)
        gc.set_threshold(*before)
        gc.unfreeze()
