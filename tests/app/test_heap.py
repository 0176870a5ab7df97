"""Whatever the collector does to the whole process ends with the block."""

from __future__ import annotations

import gc

from okra.app.heap import THRESHOLDS, short_pauses


class Knot:
    """Reachable from itself: only a collection can free it."""

    def __init__(self) -> None:
        self.me = self


def test_what_survives_a_collection_while_okra_starts_is_not_looked_at_again() -> None:
    with short_pauses(lambda: True):
        kept = [Knot() for _ in range(1000)]
        frozen = gc.get_freeze_count()
        assert frozen > 10_000, "what was imported"
        gc.collect(1)
        assert gc.get_freeze_count() >= frozen + len(kept)
        assert not any(isinstance(each, Knot) for each in gc.get_objects())
    assert sum(isinstance(each, Knot) for each in gc.get_objects()) == len(kept)


def test_once_okra_has_started_garbage_is_collected_as_ever() -> None:
    starting = True
    with short_pauses(lambda: starting, settling=0.0):
        starting = False
        gc.collect()
        kept = Knot()
        gc.collect()
        assert any(each is kept for each in gc.get_objects())


def test_after_the_block_the_collector_is_as_it_was() -> None:
    before, callbacks = gc.get_threshold(), list(gc.callbacks)
    with short_pauses(lambda: True):
        assert gc.get_threshold() == THRESHOLDS
    assert gc.get_threshold() == before
    assert gc.callbacks == callbacks
    assert gc.get_freeze_count() == 0
