"""Which span of time a measurement may look at. Pure.

**Data from before a step is not evidence for it**: the peers look back five minutes whatever happened since, and so
judge a step by the step before. Here a window begins no earlier than `not_before` (the confirmed weight plus the
propagation delay), and holds only buckets that are complete and settled. If there is none yet, that is no reason to
measure less: it is a reason to wait, and until when is known.

    not_before ──┐                    now − lag ──┐
    ─────┼───────┴──┼──────────┼──────────┼───────┴──┼────  buckets of `period`
                    └───── window ────────┘
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from okra.analysis.policy import DEFAULT_WINDOW
from okra.errors import Unavailable
from okra.ports import Grain, Window

MARGIN = 0.001
"""Seconds added to `ready_at`, so that rounding never makes a timer fire just too early."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """No whole piece of data lies between the step and now."""

    ready_at: float
    """Epoch seconds from when on there is one."""


class TooEarly(Unavailable):
    """A metric source has no data, so soon after the step that this says nothing. Not an error: the series waits."""

    reason = "TooEarly"


def window_for(
    grain: Grain, *, now: float, not_before: float | None = None, length: float = DEFAULT_WINDOW
) -> Window | NotReady:
    """The newest window of at most `length` seconds (but at least what the source needs), none of it too early.

    not_before: None when no step is judged (a Check on its own, a precheck): then a window always exists.
    """
    need = _up(max(grain.period, grain.lookback), grain.period)
    end = _down(now - grain.lag, grain.period)
    longest = _up(max(length, need, grain.settle), grain.period)
    if not_before is None:
        return Window(end - longest, end)
    earliest = _up(not_before, grain.period)
    if end - earliest < need or end <= earliest:
        return NotReady(earliest + need + grain.lag + MARGIN)
    return Window(max(earliest, end - longest), end)


def _down(time: float, period: float) -> float:
    return math.floor(time / period) * period if period else time


def _up(time: float, period: float) -> float:
    return math.ceil(time / period) * period if period else time
