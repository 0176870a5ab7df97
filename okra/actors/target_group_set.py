"""The actor of one TargetGroupSet: it makes, or finds, a target group for each EKS cluster that its generators find.

What it made is known by its tags in AWS, so that a killed process has lost nothing: a group comes with its tags in one
request, made again it is the same one, and every other change is seen to be lacking at the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from okra.actors.argocd import ArgoCD
from okra.actors.discovery import problem_of
from okra.actors.group_effects import FINALIZER, MOST_A_LOOK, GroupEffects
from okra.actors.set_object import SetActor
from okra.actors.told_groups import tell_clusters
from okra.actors.wiring import Wiring
from okra.api.cluster_set import MOST_CLUSTERS
from okra.api.parse import parse
from okra.api.policies import DeletionPolicy
from okra.api.target_group_set import TargetGroupSet, TargetGroupSetSpec, TargetGroupSetStatus
from okra.errors import Invalid, OkraError
from okra.ports import Account, Kind, Object
from okra.ports_clusters import TargetGroupBinding
from okra.ports_groups import ExistingGroup, TargetGroups
from okra.rollout.observation import Problem
from okra.sets import bound_groups
from okra.sets.bound_groups import Bindings
from okra.sets.census import Fleets, Located, Source, found, problems
from okra.sets.group_settings import wanted_from
from okra.sets.group_status import group_set_status, missing_from
from okra.sets.groups import Decision, Groups, decide, leave
from okra.sets.report import Summary, leaving, summary

ANSWER = 5.0
"""Seconds for a description that nothing waits for."""


class TargetGroupSetActor(SetActor[TargetGroupSetStatus]):
    status_model = TargetGroupSetStatus

    def __init__(self, wiring: Wiring, argocd: ArgoCD, groups: TargetGroups, kind: Kind, obj: Object) -> None:
        super().__init__(wiring, argocd, kind, obj)
        self._groups = groups
        self._effects = GroupEffects(self, groups)
        self._vpcs: dict[str, str] = {}
        """Of clusters, by ARN: asked for once, and again after one was missing: another may have its name by then."""

    @property
    def owner(self) -> str:
        """What its target groups are tagged with."""
        return "/".join((self.wiring.defaults.install, *self.key))

    async def look(self) -> float:
        if self.metadata.get("deletionTimestamp"):
            return await self._leave()
        spec = self._spec()
        await self.keep_finalizer(FINALIZER, wanted=spec.deletion_policy is DeletionPolicy.DELETE)
        rules, sources = self.rules(spec.removal), self.sources(spec.generators)
        fleets, seen = await self.fleets(sources)
        if spec.targetgroup_binding_selector is not None:
            decision, groups = await self._bound(spec, sources, fleets)
        else:
            groups, vpcs = await self._groups_in(fleets), await self._vpcs_of(found(sources, fleets, {}))
            decision = decide(
                self.owner,
                wanted_from(self.key[1], spec.template),
                sources,
                fleets,
                groups,
                missing_from(self.status),
                seen,
                rules,
                delete=spec.deletion_policy is DeletionPolicy.DELETE,
                most=MOST_CLUSTERS,
                vpcs=vpcs,
            )
        wrong = problems(fleets, groups)
        decision = await self._effects.execute(decision, wanted_from(self.key[1], spec.template))
        await tell_clusters(self, decision.entries, lambda arn: self._effects.gone(arn, fleets, groups))
        said = summary(list(decision.entries.values()), wrong, rules, decision.beyond, MOST_CLUSTERS)
        await self._say_what_is(decision, said)
        return self.wiring.defaults.poll_interval if self._effects.goes_on else self.until_next

    def _spec(self) -> TargetGroupSetSpec:
        model, findings = parse(self.object)
        if not isinstance(model, TargetGroupSet):
            raise Invalid("; ".join(f"{each.path}: {each.message}" for each in findings[:3]))
        return model.spec

    async def _say_what_is(self, decision: Decision, said: Summary) -> None:
        now = self.wiring.clock.now()
        status = group_set_status(decision.entries, said, self.status, self.generation, now, most=MOST_CLUSTERS)
        await self.write_status(status)

    # -- looking -----------------------------------------------------------------------------------------------------

    async def _groups_in(self, accounts: Collection[Account], arns: Mapping[Account, set[str]] | None = None) -> Groups:
        names = arns or {}
        found = await asyncio.gather(*(self._groups_of(each, names.get(each, set())) for each in accounts))
        return dict(zip(accounts, found, strict=True))

    async def _groups_of(self, account: Account, arns: Collection[str]) -> Sequence[ExistingGroup] | Problem:
        try:
            return await self._groups.groups(account, arns)
        except OkraError as error:
            return problem_of(error)

    async def _vpcs_of(self, located: Mapping[str, Located]) -> Mapping[str, str]:
        """As far as they are known; of some more with each look."""
        known = {arn: vpc for arn, vpc in self._vpcs.items() if arn in located}
        unknown = [arn for arn in sorted(located) if arn not in known][:MOST_A_LOOK]
        asked = await asyncio.gather(*(self._vpc(located[arn]) for arn in unknown))
        self._vpcs = known | {arn: vpc for arn, vpc in zip(unknown, asked, strict=True) if vpc}
        return self._vpcs

    async def _vpc(self, located: Located) -> str:
        """Empty: it can't be known now, and holds up nothing."""
        try:
            async with asyncio.timeout(ANSWER):
                return (await self.argocd.clusters.cluster(located.account, located.cluster.name)).vpc_id
        except (OkraError, TimeoutError):
            return ""

    async def _bound(
        self, spec: TargetGroupSetSpec, sources: Sequence[Source], fleets: Fleets
    ) -> tuple[Decision, Groups]:
        assert spec.targetgroup_binding_selector is not None
        selector, located = str(spec.targetgroup_binding_selector.selector), found(sources, fleets, {})
        there = await asyncio.gather(*(self._bindings(each, selector) for each in located.values()))
        bindings: Bindings = dict(zip(located, there, strict=True))
        arns: dict[Account, set[str]] = {}
        for arn, each in located.items():
            arns.setdefault(each.account, set()).update(bound_groups.named(arn, bindings))
        groups = await self._groups_in(fleets, arns)
        wanted = wanted_from(self.key[1], spec.template)
        return bound_groups.decide(wanted, located, bindings, groups, most=MOST_CLUSTERS), groups

    async def _bindings(self, located: Located, selector: str) -> Sequence[TargetGroupBinding] | Problem:
        try:
            info = await self.argocd.clusters.cluster(located.account, located.cluster.name)
            return await self.argocd.members.target_group_bindings(located.account, info, selector)
        except OkraError as error:
            return problem_of(error)

    # -- leaving -----------------------------------------------------------------------------------------------------

    async def _leave(self) -> float:
        """The set is being deleted: its groups go first, if they are to, a few at a time, once nothing uses them."""
        if FINALIZER not in self.metadata.get("finalizers", ()):
            return self.until_next
        try:
            spec = self._spec()
        except Invalid as error:  # for ever, if it waited for an edit
            self.tell("TargetGroupsRetained", f"Its target groups stay: the spec can't be read, {error}")
            await self.keep_finalizer(FINALIZER, wanted=False)
            return self.until_next
        if spec.deletion_policy is DeletionPolicy.DELETE:
            rules = self.rules(spec.removal)
            groups = await self._groups_in([each.account for each in self.sources(spec.generators)])
            wrong = problems(groups)
            decision = leave(self.owner, groups, replace(rules, grace=0.0, lately=frozenset()))
            decision = await self._effects.execute(decision, wanted_from(self.key[1], spec.template))
            await tell_clusters(self, decision.entries, lambda arn: self._effects.gone(arn, groups))
            if wrong or decision.entries:
                await self._say_what_is(decision, leaving(list(decision.entries.values()), wrong, rules))
                return self.wiring.defaults.poll_interval
        await self.keep_finalizer(FINALIZER, wanted=False)
        return self.until_next
