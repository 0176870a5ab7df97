"""The actor of one Check: it measures when a Cell asks for a series, or, on its own, at its interval (DESIGN §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from okra.actors.cell_checks import CHECK
from okra.actors.check_status import CheckRecord
from okra.actors.job_runs import JobRuns, Look, Looked
from okra.actors.messages import (
    Describe,
    ObjectChanged,
    ObjectGone,
    RunKey,
    RunSeries,
    SeriesDone,
    key_of,
    one_copy,
)
from okra.actors.runtime.actor import Actor
from okra.actors.wiring import Wiring
from okra.analysis.policy import AnalysisPolicy, policy_from
from okra.analysis.series import Series
from okra.analysis.verdict import Measurement, errored, judge
from okra.analysis.window import NotReady, window_for
from okra.api.check import Check, CheckSpec
from okra.api.checks import Analysis
from okra.api.parse import parse
from okra.errors import Invalid, NotFound, OkraError, Unavailable
from okra.ports import Account, Kind, MetricSource, Object, Reading
from okra.rollout.observation import Verdict

log = structlog.get_logger("okra")

PATIENCE = 10.0
NO_JOBS = "spec.job: a Job needs Kubernetes; without it, judge by an analysis."


@dataclass(frozen=True, slots=True)
class Measure:
    """It is time for the next measurement of a run."""

    run: RunKey


@dataclass(frozen=True, slots=True)
class Measured:
    run: RunKey
    found: Measurement | NotReady


@dataclass(frozen=True, slots=True)
class Read:
    """Time to read the object once more, which couldn't be read."""


@dataclass(frozen=True, slots=True)
class Run:
    series: Series
    request: RunSeries | None = None
    ready_at: float | None = None
    """When there is a first whole piece of data to measure, as the last look at it said."""


Message = ObjectChanged | ObjectGone | RunSeries | Read | Measure | Measured | Look | Looked | Describe


