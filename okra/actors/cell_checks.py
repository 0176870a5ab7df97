"""A Cell's checks: it makes the Check objects, asks their actors for a series, and joins the verdicts (DESIGN §4, §7).

One check of a Cell may be several objects (one a cluster): failed when one of them has, passed when all have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from okra.actors.cell_routes import listed_of
from okra.actors.discovery import problem_of
from okra.actors.kinds import OKRA, kind_named, resource
from okra.actors.messages import Forward, RunSeries, SeriesDone
from okra.analysis.naming import ANNOTATION, CheckObject, checks_for
from okra.api.checks import CellCheck
from okra.errors import AlreadyExists, Fatal, NotFound, OkraError, Retryable, Unavailable
from okra.ports import Object
from okra.rollout.effects import RunChecks
from okra.rollout.observation import SeriesResult, TargetGroup, Verdict
from okra.rollout.state import Phase

if TYPE_CHECKING:
    from okra.actors.cell import CellActor

CHECK = OKRA.check
CELL_LABEL = "okra.mumoshu.github.io/cell"
CHECK_LABEL = "okra.mumoshu.github.io/check"
CLUSTER_TAGS = ("okra.mumoshu.github.io/cluster", "elbv2.k8s.aws/cluster")
PATIENCE = 10.0
WORST_FIRST = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASSED)


@dataclass
class _Series:
    """The series that runs: which objects each check waits for, and what they said."""

    effect: RunChecks
    objects: dict[str, list[tuple[str, Object | None, CheckObject | None]]]
    done: dict[str, SeriesDone] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


class CellChecks:
    def __init__(self, cell: CellActor) -> None:
        self._cell = cell
        self._kind = kind_named(cell.kind.group, "Check")
        self._series: _Series | None = None
        self._applied: dict[str, str] = {}
        """Check object → the check it is for, as this process has seen it applied."""

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
            except OkraError as error:
                self._series.objects[check.name] = []
                self._tell(check.name, Verdict.ERROR, str(error))
        for name in effect.checks:
            if name not in self._series.objects:
                self._tell(name, Verdict.ERROR, f"The Cell has no check {name} any more.")
        self._ask()

    async def find(self) -> None:
        """At the gate: is there each Check that the spec only names? Half-way up it would be too late to say."""
        missing = None
        if self._cell.record.state.phase is Phase.GATE:
            try:
                for source in (check.from_ for check in self._all):
                    if source is not None:
                        await self._named(source.check_name)
            except Fatal as error:
                missing = problem_of(error)
        self._cell.sight.missed(missing)

    async def ask_again(self) -> None:
        """An actor may have crashed with our request: the same token again is the same request."""
        if self.waiting:
            self._ask(again=True)

    def done(self, message: SeriesDone) -> None:
        series = self._series
        if series is None or message.token != series.effect.token or message.cell != self._cell.key:
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
                asked = RunSeries(cell.key, token, not_before, cell.ref, self._uid, stable, account, generation)
                seen = None if again and made is None else obj  # somebody else's may have been deleted since
                cell.wiring.refs[resource(self._kind)].tell(Forward((cell.key[0], name), asked, seen))

    # -- objects ---------------------------------------------------------------------------------------------------

    async def _objects(self, check: CellCheck) -> list[tuple[str, Object | None, CheckObject | None]]:
        """The Check objects of one check, there before they are asked."""
        if check.from_ is not None:
            return [(name := check.from_.check_name, await self._named(name), None)]
        cell = self._cell
        spec = as_json(check)
        spec["name"] = check.name
        if check.analysis is not None:
            spec["analysis"] = self._with_defaults(spec["analysis"])
        made = checks_for(cell.key[1], [spec], self._variables(canary=True), self._variables(canary=False))
        names = {each.name for each in made}
        fresh = not names <= self._applied.keys()
        try:
            async with asyncio.timeout(PATIENCE):
                objects = [(each.name, await self._apply(each), each) for each in made]
                if fresh:
                    await self._prune(check.name, names)
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        return list(objects)

    async def _named(self, name: str) -> Object:
        """A Check that somebody else applied. NotFound: it isn't there, or not among those that this Okra runs."""
        cell = self._cell
        try:
            async with asyncio.timeout(PATIENCE):
                found = await cell.wiring.store.get(self._kind, cell.key[0], name)
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        except NotFound:
            said = f"There is no Check {name} in namespace {cell.key[0]}, which from.checkName names: apply one."
            raise NotFound(said, reason="CheckNotFound") from None
        if not (selector := cell.wiring.selector).matches(found["metadata"].get("labels") or {}):
            said = f"The Check {name} lacks the labels of --selector {selector}, by which this Okra finds its Checks."
            raise NotFound(said, reason="CheckNotFound")
        return found

    def _with_defaults(self, analysis: dict[str, Any]) -> dict[str, Any]:
        """The controller's provider, and the Cell's AWS account for CloudWatch, where the check doesn't say."""
        default = self._cell.wiring.defaults.check_provider
        provider = dict(analysis.get("provider") or (as_json(default) if default else {}))
        account = self._cell.spec.account
        if "cloudWatch" in provider:
            own = {"region": account.region} | ({"roleARN": account.role_arn} if account.role_arn else {})
            provider["cloudWatch"] = {**own, **provider["cloudWatch"]}
        return {**analysis, "provider": provider}

    def _variables(self, *, canary: bool) -> list[Mapping[str, str]]:
        """The template variables of each canary (or stable) target group, in the routes' order."""
        cell, obs = self._cell, self._cell.sight.obs
        groups = {group.arn: group for group in obs.groups or ()}
        rollout = cell.record.state.rollout
        version, stable = (rollout.version if rollout else ""), cell.record.state.stable_version or ""
        found: list[Mapping[str, str]] = []
        for route in cell.record.state.routes:
            reading, ref = obs.readings.get(route.key), cell.spec.refs.get(route.key)
            if reading is None or ref is None:
                continue
            for arn in route.canary if canary else route.stable:
                group = groups.get(arn) or TargetGroup(arn, arn.split("/")[1])
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

    async def _apply(self, made: CheckObject) -> Object:
        """Create or update the object; one of the same name that isn't ours is never touched."""
        cell = self._cell
        if self._applied.get(made.name) != made.check:
            await self._refuse_foreign(made)
        body: Object = {
            "apiVersion": self._kind.api_version,
            "kind": self._kind.kind,
            "metadata": {
                "namespace": cell.key[0],
                "name": made.name,
                "labels": {**self._selected_by, CELL_LABEL: cell.key[1], CHECK_LABEL: made.check},
                "annotations": {ANNOTATION: made.hash} if made.hash else {},
                "ownerReferences": [
                    {
                        "apiVersion": cell.kind.api_version,
                        "kind": cell.kind.kind,
                        "name": cell.key[1],
                        "uid": self._uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": made.spec,
        }
        applied = await cell.wiring.store.apply(self._kind, body)
        self._applied[made.name] = made.check
        return applied

    async def _refuse_foreign(self, made: CheckObject) -> None:
        """A name that two owners, or two checks, would share is refused, not shared."""
        name = made.name
        try:
            metadata = (await self._cell.wiring.store.get(self._kind, self._cell.key[0], name))["metadata"]
        except NotFound:
            return
        if all(owner.get("uid") != self._uid for owner in metadata.get("ownerReferences", ())):
            said = f"The Check {name} exists and isn't this Cell's. Rename the check, or use it with from.checkName."
            raise AlreadyExists(said)
        other = metadata.get("labels", {}).get(CHECK_LABEL, made.check)
        if other != made.check:
            raise AlreadyExists(f"The checks {other} and {made.check} would share the Check {name}: rename one.")

    async def _prune(self, check: str, current: set[str]) -> None:
        """Delete this check's objects for clusters that the Cell has no more."""
        cell = self._cell
        selector = f"{CELL_LABEL}={cell.key[1]},{CHECK_LABEL}={check}"
        listing = await cell.wiring.store.list(self._kind, cell.key[0], selector)
        for obj in listing.items:
            metadata = obj["metadata"]
            ours = any(owner.get("uid") == self._uid for owner in metadata.get("ownerReferences", ()))
            if ours and metadata["name"] not in current:
                await cell.wiring.store.delete(self._kind, cell.key[0], metadata["name"], uid=metadata["uid"])

    @property
    def _selected_by(self) -> dict[str, str]:
        """Of the Cell's labels those by which this process finds it: by them it finds its Checks, too. No others: they
        may mean something to whoever set them (Argo CD deletes what has its labels and isn't its own)."""
        labels = self._cell.record.object["metadata"].get("labels") or {}
        keys = [requirement.key for requirement in self._cell.wiring.selector.requirements]
        return {key: labels[key] for key in keys if key in labels}

    @property
    def _uid(self) -> str:
        uid: str = self._cell.record.object["metadata"]["uid"]
        return uid


def counted(verdict: Verdict, message: str, *, dry: bool) -> tuple[Verdict, str]:
    """What a verdict counts as: in a dry run as passed. To that a Check of the Cell's own sees itself, but not one that
    `from` names, which others use too, nor one that can't be asked."""
    if not dry or verdict is Verdict.PASSED:
        return verdict, message
    return Verdict.PASSED, f"dry run, would be {verdict}: {message}"


def as_json(model: BaseModel) -> dict[str, Any]:
    """As a person would write it: without what is left to defaults."""
    return model.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
