"""The Jobs of one Check on the API server: each made once, looked at, and in the end tidied up.

Who looks at a run makes its Job if there is none, and finds it otherwise (`okra.analysis.jobs`): nothing has to be
remembered between two looks, or from one process to the next.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

from okra.actors.messages import Key, key_of
from okra.actors.wiring import Wiring
from okra.analysis.jobs import (
    ITSELF,
    JOB,
    LABEL,
    AskedRun,
    JobState,
    asked_by,
    in_check,
    is_leaving,
    is_of,
    job_for,
    job_name,
    read_job,
    run_of,
)
from okra.analysis.naming import check_name
from okra.api.job import Job
from okra.errors import AlreadyExists, Conflict, Fatal, Invalid, NotFound
from okra.ports import Kind, Object
from okra.rollout.observation import Token, Verdict

KEPT = 3
"""Jobs of each asker that are left for people to look at, with the one that runs."""
WITHHELD = "Withheld"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at a run's Job showed."""

    name: str
    state: JobState
    next_at: float | None = None
    """When to look again, epoch seconds, or inf for never; None: as the Job goes on."""
    made: bool = False
    """By this look."""


class CheckJobs:
    def __init__(self, wiring: Wiring, kind: Kind, check: Object) -> None:
        """`check`: the Check as it is now."""
        self._wiring, self._store, self._kind, self._check = wiring, wiring.store, kind, check

    async def of_cell(self, job: Job, run: AskedRun, *, known: bool) -> Sight:
        """The Job of a run that a Cell asked for. `known`: it has been there, and isn't made a second time."""
        name = job_name(self._check, run)
        try:
            return self._read(await self._store.get(JOB, self._key[0], name))
        except NotFound:
            if known:
                return _deleted(name)
        return await self._make(job, run)

    async def of_itself(self, job: Job) -> Sight:
        """The Job of the last run of a Check that a person applied; of the next, once that is due."""
        generation = self._check["metadata"]["generation"]
        own = {run_of(each): each for each in await self._all() if asked_by(each) == ITSELF}
        last = max((run for run in own if run and run[0] == generation), default=None)
        if last is not None:
            sight = Sight(own[last]["metadata"]["name"], read_job(own[last]))
            if is_leaving(own[last]):
                return replace(sight, state=JobState("Pending", f"Job {sight.name} was deleted; it is made again."))
            if sight.state.verdict is None:
                return sight
            now, interval = self._wiring.clock.now(), job.interval
            due = math.inf if interval is None else (sight.state.ended_at or now) + interval.seconds
            if now < due:
                return replace(sight, next_at=due)
        return await self._make(job, AskedRun(ITSELF, Token(generation, 0, last[2] + 1 if last else 1)))

    def _read(self, found: Object) -> Sight:
        name = found["metadata"]["name"]
        if not is_of(self._check, found):
            return Sight(name, _error(f"The Job {name} exists and isn't this Check's: delete it."))
        return _deleted(name) if is_leaving(found) else Sight(name, read_job(found))

    # -- writing ---------------------------------------------------------------------------------------------------

    async def _make(self, job: Job, run: AskedRun) -> Sight:
        """Conflict: somebody was quicker, or one of this name is still leaving. Look again."""
        name = job_name(self._check, run)
        if (withheld := self._withheld(name)) is not None:
            return withheld
        try:
            await self._tidy(run.whose)
        except Fatal as error:
            self._wiring.journal.record(self._kind, self._check, "JobsNotDeleted", str(error), "Warning")
        if (withheld := self._withheld(name)) is not None:
            return withheld
        try:
            made = await self._store.create(JOB, job_for(self._check, job, run))
        except AlreadyExists as error:
            raise Conflict(str(error)) from error
        except Invalid as error:
            raise Invalid(f"The API server refuses the Job: {in_check(job, str(error))}") from error
        return replace(self._read(made), made=True)

    def _withheld(self, name: str) -> Sight | None:
        """Nothing is made behind a closed gate."""
        gate = self._wiring.gate
        if gate.may_write():
            return None
        opens_at = gate.opens_at()
        if opens_at is not None:
            return Sight(name, JobState(WITHHELD, ""), opens_at)
        poll = self._wiring.clock.now() + self._wiring.defaults.poll_interval
        return Sight(name, JobState(WITHHELD, f"The Job {name} isn't made, for --read-only."), poll)

    async def _tidy(self, whose: str) -> None:
        """Before a new one: what its asker had asked for judges nothing any more. Some of what is over is kept."""
        jobs = [each for each in await self._all() if asked_by(each) == whose and not is_leaving(each)]
        over = [each for each in jobs if read_job(each).verdict is not None]
        kept = sorted(over, key=lambda each: (each["metadata"]["creationTimestamp"], run_of(each)))[1 - KEPT :]
        for metadata in (each["metadata"] for each in jobs if each not in kept):
            with suppress(NotFound, Conflict):
                await self._store.delete(JOB, self._key[0], metadata["name"], uid=metadata["uid"])

    async def _all(self) -> list[Object]:
        namespace, name = self._key
        listing = await self._store.list(JOB, namespace, f"{LABEL}={check_name(name)}")
        return [each for each in listing.items if is_of(self._check, each)]

    @property
    def _key(self) -> Key:
        return key_of(self._check)


def _deleted(name: str) -> Sight:
    return Sight(name, JobState("Inconclusive", f"Job {name} was deleted before it was over.", Verdict.INCONCLUSIVE))


def _error(message: str) -> JobState:
    return JobState("Error", message, Verdict.ERROR)
