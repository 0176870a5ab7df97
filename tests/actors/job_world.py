"""A world with a controller of Jobs: as a cluster's, but it says of each Job what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from okra.actors.cell_checks import CHECK
from okra.analysis.jobs import JOB
from okra.errors import NotFound
from okra.ports import Object
from okra.rollout.status import write_time
from okra.testing.clock import FakeClock
from tests.actors.doubles import FragileStore
from tests.actors.world import QUICK, World, cell, lone_check, world

TAKES = 3.0
"""Seconds that a Job runs."""


def job(*args: str, **spec: Any) -> dict[str, Any]:
    """A check's `job`, in short form."""
    return {"template": {"spec": {"image": "smoke", "command": ["/smoke"], "args": list(args)}}, **spec}


def check(name: str = "smoke", *args: str, **spec: Any) -> dict[str, Any]:
    return {"name": name, "job": job(*args, **spec)}


class Stored(Protocol):
    """A world, as far as Jobs are concerned."""

    @property
    def store(self) -> FragileStore: ...

    @property
    def clock(self) -> FakeClock: ...


W = TypeVar("W", bound=Stored)


@dataclass
class Jobs(Generic[W]):
    """What became of the Jobs of a world."""

    w: W
    outcome: Callable[[Object], str | None] = lambda _: "Complete"
    """Asked at a Job's end: the condition that it gets, or None: it hangs."""
    works: bool = True
    """The controller of Jobs does."""
    seen: dict[str, Object] = field(default_factory=dict)
    """By name, in the order in which they were made."""
    uids: set[str] = field(default_factory=set)

    async def present(self) -> dict[str, Object]:
        return {each["metadata"]["name"]: each for each in (await self.w.store.real.list(JOB)).items}

    async def set(self, name: str, **status: Any) -> None:
        await self.w.store.real.patch_status(JOB, "default", name, status)
        self.w.store.changed.set()

    async def end(self, name: str, condition: str, reason: str = "", message: str = "") -> None:
        at = write_time(self.w.clock.now())
        found = {"type": condition, "status": "True", "reason": reason, "message": message, "lastTransitionTime": at}
        await self.set(name, active=0, ready=0, conditions=[found])

    async def delete(self, name: str) -> None:
        await self.w.store.real.delete(JOB, "default", name)

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            for name, each in (await self.present()).items():
                self.uids.add(each["metadata"]["uid"])
                self.seen.setdefault(name, each)
                await self._sync(name, each)
            await asyncio.sleep(0.1)

    async def _sync(self, name: str, each: Object) -> None:
        status = each.get("status") or {}
        if not self.works or each["spec"].get("suspend") or status.get("conditions"):
            return
        now = datetime.fromtimestamp(self.w.clock.now(), UTC)
        if "startTime" not in status:
            await self.set(name, startTime=write_time(now.timestamp()), active=1, ready=1)
            return
        runs = now - datetime.fromisoformat(status["startTime"])
        if runs >= timedelta(seconds=TAKES) and (condition := self.outcome(each)) is not None:
            failed = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
            await self._end(name, condition, *(failed if condition == "Failed" else ()))
        elif runs >= timedelta(seconds=each["spec"]["activeDeadlineSeconds"]):
            await self._end(name, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")

    async def _end(self, name: str, condition: str, reason: str = "", message: str = "") -> None:
        try:
            await self.end(name, condition, reason, message)
        except NotFound:
            return  # deleted meanwhile


@asynccontextmanager
async def jobs_of(w: W) -> AsyncIterator[Jobs[W]]:
    """The controller of Jobs works as long as this lasts."""
    jobs = Jobs(w)
    task = asyncio.create_task(jobs.work())
    try:
        yield jobs
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def job_world(**defaults: Any) -> AsyncIterator[Jobs[World]]:
    async with world(**defaults) as w:
        w.options["jobs"] = True
        async with jobs_of(w) as jobs:
            yield jobs


def lone(**spec: Any) -> Object:
    return lone_check("smoke", **{"job": job(), **spec})


@asynccontextmanager
async def prechecked(**settings: Any) -> AsyncIterator[Jobs[World]]:
    """A Cell that has 1.1.0 to roll out, and a precheck that runs a Job; nobody works on it yet."""
    async with job_world(**settings) as jobs:
        jobs.w.two_versions()
        await jobs.w.apply(cell(prechecks=[check()], **QUICK))
        yield jobs


@asynccontextmanager
async def applied(**spec: Any) -> AsyncIterator[Jobs[World]]:
    """A Check of its own that runs a Job; nobody works on it yet."""
    async with job_world() as jobs:
        await jobs.w.apply(lone(**spec))
        yield jobs


@asynccontextmanager
async def begun(world: AbstractAsyncContextManager[Jobs[World]]) -> AsyncIterator[tuple[Jobs[World], str]]:
    """The name of its first Job as well, which runs and doesn't end by itself."""
    async with world as jobs:
        jobs.outcome = lambda _: None
        async with jobs.w.running():
            await jobs.w.when(lambda: jobs.seen)
            [name] = jobs.seen
            yield jobs, name


async def runs(jobs: Jobs[World], name: str = "web-smoke") -> list[dict[str, Any]]:
    status = await jobs.w.status(name, CHECK)
    found: list[dict[str, Any]] = (status.get("job") or {}).get("runs", [])
    return found
