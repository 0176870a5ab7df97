"""The garbage collector's pauses, kept short.

A collection of everything takes a third of a microsecond an object: with ten thousand Cells, whose objects all live for
as long as the Cells do, it stops the event loop for most of a second, and while they come it does so again and again. A
big list costs three quarters of its time so. But reference counts free nearly everything; only cycles need a collector.

So everything is looked at seldom, and what has survived two looks *while Okra starts* is taken for permanent and never
looked at again. What becomes garbage among the permanent objects is still freed by its reference count; only cycles
of them are lost, until the block ends, and they are bounded by what there was at the start.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (10_000, 5, 1_000)
"""New objects that stay before the youngest are looked at, then how many of such looks before one at the next older
generation: at most 60,000 objects at a time, some 20 ms, and everything only when 60 million have stayed."""

SETTLING: Final = 60.0
"""Seconds for which Okra still counts as starting when it is ready: new Cells are being adopted."""


@contextmanager
def short_pauses(starting: Callable[[], object], settling: float = SETTLING) -> Iterator[None]:
    """For the whole process, within the block. `starting`: whether Okra still does (`System.missing` will do).

    Garbage that is there already is taken for permanent too: collect it first, where there may be much.
    """
    before = gc.get_threshold()
    unready_at = time.monotonic()

    def settle(phase: str, info: dict[str, int]) -> None:
        nonlocal unready_at
        if phase == "stop" and info["generation"]:
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