class CheckActor(Actor[Message]):
    def __init__(self, wiring: Wiring, obj: Object, kind: Kind = CHECK) -> None:
        self.wiring, self.kind, self.object = wiring, kind, obj
        self.key = key_of(obj)
        self.record = CheckRecord(wiring, obj, kind)
        self._spec: CheckSpec | None = None
        self._problem = ""
        self._unread = ""
        """Why the object couldn't be read. A Cell that asks is heard once it could."""
        self._runs: dict[RunKey, Run] = {}
        self._jobs = JobRuns(self)
        self._as_given = wiring.as_given(kind, obj)

    async def started(self) -> None:
        """What an actor before this one wrote may be on its way yet; the first begins with what was listed."""
        if self._as_given:
            await self._take(self.object)
        else:
            await self._read()

    async def _read(self) -> None:
        try:
            obj = await self.wiring.store.get(self.kind, *self.key)
        except NotFound:
            self.exit()
        except OkraError as error:
            if str(error) != self._unread:
                log.warning("Retrying", kind="Check", namespace=self.key[0], name=self.key[1], error=str(error))
            self._unread = str(error)
            self.timers.after("read", self.wiring.defaults.poll_interval, Read())
        else:
            await self._take(one_copy(self.object, obj))

    async def receive(self, message: Message) -> None:
        match message:
            case ObjectChanged(object=obj):
                await self._changed(obj)
            case ObjectGone():
                self.exit()
            case RunSeries():
                await self._asked(message)
            case Read():
                if self._unread:
                    await self._read()
            case Measure(run=key):
                self._measure(key)
            case Measured(run=key, found=found):
                await self._measured(key, found)
            case Look(key=key):
                self._jobs.look(key)
            case Looked():
                await self._jobs.looked(message)
            case Describe():
                self.reply(message, self.describe())

    # -- the object ------------------------------------------------------------------------------------------------

    @property
    def _generation(self) -> int:
        return self.object["metadata"].get("generation") or 0

    async def _changed(self, obj: Object) -> None:
        """A watch told of it, perhaps later than a Cell did."""
        generation = obj["metadata"].get("generation") or 0
        if generation == self._generation:
            self.object = obj
            self.record.saw(obj)
        elif generation > self._generation or obj["metadata"]["uid"] != self.object["metadata"]["uid"]:
            await self._take(obj)

    async def _take(self, obj: Object) -> None:
        self.object, self._unread = obj, ""
        self.record.saw(obj)
        model, findings = parse(obj)
        self._spec = model.spec if isinstance(model, Check) else None
        self._problem = "; ".join(f"{f.path}: {f.message}" for f in findings[:3])
        if self._spec is not None:
            self._problem = self._unable(self._spec)
        await self.record.problem("InvalidSpec", self._problem)
        self._end(None)
        self._jobs.end(None)
        if self._spec is None or self._problem or not self._alone:
            return
        if self._spec.job is not None:
            self._jobs.begin(None, self._spec.job)
        else:
            self._begin(None, Series(self._policy(in_cell=False), self.wiring.clock.now()))

    def _unable(self, spec: CheckSpec) -> str:
        """Why a Check that is well written can't run all the same; empty when it can."""
        if spec.job is not None:
            return "" if self.wiring.jobs else NO_JOBS
        try:
            self._policy(in_cell=True)
        except Invalid as error:
            return str(error)
        return ""

    @property
    def _alone(self) -> bool:
        """Was it applied by a person, and may it run by itself?"""
        owned = any(owner.get("controller") for owner in self.object["metadata"].get("ownerReferences", ()))
        return not owned and self._spec is not None and not self._spec.suspend

    @property
    def _analysis(self) -> Analysis:
        if self._spec is None or self._spec.analysis is None:
            raise Invalid(self._problem or "spec.analysis is required.")
        return self._spec.analysis

    @property
    def dry_run(self) -> bool:
        return self._spec is not None and self._spec.dry_run

    def _policy(self, *, in_cell: bool) -> AnalysisPolicy:
        return policy_from(self._analysis, in_cell=in_cell, dry_run=self.dry_run)

    # -- runs ------------------------------------------------------------------------------------------------------

    async def _asked(self, request: RunSeries) -> None:
        """The same request again: it runs already, or its recorded verdict is the answer."""
        if (self._unread or request.generation > self._generation) and not await self._caught_up():
            return  # it will be asked again
        key = request.cell, request.uid, request.token
        if (known := self.record.verdict_of(request)) is not None:
            self.answer(request, *known)
        elif self._problem:
            self.answer(request, Verdict.ERROR, self._problem)
        elif self._spec is not None and self._spec.job is not None:
            self._jobs.ask(key, self._spec.job, request)
        elif (run := self._runs.get(key)) is not None:
            self._runs[key] = replace(run, request=request)
        else:
            for other in [k for k in self._runs if k is not None and k[0] == request.cell]:
                self._end(other)  # a Cell has one attempt at a time
            self._begin(key, Series(self._policy(in_cell=True), self.wiring.clock.now()), request)

    async def _caught_up(self) -> bool:
        """A Cell has changed the Check and asks it at once: no watch has told of that yet."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._take(await self.wiring.store.get(self.kind, *self.key))
        except (OkraError, TimeoutError) as error:
            log.warning("Retrying", kind="Check", namespace=self.key[0], name=self.key[1], error=str(error))
            return False
        return True

    def _begin(self, key: RunKey, series: Series, request: RunSeries | None = None) -> None:
        self._runs[key] = Run(series, request)
        self._arm(key, series.next_at)

    def _begin_again(self, series: Series) -> None:
        """A Check on its own never stops measuring; a breached limit only begins the count anew."""
        policy = series.policy
        begins = self.wiring.clock.now() + (policy.interval or 0.0) - policy.initial_delay
        self._begin(None, Series(policy, begins))

    def _end(self, key: RunKey) -> None:
        self._runs.pop(key, None)
        self.timers.cancel(key)

    def _arm(self, key: RunKey, at: float | None) -> None:
        if at is not None:
            self.timers.after(key, max(0.0, at - self.wiring.clock.now()), Measure(key))

    def _measure(self, key: RunKey) -> None:
        if (run := self._runs.get(key)) is not None:
            self.run(self._ask_source(run), done=lambda found: Measured(key, found))

    async def _measured(self, key: RunKey, found: Measurement | NotReady) -> None:
        run = self._runs.get(key)
        if run is None:
            return  # given up meanwhile
        if isinstance(found, NotReady):
            self._runs[key] = replace(run, ready_at=found.ready_at)
            self._arm(key, found.ready_at)
            return
        series = run.series.record(found)
        self._runs[key] = replace(run, series=series, ready_at=None)
        if series.verdict is None:
            if run.request is None:
                await self.record.measured(series)
            self._arm(key, series.next_at)
            return
        self._end(key)
        if run.request is not None:  # before it is recorded: a store that doesn't answer must not hold up a revert
            self.answer(run.request, series.verdict, series.message)
        await self.record.ended(series, run.request)
        if key is None and series.policy.count is None and series.next_at is None:
            self._begin_again(series)

    def answer(self, request: RunSeries, verdict: Verdict, message: str) -> None:
        request.reply_to.tell(SeriesDone(self.key[1], request.cell, request.token, verdict, message))

    # -- measuring -------------------------------------------------------------------------------------------------

    async def _ask_source(self, run: Run) -> Measurement | NotReady:
        """One measurement, of both sides if the condition compares them. What fails here says nothing of the app."""
        now = self.wiring.clock.now
        request, analysis, policy = run.request, self._analysis, run.series.policy
        account = request.account if request else Account()
        try:
            source = await self._open(analysis, account)
            try:
                not_before = request.not_before if request else None
                window = window_for(source.grain, now=now(), not_before=not_before, length=policy.window)
                if isinstance(window, NotReady):
                    return window
                reading = await source.measure(window)
                stable = None
                if request is not None and request.stable is not None:
                    stable = await self._measure_stable(request.stable, account, window)
            finally:
                await source.close()
            return judge(policy, reading, at=now(), stable=stable)
        except OkraError as error:
            return errored(error, at=now())
        except TimeoutError:
            return errored(Unavailable("no answer in time"), at=now())

    async def _open(self, analysis: Analysis, account: Account) -> MetricSource:
        provider = analysis.provider or self.wiring.defaults.check_provider
        if provider is None:
            raise Invalid("spec.analysis.provider is required: OKRA_CHECK_PROVIDER sets no default")
        return await self.wiring.sources.open(provider, analysis.query, self.key[0], account)

    async def _measure_stable(self, analysis: Mapping[str, Any], account: Account, window: Any) -> Reading:
        source = await self._open(Analysis.model_validate(analysis), account)
        try:
            return await source.measure(window)
        finally:
            await source.close()

    def describe(self) -> dict[str, Any]:
        return {
            "problem": self._problem,
            "jobs": self._jobs.describe(),
            "runs": [{"for": key, "series": run.series, "ready_at": run.ready_at} for key, run in self._runs.items()],
        }
