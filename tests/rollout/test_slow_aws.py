"""An AWS whose reads take longer than a write's look may be old: writes are made, and made again, all the same."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest

from tests.rollout.cases import at, cell, once
from tests.rollout.process import DROPPED, Process

QUARTER = Fraction(1, 4)


class Slow(Process):
    """Each look at AWS takes `seconds`."""

    seconds: float = 1.2

    def read(self, stale: Mapping[str, Mapping[str, int]] | None = None) -> None:
        super().read(stale)
        self.world.now += self.seconds


@pytest.mark.parametrize("seconds", [0.3, 1.2, 4.0])
def test_a_lost_write_is_made_again_however_slow_the_reads_are(seconds: float) -> None:
    calm = cell()
    p = Slow(calm.world, calm.policy)
    p.seconds = seconds
    p.fault = once(DROPPED, after=1)
    at(p, QUARTER)
    at(p, 1)


def test_while_a_lost_write_waits_for_a_look_the_condition_says_so() -> None:
    calm = cell()
    p = Slow(calm.world, calm.policy)
    said: list[str] = []
    p.deciding.append(lambda p: said.append(p.state.condition.reason))
    p.fault = once(DROPPED, after=1)
    at(p, 1)
    assert "WritingAgain" in said
