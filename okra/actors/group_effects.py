"""What a TargetGroupSet does in AWS, one thing after the other: what fails for one cluster holds up no other."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from okra.errors import AccessDenied, Fatal, NotFound, OkraError
from okra.ports import Account
from okra.ports_clusters import FoundCluster
from okra.ports_groups import ExistingGroup, TargetGroups
from okra.rollout.observation import Problem
from okra.sets.group_settings import ATTRIBUTES, Wanted, digest
from okra.sets.groups import Decision, Make, Mend, Remove
from okra.sets.removal import Entry, Phase

if TYPE_CHECKING:
    from okra.actors.target_group_set import TargetGroupSetActor

Listings = Mapping[Account, Sequence[FoundCluster] | Problem] | Mapping[Account, Sequence[ExistingGroup] | Problem]
FINALIZER = "okra.mumoshu.github.io/target-groups"
MOST_A_LOOK = 20
"""Target groups made in one look: AWS lets an account make three a second, and others do so, too."""


class GroupEffects:
    def __init__(self, actor: TargetGroupSetActor, groups: TargetGroups) -> None:
        self._actor, self._groups = actor, groups
        self.goes_on = False
        """Something was done that is not at its end, or is to be tried again soon."""
        self._deleted: set[str] = set()
        self._refused: dict[str, Entry] = {}
        """What came of the last try to make one, by the cluster's ARN: what was tried last is last."""

    async def execute(self, decision: Decision, wanted: Wanted) -> Decision:
        """What came of it."""
        entries = dict(decision.entries)
        self.goes_on = False
        entries |= await self._make_some(decision.make, entries, wanted)
        for mend in decision.mend:
            entries[mend.cluster_arn] = await self._tried(
                self._mend(mend, entries[mend.cluster_arn]), entries[mend.cluster_arn]
            )
        for remove in decision.remove:
            done = await self._tried(self._remove(remove, entries[remove.cluster_arn]), entries[remove.cluster_arn])
            entries[remove.cluster_arn] = done
        return replace(decision, entries={arn: each for arn, each in entries.items() if each is not _GONE})

    async def _make_some(
        self, makes: Sequence[Make], entries: Mapping[str, Entry], wanted: Wanted
    ) -> Mapping[str, Entry]:
        """Of those that it wasn't tried for yet first, then of those whose last try is the longest ago: what can't be
        made, however often it is tried, takes nobody's turn."""
        by_cluster = {each.cluster_arn: each for each in makes}
        came = {arn: entry for arn, entry in self._refused.items() if arn in by_cluster}
        turns = [*(arn for arn in by_cluster if arn not in came), *came]
        for arn in turns[:MOST_A_LOOK]:
            came.pop(arn, None)
            came[arn] = await self._tried(self._make(by_cluster[arn], wanted), entries[arn])
        self._refused = {arn: entry for arn, entry in came.items() if entry.phase is not Phase.PRESENT}
        soon = [arn for arn in turns if arn not in came]
        self.goes_on = self.goes_on or bool(soon)
        return came | {arn: replace(entries[arn], message="Is made soon.", reason="Creating") for arn in soon}

    async def gone(self, arn: str, *listings: Listings) -> bool:
        """Is this target group known not to exist any more? Its own account and region says so, if one of `listings`
        shows which that is; that a listing lacks it is not enough."""
        if arn in self._deleted:
            return True
        account = next(
            (each for listing in listings for each in listing if _place(arn) in _places(listing[each])), None
        )
        if account is None:
            return False
        try:
            await self._groups.draining(account, arn)
        except OkraError as error:
            return isinstance(error, NotFound)
        return False

    async def _tried(self, effect: Awaitable[Entry], entry: Entry) -> Entry:
        """What a person must mend is tried again with each look; anything else soon."""
        try:
            return await effect
        except OkraError as error:
            fatal = isinstance(error, Fatal)
            self.goes_on = self.goes_on or not fatal
            phase = Phase.REFUSED if fatal else Phase.WAITING
            if entry.phase is Phase.DUE and not isinstance(error, AccessDenied):  # a listener may just have taken it
                phase = Phase.DUE
            return replace(entry, phase=phase, message=str(error), reason=error.reason)

    async def _make(self, make: Make, wanted: Wanted) -> Entry:
        settings, account = wanted.settings, make.located.account
        assert settings is not None  # else nothing is made
        if not settings.vpc_id:
            info = await self._actor.argocd.clusters.cluster(account, make.located.cluster.name)
            settings = replace(settings, vpc_id=info.vpc_id)
            if not info.vpc_id:
                said = f"EKS names no VPC of {info.name} yet, its status is {info.status}."
                return Entry("", make.cluster_arn, Phase.WAITING, message=said, reason="ClusterNotActive")
        self._actor.must_be_open(f"create the target group {make.name}")
        arn = await self._groups.create(account, make.name, settings, make.tags)
        self._actor.tell("TargetGroupCreated", f"Created the target group {make.name} for {make.cluster_arn}.")
        if wanted.attributes:
            await self._set_attributes(account, arn, wanted.attributes, make.name)
        return Entry(arn, make.cluster_arn, Phase.PRESENT)

    async def _set_attributes(self, account: Account, arn: str, attributes: Mapping[str, str], name: str) -> None:
        """The tag comes last: without it they are set again."""
        self._must_be_open(name)
        await self._groups.set_attributes(account, arn, attributes)
        self._must_be_open(name)
        await self._groups.tag(account, arn, {ATTRIBUTES: digest(attributes)})

    def _must_be_open(self, name: str) -> None:
        """Before each write: one that came before may have taken long."""
        self._actor.must_be_open(f"update the target group {name}")

    async def _mend(self, mend: Mend, entry: Entry) -> Entry:
        change, account, group = mend.change, mend.account, mend.group
        if change.tags:
            self._must_be_open(group.name)
            await self._groups.tag(account, group.arn, change.tags)
        if change.health != type(change.health)():
            self._must_be_open(group.name)
            await self._groups.modify(account, group.arn, change.health)
        if change.attributes:
            await self._set_attributes(account, group.arn, change.attributes, group.name)
        self._actor.tell("TargetGroupUpdated", f"Updated the target group {group.name}: {change}.")
        return entry

    async def _remove(self, remove: Remove, entry: Entry) -> Entry:
        group, account = remove.group, remove.account
        if left := await self._groups.draining(account, group.arn):
            self.goes_on = True
            return replace(entry, message=f"Waits until {left} of its targets are drained.")
        self._actor.must_be_open(f"delete the target group {group.name}")
        await self._groups.delete(account, group.arn)
        self._deleted.add(group.arn)
        self._actor.removed(group.arn)
        self._actor.tell("TargetGroupDeleted", f"Deleted the target group {group.name} of {remove.cluster_arn}.")
        return _GONE


def _places(listing: Sequence[FoundCluster | ExistingGroup] | Problem) -> set[str]:
    return set() if isinstance(listing, Problem) else {_place(each.arn) for each in listing}


def _place(arn: str) -> str:
    """Region and account."""
    return ":".join(arn.split(":")[3:5])


_GONE = Entry("", "", Phase.REMOVING)
