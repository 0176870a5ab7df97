"""The checks that a complex Cell asks for itself: prechecks, and the postchecks of what has no route.

As a simple Cell's (`cell_checks`): Check objects are made, their actors asked for a series, the verdicts joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from okra.actors.cell_checks import CELL_LABEL, CHECK_LABEL, WORST_FIRST, counted
from okra.actors.complex_children import Children
from okra.actors.kinds import kind_named, resource
from okra.actors.messages import Forward, RunSeries, SeriesDone
from okra.actors.runtime.ref import ActorRef
from okra.actors.wiring import Wiring
from okra.analysis.naming import ANNOTATION, CheckObject, checks_for
from okra.api.aws import dimension_of
from okra.api.cell import CellSpec
from okra.api.checks import CellCheck
from okra.api.complex import Application
from okra.applications.children import eks_name, plain
from okra.applications.effects import RunChecks
from okra.applications.state import AppState, Placement, State
from okra.errors import Fatal, NotFound
from okra.ports import Account, Object
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
    objects: dict[str, list[tuple[str, Object | None, CheckObject | None]]] = field(default_factory=dict)
    done: dict[str, SeriesDone] = field(default_factory=dict)
    results: dict[str, SeriesResult] = field(default_factory=dict)


class ComplexChecks:
    def __init__(self, wiring: Wiring, children: Children, ref: Callable[[], ActorRef[Any]], say: Say) -> None:
        self._wiring, self._children, self._ref, self._say = wiring, children, ref, say
        self._kind = kind_named(children.parent.group, "Check")
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
                series.objects[name] = await self._objects(spec, application, known[name], app)
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
        self, spec: CellSpec, application: Application, check: CellCheck, app: AppState
    ) -> list[tuple[str, Object | None, CheckObject | None]]:
        """The Check objects of one check, there before they are asked."""
        if check.from_ is not None:
            return [(name := check.from_.check_name, await self._named(name), None)]
        parent = self._children.parent
        now, before = _variables(spec, application, app.target, app), _variables(spec, application, app.synced, app)
        made = checks_for(parent.name, [self._as_asked(spec, check)], now, before)
        applied = [(each.name, await self._apply(each.name, each.check, each.spec, each.hash), each) for each in made]
        await self._prune(check.name, {each.name for each in made})
        return list(applied)

    async def _named(self, name: str) -> Object:
        """A Check that somebody else applied. NotFound: it isn't there, or not among those that this Okra runs."""
        parent, selector = self._children.parent, self._wiring.selector
        try:
            found = await self._wiring.store.get(self._kind, parent.namespace, name)
        except NotFound:
            said = f"There is no Check {name} in namespace {parent.namespace}, which from.checkName names: apply one."
            raise NotFound(said, reason="CheckNotFound") from None
        if not selector.matches(found["metadata"].get("labels") or {}):
            said = f"The Check {name} lacks the labels of --selector {selector}, by which this Okra finds its Checks."
            raise NotFound(said, reason="CheckNotFound")
        return found

    async def _prune(self, check: str, current: set[str]) -> None:
        """Delete this check's objects for clusters that it isn't asked for any more."""
        parent = self._children.parent
        selector = f"{CELL_LABEL}={parent.name},{CHECK_LABEL}={check}"
        for each in (await self._wiring.store.list(self._kind, parent.namespace, selector)).items:
            if parent.owns(each) and each["metadata"]["name"] not in current:
                await self._children.delete(self._kind, each)

    def _as_asked(self, spec: CellSpec, check: CellCheck) -> dict[str, Any]:
        """With the controller's provider, and the Cell's AWS account for CloudWatch, where the check doesn't say."""
        asked = {**plain(check), "name": check.name}
        if check.analysis is None:
            return asked
        default = self._wiring.defaults.check_provider
        provider = dict(asked["analysis"].get("provider") or (plain(default) if default else {}))
        if "cloudWatch" in provider:
            own = {key: value for key, value in plain(spec.aws).items() if key in ("region", "roleARN")}
            provider["cloudWatch"] = {**own, **provider["cloudWatch"]}
        return {**asked, "analysis": {**asked["analysis"], "provider": provider}}

    async def _apply(self, name: str, check: str, spec: Mapping[str, Any], digest: str) -> Object:
        parent = self._children.parent
        labels = {CELL_LABEL: parent.name, CHECK_LABEL: check}
        body = parent.child("Check", name, spec, labels=labels, annotations={ANNOTATION: digest} if digest else {})
        return await self._children.apply(self._kind, body)


def _variables(
    spec: CellSpec, application: Application, placement: Placement | None, app: AppState
) -> Sequence[Mapping[str, str]]:
    """The template variables of each cluster of a placement; what has no route has none of a route's."""
    if placement is None:
        return ()
    eks = {each.cluster: each.eks for each in placement.groups if each.eks}
    eks |= {each.name: eks_name(each) for each in spec.clusters or ()}
    arns = {group.cluster: group.arn for group in placement.groups}
    listener = application.alb.listener_arn if application.alb else ""
    return [
        {
            "clusterName": cluster,
            "eksClusterName": eks.get(cluster, cluster),
            "version": placement.version,
            "stableVersion": app.synced.version if app.synced else "",
            **(_of_route(listener, arns[cluster]) if cluster in arns else {}),
        }
        for cluster in placement.clusters
    ]


def _of_route(listener: str, arn: str) -> Mapping[str, str]:
    balancer = "/".join(dimension_of(listener).split("/")[1:4])
    return {
        "albListenerARN": listener,
        "targetGroupARN": arn,
        "targetGroupName": short(arn),
        "loadBalancer": balancer,
    }
