"""A Cell's checks: it makes the Check objects, asks their actors for a series, and joins the verdicts (DESIGN §4, §7).

One check of a Cell may be several objects (one a cluster): failed when one of them has, passed when all have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from okra.actors.cell_routes import listed_of
from okra.actors.check_objects import CheckObjects, Holder, Made, as_asked
from okra.actors.discovery import problem_of
from okra.actors.kinds import OKRA, kind_named, resource
from okra.actors.messages import Forward, RunSeries, SeriesDone
from okra.analysis.naming import checks_for
from okra.api.checks import CellCheck
from okra.applications.children import PARENT
from okra.applications.route_children import routes_of_check
from okra.errors import AccessDenied, Fatal, OkraError, Retryable, Unavailable
from okra.rollout.effects import RunChecks
from okra.rollout.observation import SeriesResult, TargetGroup, Verdict
from okra.rollout.state import Phase, RouteState
from okra.rollout.words import short

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

CHECK = OKRA.check
CLUSTER_TAGS = ("okra.mumoshu.github.io/cluster", "elbv2.k8s.aws/cluster")
WORST_FIRST = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASSED)


@dataclass
class _Series:
    """The series that runs: which objects each check waits for, and what they said."""

    effect: RunChecks
    objects: dict[str, list[Made]]
    done: dict[str, SeriesDone] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


class CellChecks:
    def __init__(self, cell: CellActor) -> None:
        self._cell = cell
        self._kind = kind_named(cell.kind.group, "Check")
        self._series: _Series | None = None
        self._checks = CheckObjects(cell.wiring, self._kind, self._holder)
        self._said_denied = ""

    @property
    def waiting(self) -> bool:
        return self._series is not None and len(self._series.told) < len(self._series.objects)

    async def run(self, effect: RunChecks) -> None:
        """Begin one series of each check. What can't begin is an Error of that check: it says nothing about the app."""
        self._cell.sight.requested(effect.token)
        self._series = _Series(effect, {})
        for check in self._wanted(effect.checks):
            try:
                self._series.objects[check.name] = await self._objects(check)
            except Retryable:
                self._cell.sight.requested(None)
                raise
            except AccessDenied as error:
                self._cell.sight.requested(None)
                raise self._denied(check.name, error) from error
            except OkraError as error:
                self._series.objects[check.name] = []
                self._tell(check.name, Verdict.ERROR, str(error))
        for name in effect.checks:
            if name not in self._series.objects:
                self._tell(name, Verdict.ERROR, f"The Cell has no check {name} any more.")
        self._said_denied = ""
        self._ask()

    def _denied(self, check: str, error: AccessDenied) -> Unavailable:
        """Who gives Okra the permission need tell nobody: it is tried again. An Event says it once."""
        said = f"The Check of {check} can't be made; it is tried again: {error}"
        if said != self._said_denied:
            self._cell.say("CheckNotMade", said, "Warning", check=check)
        self._said_denied = said
        return Unavailable(said)

    async def find(self) -> None:
        """At the gate: is there each Check that the spec only names? Half-way up it would be too late to say."""
        missing = None
        if self._cell.record.state.phase is Phase.GATE:
            try:
                for source in (check.from_ for check in self._all):
                    if source is not None:
                        await self._checks.named(source.check_name)
            except Fatal as error:
                missing = problem_of(error)
        self._cell.sight.missed(missing)

    async def ask_again(self) -> None:
        """An actor may have crashed with our request: the same token again is the same request."""
        if self.waiting:
            self._ask(again=True)

    def done(self, message: SeriesDone) -> None:
        series = self._series
        if series is None or message.token != series.effect.token or message.cell != self._cell.seat:
            return
        series.done[message.check] = message
        for name, objects in series.objects.items():
            found = [series.done[each] for each, _, _ in objects if each in series.done]
            failed = any(each.verdict is Verdict.FAILED for each in found)
            if found and (failed or len(found) == len(objects)):
                worst = min(found, key=lambda each: WORST_FIRST.index(each.verdict))
                self._tell(name, worst.verdict, worst.message)

    def _tell(self, check: str, verdict: Verdict, message: str) -> None:
        series = self._series
        if series is None or check in series.told:
            return
        series.told.add(check)
        verdict, message = counted(verdict, message, dry=any(each.dry_run for each in self._wanted([check])))
        at = self._cell.sight.tick()
        self._cell.sight.judged(SeriesResult(check, series.effect.token, verdict, message, at))
        mood: Literal["Normal", "Warning"] = "Normal" if verdict is Verdict.PASSED else "Warning"
        self._cell.say(f"Check{verdict}", f"{check}: {message}", mood, check=check)

    @property
    def _all(self) -> tuple[CellCheck, ...]:
        if (model := self._cell.spec.model) is None:
            return ()
        return (*model.spec.prechecks, *model.spec.checks, *model.spec.postchecks)

    def _wanted(self, names: Iterable[str]) -> list[CellCheck]:
        known = {check.name: check for check in self._all}
        return [known[name] for name in names if name in known]

    def _ask(self, *, again: bool = False) -> None:
        series, cell = self._series, self._cell
        if series is None:
            return
        token, not_before, account = series.effect.token, series.effect.not_before or None, cell.spec.account
        for objects in series.objects.values():
            for name, obj, made in objects:
                if name in series.done:
                    continue
                stable = made.stable if made else None
                generation = obj["metadata"].get("generation", 0) if obj else 0
                asked = RunSeries(cell.seat, token, not_before, cell.ref, self._uid, stable, account, generation)
                seen = None if again and made is None else obj  # somebody else's may have been deleted since
                cell.wiring.refs[resource(self._kind)].tell(Forward((cell.key[0], name), asked, seen))

    # -- objects ---------------------------------------------------------------------------------------------------

    async def _objects(self, check: CellCheck) -> list[Made]:
        """The Check objects of one check, there before they are asked."""
        cell = self._cell
        asked = as_asked(check, cell.wiring.defaults, cell.spec.account)
        canary, stable = (self._variables(check.name, canary=each) for each in (True, False))
        return await self._checks.apply(check, lambda prefix: checks_for(prefix, [asked], canary, stable))

    @property
    def _uid(self) -> str:
        uid: str = self._cell.record.object["metadata"]["uid"]
        return uid

    def _holder(self) -> Holder:
        """The child of a complex Cell calls its Checks after that one, as the Cell's own are called."""
        metadata, kind = self._cell.record.object["metadata"], self._cell.kind
        labels, (namespace, name) = metadata.get("labels") or {}, self._cell.key
        keys = [requirement.key for requirement in self._cell.wiring.selector.requirements]
        controllers = [each["name"] for each in metadata.get("ownerReferences") or () if each.get("controller")]
        parent = [each for each in controllers if each == labels.get(PARENT)]
        own = f"alb-{name}" if kind.kind == "ALB" else name  # a Cell may have the same name
        return Holder(
            kind.api_version,
            kind.kind,
            namespace,
            name,
            self._uid,
            {key: labels[key] for key in keys if key in labels},
            (*parent, own),
        )

    def _routes_of(self, check: str) -> Sequence[RouteState]:
        """Of several applications in lockstep those of the one whose check it is; else all."""
        keys = routes_of_check(self._cell.record.object, check)
        routes = self._cell.record.state.routes
        return [route for route in routes if route.key in keys] or routes

    def _variables(self, check: str, *, canary: bool) -> list[Mapping[str, str]]:
        """The template variables of each canary (or stable) target group, in the routes' order."""
        cell, obs = self._cell, self._cell.sight.obs
        groups = {group.arn: group for group in obs.groups or ()}
        rollout = cell.record.state.rollout
        version, stable = (rollout.version if rollout else ""), cell.record.state.stable_version or ""
        found: list[Mapping[str, str]] = []
        for route in self._routes_of(check):
            reading, ref = obs.readings.get(route.key), cell.spec.refs.get(route.key)
            if reading is None or ref is None:
                continue
            for arn in route.canary if canary else route.stable:
                group = groups.get(arn) or TargetGroup(arn, short(arn))
                name, in_eks = self._clusters_of(group)
                found.append(
                    {
                        "clusterName": name,
                        "eksClusterName": in_eks,
                        "albListenerARN": ref.listener_arn,
                        "targetGroupARN": arn,
                        "targetGroupName": group.name,
                        "loadBalancer": reading.load_balancer_arn.partition(":loadbalancer/")[2],
                        "version": version if canary else stable,
                        "stableVersion": stable,
                    }
                )
        return found

    def _clusters_of(self, group: TargetGroup) -> tuple[str, str]:
        """Its cluster's name, and that in EKS: what the spec's list says, else the group's tags, else its own name."""
        listed = listed_of(self._cell.spec.model).get(group.arn)
        tagged = next((group.tags[tag] for tag in CLUSTER_TAGS if group.tags.get(tag)), group.name)
        name = (listed and listed.cluster) or tagged
        return name, (listed and listed.eks_cluster) or name


def counted(verdict: Verdict, message: str, *, dry: bool) -> tuple[Verdict, str]:
    """What a verdict counts as: in a dry run as passed. To that a Check of the Cell's own sees itself, but not one that
    `from` names, which others use too, nor one that can't be asked."""
    if not dry or verdict is Verdict.PASSED:
        return verdict, message
    return Verdict.PASSED, f"dry run, would be {verdict}: {message}"
