"""The garbage collector, set for a process that holds thousands of decoded objects.

Each collection of the oldest generation looks at all of them, though none is garbage: three quarters of the cost of
decoding a big list. What exists after start-up (modules, classes) is never looked at again, and collections are rarer:
reference counts free nearly everything, cycles can wait.
"""

from __future__ import annotations

import gc

THRESHOLDS = (10_000, 5, 1_000)
"""Allocations before the youngest are looked at, then how many of such looks before one at the next older generation: a
look at few and then seldom further, so that none takes more than some milliseconds while a list is decoded."""


def tune_garbage_collection() -> None:
    """To be called once, when everything is imported and before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
