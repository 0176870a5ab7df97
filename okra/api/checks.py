"""What judges a rollout: an analysis of metrics or a job, and how a Cell refers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, Violation, filled
from okra.api.durations import Duration, Interval
from okra.api.expressions import Condition
from okra.api.fields import Flag, Int, Name, Number, ObjectName, keyed_by
from okra.api.job import Job
from okra.api.provider import Provider, Query


class OnNoData(StrEnum):
    INCONCLUSIVE = "Inconclusive"
    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105 (what a measurement counts as, not a password)
    ZERO = "Zero"


class OnInconclusive(StrEnum):
    PAUSE = "Pause"
    REVERT = "Revert"


class Analysis(Model):
    """A series of measurements and what they must be like."""

    interval: Interval | None = Field(
        default=None, description="Between two measurements; needed when count is above 1."
    )
    count: Annotated[Int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="Measurements of a series. Default: 1 inside a Cell; alone with an interval, without end.",
    )
    query: Query | None = Field(
        default=None, description="What to ask the provider; {{.Vars.NAME}} is replaced. Not for web and cloudWatch."
    )
    max: Number | None = Field(default=None, description="A measurement above this fails.")
    min: Number | None = Field(default=None, description="A measurement below this fails.")
    success_condition: Condition | None = Field(
        default=None, description="A CEL expression over result; when it is false the measurement fails."
    )
    failure_condition: Condition | None = Field(
        default=None, description="A CEL expression over result; when it is true the measurement fails."
    )
    provider: Provider | None = Field(
        default=None, description="Where to ask; default: the controller's OKRA_CHECK_PROVIDER."
    )
    initial_delay: Duration | None = Field(default=None, description="Wait this long before the first measurement.")
    window: Interval | None = Field(
        default=None,
        description="How far a measurement looks back at most; never beyond the weight it judges. Default 5m.",
    )
    min_samples: Annotated[Number, Field(ge=0, le=1e15)] | None = Field(
        default=None, description="Fewer samples than this are too little data: wait for more."
    )
    failure_limit: Annotated[Int, Field(ge=-1, le=10_000)] = Field(
        default=0, description="The series fails when more measurements than this fail; -1: never."
    )
    inconclusive_limit: Annotated[Int, Field(ge=-1, le=10_000)] = Field(
        default=0, description="The series is inconclusive when more measurements than this are; -1: never."
    )
    consecutive_error_limit: Annotated[Int, Field(ge=-1, le=10_000)] = Field(
        default=4, description="The series errs when more errors than this come in a row; -1: never."
    )
    on_no_data: OnNoData = Field(
        default=OnNoData.INCONCLUSIVE, description="What a measurement without data counts as."
    )

    def rules(self) -> Iterator[Violation]:
        yield from self._query_rules()
        yield from self._limit_rules()
        if not filled(self, "max", "min", "success_condition", "failure_condition"):
            yield Violation((), "judges nothing: set max, min, successCondition or failureCondition")
        if self.max is not None and self.min is not None and self.min > self.max:
            yield Violation(("min",), f"{self.min:g} is above max {self.max:g}: nothing can pass")

    def _query_rules(self) -> Iterator[Violation]:
        own = self.provider is not None and self.provider.has_own_query
        if own and self.query is not None:
            yield Violation(("query",), "has no use beside provider.web or provider.cloudWatch: they say what to ask")
        if not own and self.query is None:
            yield Violation(("query",), "is required: what to ask the metrics provider")
        if self.min_samples is not None and self.provider and (self.provider.web or self.provider.prometheus):
            yield Violation(("minSamples",), "needs provider datadog or cloudWatch, which count samples: remove it")

    def _limit_rules(self) -> Iterator[Violation]:
        if self.count is not None and self.count > 1 and self.interval is None:
            yield Violation(("interval",), f"is required when count is {self.count}: the time between two measurements")
        for name, limit in (("failureLimit", self.failure_limit), ("inconclusiveLimit", self.inconclusive_limit)):
            if self.count is not None and limit > self.count:
                yield Violation((name,), f"must be at most count ({self.count}), or it can never be exceeded")


class CheckSource(Model):
    """A Check of its own, which a person applied."""

    check_name: ObjectName = Field(description="The Check's name, in the Cell's namespace.")


class CellCheck(Model):
    """A named judgement: an analysis, a job, or a Check that exists already."""

    name: Name = Field(description="The name; unique among the Cell's (or the application's) checks.")
    analysis: Analysis | None = Field(default=None, description="A judgement of metrics.")
    job: Job | None = Field(default=None, description="A Kubernetes Job.")
    from_: CheckSource | None = Field(default=None, description="A Check that exists already.")
    on_inconclusive: OnInconclusive = Field(
        default=OnInconclusive.PAUSE, description="What an inconclusive series, or one of errors only, does."
    )
    dry_run: Flag = Field(default=False, description="Measure and report, but never hold up or revert anything.")

    def rules(self) -> Iterator[Violation]:
        given = filled(self, "analysis", "job", "from_")
        if len(given) != 1:
            has = f"has {' and '.join(given)}" if given else "is empty"
            yield Violation((), f"{has}: a check is exactly one of analysis, job, from")


CheckList = Annotated[tuple[CellCheck, ...], Field(max_length=16, json_schema_extra=keyed_by("name"))]


def check_name_rules(lists: Mapping[str, Sequence[CellCheck]]) -> Iterator[Violation]:
    """Names are unique across a Cell's or an application's lists (by field name): each names a Check object."""
    seen: dict[str, tuple[str, int]] = {}
    for field, checks in lists.items():
        for index, check in enumerate(checks):
            if check.name in seen:
                other, at = seen[check.name]
                yield Violation(
                    (field, index, "name"), f"{check.name} is the name of {other}[{at}] too: give each check its own"
                )
            seen.setdefault(check.name, (field, index))
