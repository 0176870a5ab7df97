"""The Check: a judgement of its own, applied by a person or made by a Cell from its `checks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from okra.api.base import Model, StatusModel, Violation, filled
from okra.api.checks import Analysis
from okra.api.conditions import Condition
from okra.api.fields import Flag
from okra.api.job import Job
from okra.api.meta import Resource

RESULTS_KEPT = 10
ATTEMPTS_KEPT = 32

_Time = Annotated[str, Field(max_length=40)]


class CheckSpec(Model):
    """Exactly one of an analysis and a job."""

    analysis: Analysis | None = Field(default=None, description="A judgement of metrics.")
    job: Job | None = Field(default=None, description="A Kubernetes Job.")
    suspend: Flag = Field(default=False, description="Don't run at the interval.")
    dry_run: Flag = Field(default=False, description="Measure and report, but never hold up or revert anything.")

    def rules(self) -> Iterator[Violation]:
        given = filled(self, "analysis", "job")
        if len(given) != 1:
            has = "has both analysis and job" if given else "is empty"
            yield Violation((), f"{has}: a Check is exactly one of analysis and job")


class Result(StatusModel):
    """One measurement."""

    value: Any = Field(
        default=None,
        description="What was measured: a number, or JSON.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    time: _Time = Field(description="When (RFC 3339).")
    query: str = Field(default="", max_length=16_384, description="What was asked, without secrets.")
    verdict: str = Field(max_length=63, description="Passed, Failed, Inconclusive or Error.")
    reason: str = Field(default="", max_length=4096, description="Why.")


class AnalysisStatus(StatusModel):
    """The analysis' last measurements."""

    observed_hash: str | None = Field(
        default=None, max_length=253, description="The annotation analysis-hash that the last run was made with."
    )
    results: Annotated[tuple[Result, ...], Field(max_length=RESULTS_KEPT)] = Field(
        default=(), description="The last 10 measurements."
    )


class JobRun(StatusModel):
    """One run of the Check's Job."""

    name: str = Field(max_length=253, description="The Job. What it said: kubectl logs job/NAME.")
    cell: str = Field(default="", max_length=253, description="The Cell that asked; empty: nobody, its time had come.")
    phase: str = Field(
        max_length=63,
        description="Withheld (not made), Pending, Suspended or Running; then Passed, Failed, Inconclusive or Error.",
    )
    since: _Time = Field(description="Since when it is awaited (RFC 3339).")
    time: _Time | None = Field(default=None, description="When it was over (RFC 3339).")
    reason: str = Field(default="", max_length=4096, description="Why.")


class JobStatus(StatusModel):
    """The Jobs that ran, or run."""

    runs: Annotated[tuple[JobRun, ...], Field(max_length=RESULTS_KEPT)] = Field(
        default=(), description="The last 10 runs."
    )


class Attempt(StatusModel):
    """A series that ran for one step of one Cell."""

    cell: str = Field(max_length=253, description="The Cell.")
    uid: str = Field(default="", max_length=128, description="The Cell's uid: one made anew counts from 1 again.")
    rollout: int = Field(description="The rollout's number.")
    step: int = Field(description="The step's index.")
    attempt: int = Field(description="Which attempt at the step.")
    series: int = Field(default=0, description="Which series of the attempt.")
    verdict: str = Field(max_length=63, description="Passed, Failed, Inconclusive or Error.")
    time: _Time = Field(description="When it was over (RFC 3339).")
    message: str = Field(default="", max_length=4096, description="Why.")


class CheckStatus(StatusModel):
    """What the Check's runs gave."""

    observed_generation: int | None = Field(default=None, description="The metadata.generation that was read.")
    last_passed: bool | None = Field(default=None, description="True when, and only when, the last run passed.")
    last_run_time: _Time | None = Field(default=None, description="When the last run was over (RFC 3339).")
    analysis: AnalysisStatus | None = Field(default=None, description="The analysis' last measurements.")
    job: JobStatus | None = Field(default=None, description="The last Jobs.")
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=ATTEMPTS_KEPT)] = Field(
        default=(), description="The last series that ran for Cells."
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="Ready, Reconciling, Stalled."
    )


class Check(Resource):
    """A named judgement."""

    spec: CheckSpec = Field(description="What is judged.")
