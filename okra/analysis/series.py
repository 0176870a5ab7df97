"""A series: the measurements of one check for one attempt, and the verdict they add up to. Pure; time is an argument.

    record(Passed | Failed | Inconclusive)   a measurement: counts; the next one after the interval
    record(Error)                            says nothing about the app: does not count; again after at most 10 s
    record(None)                             too little data: does not count; again after the interval, for so long

A limit is breached when it is exceeded, and the first breach ends the series. Passed needs `count` measurements and at
least one that passed, so a tolerated failure is never all the evidence there is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from okra.analysis.policy import AnalysisPolicy
from okra.analysis.verdict import Measurement
from okra.rollout.observation import Verdict

RETRY_AFTER = 10.0
KEPT = 10
"""Results kept for people."""


@dataclass(frozen=True, slots=True)
class Series:
    """Begin with `Series(policy, started_at)`, then `record` each measurement until there is a verdict."""

    policy: AnalysisPolicy
    started_at: float
    results: tuple[Measurement, ...] = ()
    """The newest ten, oldest first."""
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    consecutive_errors: int = 0
    waiting_since: float | None = None
    """The first measurement with too little data since one that counted."""
    found: Verdict | None = None
    """What the measurements say. Differs from `verdict` in a dry run only."""

    @property
    def verdict(self) -> Verdict | None:
        """None while it runs. A dry run that ends has Passed, whatever it found."""
        return Verdict.PASSED if self.found and self.policy.dry_run else self.found

    @property
    def measured(self) -> int:
        """Measurements that count."""
        return self.passed + self.failed + self.inconclusive

    @property
    def last_passed(self) -> bool:
        """Whether the newest measurement passed."""
        return bool(self.results) and self.results[-1].verdict is Verdict.PASSED

    @property
    def next_at(self) -> float | None:
        """When to measure next (the window may not be ready by then), or None when the series is over."""
        if self.found:
            return None
        if not self.results:
            return self.started_at + self.policy.initial_delay
        last, interval = self.results[-1], self.policy.interval
        if interval is None:
            return last.time + RETRY_AFTER
        return last.time + (min(interval, RETRY_AFTER) if last.verdict is Verdict.ERROR else interval)

    @property
    def message(self) -> str:
        """One line for a person: how far it is, or why it ended."""
        if not self.results:
            return "not measured yet"
        dry = f"dry run, would be {self.found}: " if self.found and self.policy.dry_run else ""
        return dry + self._progress() + self.results[-1].reason

    def record(self, measurement: Measurement) -> Series:
        """The series after one more measurement. Raises ValueError when it is over."""
        if self.found:
            raise ValueError(f"the series is over: {self.found}")
        after = replace(self, results=(*self.results, measurement)[-KEPT:])
        match measurement.verdict:
            case None:
                since = measurement.time if self.waiting_since is None else self.waiting_since
                after = replace(after, consecutive_errors=0, waiting_since=since)
            case Verdict.ERROR:
                after = replace(after, consecutive_errors=self.consecutive_errors + 1)
            case verdict:
                after = replace(
                    after,
                    consecutive_errors=0,
                    waiting_since=None,
                    passed=self.passed + (verdict is Verdict.PASSED),
                    failed=self.failed + (verdict is Verdict.FAILED),
                    inconclusive=self.inconclusive + (verdict is Verdict.INCONCLUSIVE),
                )
        return replace(after, found=after._conclude(measurement.time))

    def _conclude(self, now: float) -> Verdict | None:
        policy = self.policy
        if _exceeds(self.consecutive_errors, policy.consecutive_error_limit):
            return Verdict.ERROR
        if _exceeds(self.inconclusive, policy.inconclusive_limit):
            return Verdict.INCONCLUSIVE
        if _exceeds(self.failed, policy.failure_limit):
            return Verdict.FAILED
        if self.waiting_since is not None and now - self.waiting_since >= policy.wait_limit:
            return Verdict.INCONCLUSIVE
        if policy.count is None or self.measured < policy.count:
            return None
        if self.passed:
            return Verdict.PASSED
        return Verdict.FAILED if self.failed else Verdict.INCONCLUSIVE

    def _progress(self) -> str:
        if self.consecutive_errors:
            return f"{self.consecutive_errors} consecutive error(s): "
        if self.waiting_since is not None:
            waited = self.results[-1].time - self.waiting_since
            return f"too little data for {waited:.0f} s: "
        total = f" of {self.policy.count}" if self.policy.count else ""
        return f"measurement {self.measured}{total}: " if self.policy.count != 1 else ""


def _exceeds(seen: int, limit: int) -> bool:
    """A limit is breached when exceeded; one below 0 never is."""
    return 0 <= limit < seen
