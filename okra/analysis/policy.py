"""What a check asks for, as one value: the API's model with every default decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from okra.analysis import conditions
from okra.api.checks import Analysis, OnNoData
from okra.api.durations import Duration
from okra.errors import Invalid

IN_CELL_INTERVAL = 10.0
"""Seconds between the measurements of a Cell's check that doesn't say."""
DEFAULT_WINDOW = 300.0
"""Seconds a measurement looks back at most, as the peers do."""
DEFAULT_WAIT = 1800.0
"""Seconds a series waits for enough data before it is Inconclusive."""


@dataclass(frozen=True, slots=True)
class AnalysisPolicy:
    """How measurements become a verdict. Times in seconds; a limit is breached when exceeded, below 0 there is none."""

    max: float | None = None
    min: float | None = None
    success_condition: str | None = None
    failure_condition: str | None = None
    interval: float | None = None
    count: int | None = 1
    """Measurements of a series; None runs until somebody stops it."""
    initial_delay: float = 0.0
    window: float = DEFAULT_WINDOW
    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    on_no_data: OnNoData = OnNoData.INCONCLUSIVE
    min_samples: float | None = None
    dry_run: bool = False
    wait_limit: float = DEFAULT_WAIT

    @property
    def compares(self) -> bool:
        """Whether a condition asks for both sides: then the same query must be measured for stable as well."""
        return any(
            condition is not None and conditions.mentions(condition, "stable")
            for condition in (self.success_condition, self.failure_condition)
        )


def policy_from(
    analysis: Analysis, *, in_cell: bool, dry_run: bool = False, path: str = "spec.analysis"
) -> AnalysisPolicy:
    """The policy of an analysis. Raises Invalid with every one of its `problems`.

    in_cell: a Cell asks for it, so a series has an end (count 1) and an interval (10 s). On its own a check with an
    interval runs until it is stopped, one with neither measures once.
    """
    if found := problems(analysis, path=path):
        raise Invalid("; ".join(found))
    interval = IN_CELL_INTERVAL if in_cell else None
    if analysis.interval is not None:
        interval = analysis.interval.seconds
    endless = analysis.count is None and interval is not None and not in_cell
    return AnalysisPolicy(
        max=analysis.max,
        min=analysis.min,
        success_condition=analysis.success_condition,
        failure_condition=analysis.failure_condition,
        interval=interval,
        count=None if endless else analysis.count or 1,
        initial_delay=_seconds(analysis.initial_delay, 0.0),
        window=_seconds(analysis.window, DEFAULT_WINDOW),
        failure_limit=analysis.failure_limit,
        inconclusive_limit=analysis.inconclusive_limit,
        consecutive_error_limit=analysis.consecutive_error_limit,
        on_no_data=analysis.on_no_data,
        min_samples=analysis.min_samples,
        dry_run=dry_run,
    )


def problems(analysis: Analysis, *, path: str = "spec.analysis") -> list[str]:
    """What the API's own validation can't see and would keep an analysis from a verdict, as `field path: message`."""
    return [f"{path}.{field}: {problem}" for field, problem in _find(analysis)]


def _find(analysis: Analysis) -> Iterator[tuple[str, str]]:
    provider = analysis.provider
    numeric = provider is not None and provider.web is None
    texts = {"successCondition": analysis.success_condition, "failureCondition": analysis.failure_condition}
    for field, text in texts.items():
        if text is not None and (problem := conditions.problem_of(text, numeric=numeric)):
            yield field, problem


def _seconds(duration: Duration | None, default: float) -> float:
    return default if duration is None else duration.seconds
