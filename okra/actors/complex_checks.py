"""The checks that a complex Cell asks for itself: prechecks, and the postchecks of what has no route.

As a simple Cell's (`cell_checks`): Check objects are made, their actors asked for a series, the verdicts joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from okra.actors.cell_checks import WORST_FIRST, counted
from okra.actors.check_objects import CheckObjects, Holder, Made, as_asked
from okra.actors.complex_children import Children
from okra.actors.kinds import kind_named, resource
from okra.actors.messages import Forward, RunSeries, SeriesDone
from okra.actors.runtime.ref import ActorRef
from okra.actors.wiring import Wiring
from okra.analysis.naming import checks_for
from okra.api.aws import dimension_of
from okra.api.cell import CellSpec
from okra.api.checks import CellCheck
from okra.api.complex import Application
from okra.applications.children import eks_name
from okra.applications.effects import RunChecks
from okra.applications.state import AppState, Group, Placement, State
from okra.errors import Fatal
from okra.ports import Account
from okra.rollout.observation import SeriesResult, Token, Verdict
from okra.rollout.words import short

Say = Callable[[str, str, Literal["Normal", "Warning"]], None]


@dataclass
class _Series:
    """The series that runs: which objects each check waits for, and what they said."""

    effect: RunChecks
    not_before: float | None
    account: Account
    dry: frozenset[str]
    """Checks that hold up nothing."""
    objects: dict[str, list[Made]] = field(default_factory=dict)
    done: dict[str, SeriesDone] = field(default_factory=dict)
    results: dict[str, SeriesResult] = field(default_factory=dict)


class ComplexChecks:
    def __init__(self, wiring: Wiring, children: Children, ref: Callable[[], ActorRef[Any]], say: Say) -> None:
        self._wiring, self._children, self._ref, self._say = wiring, children, ref, say
        self._kind = kind_named(children.parent.group, "Check")
        self._checks: dict[str, CheckObjects] = {}
        """Application → its Checks."""
        self._series: _Series | None = None

    def requested(self, state: State) -> Token | None:
        """The series of the present attempt that runs, or ran."""
        series = self._present(state)
        return series.effect.token if series else None

    def results(self, state: State) -> tuple[SeriesResult, ...]:
        """Of the present attempt."""
        series = self._present(state)
        return tuple(series.results.values()) if series else ()

    def _present(self, state: State) -> _Series | None:
        series = self._series
        if series is None or not (app := state.of(series.effect.application)).moving:
            return None
        return series if app.token == series.effect.token else None

    async def run(self, spec: CellSpec, effect: RunChecks, app: AppState, account: Account) -> None:
        """Begin one series of each check. What can't begin is an Error of that check: it says nothing about the app."""
        application = next(each for each in spec.applications or () if each.name == effect.application)
        early = set(effect.checks) <= {each.name for each in application.prechecks}
        known = {each.name: each for each in (*application.prechecks, *application.postchecks)}
        dry = frozenset(each.name for each in known.values() if each.dry_run)
        series = _Series(effect, None if early else self._wiring.clock.now(), account, dry)
        for name in effect.checks:
            try:
                series.objects[name] = await self._objects(spec, application, known[name], app, account)
            except Fatal as error:
                series.objects[name] = []
                self._tell(series, name, Verdict.ERROR, str(error))
        self._series = series
        self.ask_again()

    def ask_again(self) -> None:
        """An actor may have crashed with our request: the same token again is the same request."""
        series, parent = self._series, self._children.parent
        if series is None:
            return
        key, token = (parent.namespace, parent.name), series.effect.token
        uid = f"{parent.uid}/{series.effect.application}"  # each application counts its attempts from 1
        for check, objects in series.objects.items():
            for name, obj, made in () if check in series.results else objects:
                if name not in series.done:
                    stable = made.stable if made else None
                    generation = obj["metadata"].get("generation", 0) if obj else 0
                    about = series.not_before, self._ref(), uid, stable, series.account
                    asked = RunSeries(key, token, *about, generation)
                    self._wiring.refs[resource(self._kind)].tell(Forward((key[0], name), asked, obj))

    def done(self, message: SeriesDone) -> None:
        series = self._series
        if series is None or message.token != series.effect.token:
            return
        series.done[message.check] = message
        for check, objects in series.objects.items():
            found = [series.done[name] for name, _, _ in objects if name in series.done]
            failed = any(each.verdict is Verdict.FAILED for each in found)
            if found and check not in series.results and (failed or len(found) == len(objects)):
                worst = min(found, key=lambda each: WORST_FIRST.index(each.verdict))
                self._tell(series, check, worst.verdict, worst.message)

    def _tell(self, series: _Series, check: str, verdict: Verdict, message: str) -> None:
        verdict, message = counted(verdict, message, dry=check in series.dry)
        result = SeriesResult(check, series.effect.token, verdict, message, self._wiring.clock.now())
        series.results[check] = result
        said = f"{series.effect.application}: {check}: {message}"
        self._say(f"Check{verdict}", said, "Normal" if verdict is Verdict.PASSED else "Warning")

    # -- objects ---------------------------------------------------------------------------------------------------

    async def _objects(
        self, spec: CellSpec, application: Application, check: CellCheck, app: AppState, account: Account
    ) -> list[Made]:
        """The Check objects of one check, there before they are asked."""
        now, before = _variables(spec, application, app.target, app), _variables(spec, application, app.synced, app)
        asked, checks = as_asked(check, self._wiring.defaults, account), self._checks_of(application.name)
        return await checks.apply(check, lambda prefix: checks_for(prefix, [asked], now, before))

    def _checks_of(self, application: str) -> CheckObjects:
        """Two applications may have a check of one name."""
        if application not in self._checks:
            self._checks[application] = CheckObjects(
                self._wiring, self._kind, partial(self._holder, application), self._wiring.must_be_open
            )
        return self._checks[application]

    def _holder(self, application: str) -> Holder:
        parent = self._children.parent
        named = parent.name, parent.application(application)
        return Holder(parent.api_version, parent.kind, parent.namespace, parent.name, parent.uid, parent.labels, named)


def _variables(
    spec: CellSpec, application: Application, placement: Placement | None, app: AppState
) -> Sequence[Mapping[str, str]]:
    """The template variables of each cluster of a placement; what has no route has none of a route's."""
    if placement is None:
        return ()
    eks = {each.cluster: each.eks for each in placement.groups if each.eks}
    eks |= {each.name: eks_name(each) for each in spec.clusters or ()}
    listener = next((alb.listener_arn for _, alb in application.routes), "")
    return [
        {
            "clusterName": cluster,
            "eksClusterName": eks.get(cluster, cluster),
            "version": placement.version,
            "stableVersion": app.synced.version if app.synced else "",
            **of_route,
        }
        for cluster in placement.clusters
        for of_route in [_of_route(listener, each) for each in placement.groups if each.cluster == cluster] or [{}]
    ]


def _of_route(listener: str, group: Group) -> Mapping[str, str]:
    listener, arn = group.route.partition("#")[0] or listener, group.arn
    balancer = "/".join(dimension_of(listener).split("/")[1:4])
    return {
        "albListenerARN": listener,
        "targetGroupARN": arn,
        "targetGroupName": short(arn),
        "loadBalancer": balancer,
    }
