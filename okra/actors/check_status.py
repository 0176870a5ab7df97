"""What a Check's status says: the last results, whether the last run passed, and the verdict of each Cell's attempt."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import structlog

from okra.actors.messages import RunSeries, key_of
from okra.actors.wiring import Wiring
from okra.analysis.naming import ANNOTATION
from okra.analysis.series import Series
from okra.api.check import (
    ATTEMPTS_KEPT,
    RESULTS_KEPT,
    AnalysisStatus,
    Attempt,
    CheckStatus,
    JobRun,
    JobStatus,
    Result,
)
from okra.api.conditions import Condition, ConditionStatus, ConditionType
from okra.errors import Conflict, OkraError
from okra.ports import Kind, Object
from okra.rollout.observation import Verdict
from okra.rollout.status import write_time

log = structlog.get_logger("okra")

PATIENCE = 10.0
ECHOES = 16
"""Writes of its own that it recognises when the watch tells of them."""


class CheckRecord:
    """The status of one Check, as last seen, and its writing. A write that fails is logged: it is read by people, and
    the next one carries all of it again."""

    def __init__(self, wiring: Wiring, obj: Object, kind: Kind) -> None:
        self._wiring, self._object, self.kind = wiring, obj, kind
        self._status = CheckStatus()
        self._written: deque[str] = deque(maxlen=ECHOES)
        """The resourceVersions that its own writes replaced: what a watch tells of them is old."""

    def saw(self, obj: Object) -> None:
        if obj["metadata"]["resourceVersion"] in self._written:
            return
        self._object = obj
        self._status = CheckStatus.model_validate(obj.get("status") or {})

    def verdict_of(self, request: RunSeries) -> tuple[Verdict, str] | None:
        """The recorded verdict of this very attempt."""
        cell, token = "/".join(request.cell), request.token
        for each in self._status.attempts:
            same = (each.rollout, each.step, each.attempt, each.series)
            if (each.cell, each.uid) == (cell, request.uid) and same == (
                token.rollout,
                token.step,
                token.attempt,
                token.series,
            ):
                return Verdict(each.verdict), each.message
        return None

    async def problem(self, reason: str, message: str) -> None:
        """Say that the Check can't run, or that it can again."""
        if message:
            await self._write(conditions=self._conditions(reason, message, ready=False, stalled=True))
        elif any(
            condition.type == ConditionType.STALLED and condition.status == "True"
            for condition in self._status.conditions
        ):
            await self._write(conditions=self._conditions("Ready", "Not measured yet.", ready=False, stalled=False))

    async def measured(self, series: Series) -> None:
        """A Check on its own has one more measurement."""
        await self._write(**self._results(series, passed=series.last_passed))

    async def ended(self, series: Series, request: RunSeries | None) -> None:
        """A series has its verdict."""
        found = self._results(series, passed=series.verdict is Verdict.PASSED)
        if request is not None and series.verdict is not None:
            found["attempts"] = self._attempts(request, series.verdict, series.message)
        await self._write(**found)

    def _attempts(self, request: RunSeries, verdict: Verdict, message: str) -> tuple[Attempt, ...]:
        token = request.token
        attempt = Attempt(
            cell="/".join(request.cell),
            uid=request.uid,
            rollout=token.rollout,
            step=token.step,
            attempt=token.attempt,
            series=token.series,
            verdict=verdict,
            time=self._now(),
            message=message[:1000],
        )
        return (*self._status.attempts, attempt)[-ATTEMPTS_KEPT:]

    # -- Jobs ------------------------------------------------------------------------------------------------------

    @property
    def job_runs(self) -> tuple[JobRun, ...]:
        return self._status.job.runs if self._status.job else ()

    async def job_waits(self, run: JobRun) -> None:
        """A Job is there and not over, or isn't made yet."""
        await self._write(job=self._with(run))

    async def job_over(self, run: JobRun, verdict: Verdict, message: str, request: RunSeries | None) -> None:
        """`verdict`: what the run counts as."""
        passed = verdict is Verdict.PASSED
        found: dict[str, Any] = {
            "last_passed": passed,
            "last_run_time": self._now(),
            "job": self._with(run),
            "conditions": self._conditions(str(verdict), message[:1000], ready=passed, stalled=False),
        }
        if request is not None:
            found["attempts"] = self._attempts(request, verdict, message)
        await self._write(**found)

    def _with(self, run: JobRun) -> JobStatus:
        """What a run says now takes the place of what it said before; one whose Job couldn't be named isn't listed."""
        others = tuple(each for each in self.job_runs if each.name != run.name)
        return JobStatus(runs=((*others, run) if run.name else others)[-RESULTS_KEPT:])

    # -- measurements ----------------------------------------------------------------------------------------------

    def _results(self, series: Series, *, passed: bool) -> dict[str, Any]:
        annotations = self._object["metadata"].get("annotations", {})
        results = tuple(
            Result(
                value=each.value,
                time=write_time(each.time),
                query=each.query,
                verdict=each.verdict or "TooLittleData",
                reason=each.reason[:1000],
            )
            for each in series.results
        )
        reason = "Passed" if passed else str(series.verdict or "NotPassed")
        return {
            "last_passed": passed,
            "last_run_time": self._now(),
            "analysis": AnalysisStatus(observed_hash=annotations.get(ANNOTATION), results=self._newest(results)),
            "conditions": self._conditions(reason, series.message[:1000], ready=passed, stalled=False),
        }

    def _newest(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        """The last of all that was measured: a series that ends takes nothing of the ones before it away."""
        known = self._status.analysis.results if self._status.analysis else ()
        fresh = [each for each in results if each not in known]
        return tuple(sorted((*known, *fresh), key=lambda each: each.time))[-RESULTS_KEPT:]

    def _conditions(self, reason: str, message: str, *, ready: bool, stalled: bool) -> tuple[Condition, ...]:
        since = {c.type: (c.status, c.last_transition_time) for c in self._status.conditions}
        found = []
        for type_, holds in ((ConditionType.READY, ready), (ConditionType.STALLED, stalled)):
            status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
            was, when = since.get(type_, (None, None))
            found.append(
                Condition(
                    type=type_,
                    status=status,
                    reason=reason,
                    message=message,
                    observed_generation=self._object["metadata"].get("generation"),
                    last_transition_time=when if was == status and when else self._now(),
                )
            )
        return tuple(found)

    async def _write(self, **changes: Any) -> None:
        changes["observed_generation"] = self._object["metadata"].get("generation")
        self._status = self._status.model_copy(update=changes)
        body = self._status.model_dump(mode="json", include=set(changes))
        try:
            async with asyncio.timeout(PATIENCE):
                self._wrote(await self._patch(body))
        except (OkraError, TimeoutError) as error:
            name = self._object["metadata"]["name"]
            log.warning("StatusNotWritten", kind="Check", name=name, error=str(error) or type(error).__name__)

    async def _patch(self, body: Object) -> Object:
        """A Check made anew under this one's name gets nothing of it: each write is for a version of this object."""
        store, key, metadata = self._wiring.store, key_of(self._object), self._object["metadata"]
        try:
            return await store.patch_status(self.kind, *key, body, resource_version=metadata["resourceVersion"])
        except Conflict:
            found = (await store.get(self.kind, *key))["metadata"]
            if found["uid"] != metadata["uid"]:
                raise
            return await store.patch_status(self.kind, *key, body, resource_version=found["resourceVersion"])

    def _wrote(self, obj: Object) -> None:
        self._written.append(self._object["metadata"]["resourceVersion"])
        self._object = obj

    def _now(self) -> str:
        return write_time(self._wiring.clock.now())
