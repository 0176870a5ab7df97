"""The runs of one Check's Job: begun, watched until they are over, judged and told (DESIGN §4, §7)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import structlog

from okra.actors.check_jobs import WITHHELD, CheckJobs, Sight
from okra.actors.messages import RunKey, RunSeries
from okra.actors.tries import Tries
from okra.analysis.jobs import AskedRun, JobState, job_name
from okra.api.check import JobRun
from okra.api.job import Job
from okra.errors import Fatal, Retryable, Unavailable
from okra.rollout.observation import Verdict
from okra.rollout.status import write_time

if TYPE_CHECKING:
    from okra.actors.check import CheckActor

log = structlog.get_logger("okra")

SOONEST, LATEST = 1.0, 10.0
"""Seconds between two looks: a quarter of how long it has been, within these."""
GRACE = 60.0
"""Seconds after its deadline until a Job that nobody ended is given up: suspended, or without a controller of Jobs."""
PATIENCE = 30.0
"""Seconds that one look may take. Each call in it has a deadline of its own."""


@dataclass(frozen=True, slots=True)
class Look:
    """It is time to look at a run's Job."""

    key: RunKey


@dataclass(frozen=True, slots=True)
class Looked:
    key: RunKey
    number: int
    found: Sight | Retryable


@dataclass(slots=True)
class Waiting:
    """A run that isn't over."""

    number: int
    job: Job
    request: RunSeries | None
    tries: Tries
    began: float
    name: str = ""
    """Of its Job, once that was there."""
    said: JobState | None = None
    """What was last recorded."""


class JobRuns:
    def __init__(self, actor: CheckActor) -> None:
        self._actor, self._wiring = actor, actor.wiring
        self._waiting: dict[RunKey, Waiting] = {}
        self._numbers = count()

    def ask(self, key: RunKey, job: Job, request: RunSeries) -> None:
        """The same request again: it runs already. A Cell has one attempt at a time; who begins one ends the others."""
        if (known := self._waiting.get(key)) is not None:
            known.request = request
            return
        for other in [each for each in self._waiting if each is not None and each[0] == request.cell]:
            self.end(other)
        self.begin(key, job, request)

    def begin(self, key: RunKey, job: Job, request: RunSeries | None = None) -> None:
        clock = self._wiring.clock
        self._waiting[key] = Waiting(next(self._numbers), job, request, Tries(clock), clock.now())
        self.look(key)

    def end(self, key: RunKey) -> None:
        """Nobody waits for it any more."""
        self._waiting.pop(key, None)
        self._actor.timers.cancel(_timer(key))

    def look(self, key: RunKey) -> None:
        if (run := self._waiting.get(key)) is not None:
            number = run.number
            self._actor.run(self._sight(run), done=lambda found: Looked(key, number, found))

    async def looked(self, message: Looked) -> None:
        key, run, found = message.key, self._waiting.get(message.key), message.found
        if run is None or run.number != message.number:
            return  # given up meanwhile
        if isinstance(found, Retryable):
            await self._refused(run, found)
            self._arm(key, run.tries.wait)
            return
        run.tries.succeeded()
        sight = self._in_time(run, found)
        if sight.made:
            whose = f" for {run.request.cell[1]}" if run.request else ""
            self._say(run, "JobCreated", f"Job {sight.name} was created{whose}.")
        if sight.state.verdict is None:
            await self._waits(key, run, sight)
        else:
            await self._over(key, run, sight, sight.state.verdict)

    def describe(self) -> list[Mapping[str, Any]]:
        return [{"for": key, "job": run.name, "state": run.said} for key, run in self._waiting.items()]

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _sight(self, run: Waiting) -> Sight | Retryable:
        """One look. What can't be mended by another one is the run's Error."""
        jobs = CheckJobs(self._wiring, self._actor.kind, self._actor.object)
        asked, name = _asked(run.request) if run.request else None, self._name(run)
        try:
            async with asyncio.timeout(PATIENCE):
                if asked is None:
                    return await jobs.of_itself(run.job)
                return await jobs.of_cell(run.job, asked, known=run.name == name or self._has_been(name))
        except Retryable as error:
            return error
        except TimeoutError:
            return Unavailable("The store doesn't answer.")
        except Fatal as error:
            return Sight(name, JobState(Verdict.ERROR, str(error), _refusal(run)))

    def _name(self, run: Waiting) -> str:
        """Of its Job, whether that is there or not; empty while it isn't known which of the Check's own it is."""
        return job_name(self._actor.object, _asked(run.request)) if run.request else run.name

    def _has_been(self, name: str) -> bool:
        """Did a process before this one see the Job?"""
        return any(each.name == name and each.phase != WITHHELD for each in self._actor.record.job_runs)

    def _in_time(self, run: Waiting, sight: Sight) -> Sight:
        """The Job; one that Kubernetes should have ended some time ago is given up."""
        now = self._wiring.clock.now()
        if sight.state.phase == WITHHELD:
            run.began = now
        elif sight.name != run.name:
            run.name, run.began = sight.name, now
        limit = run.job.active_deadline_seconds + GRACE
        if sight.state.verdict is not None or now - run.began <= limit:
            return sight
        said = f"{sight.state.message} Nobody ended it within {limit:g} s."
        return Sight(sight.name, JobState(Verdict.INCONCLUSIVE, said, Verdict.INCONCLUSIVE))

    async def _refused(self, run: Waiting, error: Retryable) -> None:
        """To be tried again; each cause is said once, in the status too where a Cell waits for a Job to be made."""
        if not run.tries.failed(str(error)):
            return
        namespace, name = self._actor.key
        log.warning("Retrying", kind="Check", namespace=namespace, name=name, error=str(error))
        job = self._name(run)
        if run.request is not None and not run.name and not self._has_been(job):
            run.said = JobState(WITHHELD, f"The Job {job} isn't made yet: {error}.")
            await self._actor.record.job_waits(self._entry(run, Sight(job, run.said)))

    def _arm(self, key: RunKey, delay: float) -> None:
        if delay != math.inf:
            self._actor.timers.after(_timer(key), max(0.0, delay), Look(key))

    # -- what was seen -----------------------------------------------------------------------------------------------

    async def _waits(self, key: RunKey, run: Waiting, sight: Sight) -> None:
        if sight.state.message and sight.state != run.said:
            run.said = sight.state
            await self._actor.record.job_waits(self._entry(run, sight))
        now = self._wiring.clock.now()
        self._arm(key, _pace(now - run.began) if sight.next_at is None else sight.next_at - now)

    async def _over(self, key: RunKey, run: Waiting, sight: Sight, verdict: Verdict) -> None:
        message, entry = sight.state.message, self._entry(run, sight)
        if self._actor.dry_run:
            verdict, message = Verdict.PASSED, f"dry run, would be {verdict}: {message}"
        if run.request is not None:
            self.end(key)  # and told before it is recorded: a store that doesn't answer must not hold up a revert
            self._actor.answer(run.request, verdict, message)
        elif any((each.name, each.time) == (entry.name, entry.time) for each in self._actor.record.job_runs):
            self._next(key, run, sight)  # it was over before this process began
            return
        self._say(run, f"Job{entry.phase}", message, entry.phase)
        await self._actor.record.job_over(entry, verdict, message, run.request)
        if run.request is None:
            self._next(key, run, sight)

    def _next(self, key: RunKey, run: Waiting, sight: Sight) -> None:
        """A Check on its own runs again at its interval."""
        now, interval = self._wiring.clock.now(), run.job.interval
        if interval is None:
            self.end(key)
        else:
            self._arm(key, interval.seconds if sight.next_at is None else sight.next_at - now)

    def _entry(self, run: Waiting, sight: Sight) -> JobRun:
        state, now = sight.state, self._wiring.clock.now()
        over = now if state.ended_at is None else state.ended_at
        return JobRun(
            name=sight.name,
            cell="/".join(run.request.cell) if run.request else "",
            phase=state.phase,
            since=write_time(run.began),
            time=None if state.verdict is None else write_time(over),
            reason=state.message[:1000],
        )

    def _say(self, run: Waiting, reason: str, message: str, phase: str = Verdict.PASSED) -> None:
        fields = {"rollout": run.request.token.rollout} if run.request else {}
        mood: Literal["Normal", "Warning"] = "Normal" if phase == Verdict.PASSED else "Warning"
        self._wiring.journal.record(self._actor.kind, self._actor.object, reason, message, mood, **fields)


def _asked(request: RunSeries) -> AskedRun:
    return AskedRun(f"{'/'.join(request.cell)} {request.uid}", request.token)


def _refusal(run: Waiting) -> Verdict:
    """What a Job counts as that the API server refuses, for a field that it doesn't know, say, or for a quota.

    As a precheck it has failed, or nothing would ever come of it. At a weight it says nothing about the app.
    """
    return Verdict.FAILED if run.request is not None and run.request.not_before is None else Verdict.ERROR


def _pace(elapsed: float) -> float:
    return min(max(elapsed / 4, SOONEST), LATEST)


def _timer(key: RunKey) -> tuple[str, RunKey]:
    return "job", key
