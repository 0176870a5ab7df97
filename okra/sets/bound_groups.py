"""What a TargetGroupSet does that creates none: each cluster's target group is the one of a TargetGroupBinding there.

It is somebody else's, and stays so: it gets the tags that the set names, and nothing else; and it is never deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from okra.ports import Account
from okra.ports_clusters import TargetGroupBinding
from okra.ports_groups import ExistingGroup
from okra.rollout.observation import Problem
from okra.sets.census import Located
from okra.sets.group_settings import CLUSTER, OWNER, Wanted, changes, labels_for
from okra.sets.groups import NO_SAY, Decision, Groups, Mend
from okra.sets.removal import Entry, Phase

Bindings = Mapping[str, "Sequence[TargetGroupBinding] | Problem"]
"""By the cluster's ARN: what the selector finds there, or why it couldn't be asked."""


@dataclass(frozen=True, slots=True)
class _Bound:
    group: ExistingGroup | None
    entry: Entry


def named(arn: str, bindings: Bindings) -> set[str]:
    """The target groups that a cluster's bindings name."""
    there = bindings.get(arn, ())
    return set() if isinstance(there, Problem) else {each.arn for each in there if each.arn}


def decide(
    wanted: Wanted, located: Mapping[str, Located], bindings: Bindings, groups: Groups, *, most: int
) -> Decision:
    arns, users = sorted(located), _users(located, bindings)
    entries: dict[str, Entry] = {}
    mend: list[Mend] = []
    for arn in arns[:most]:
        each = located[arn]
        found = _alone(_bound(arn, each.account, bindings, groups), users)
        entries[arn] = found.entry
        if found.group is not None and (change := changes(wanted, found.group, labels_for(wanted, each.cluster))):
            mend.append(Mend(arn, each.account, found.group, change))
    return Decision((), tuple(mend), (), entries, len(arns[most:]))


def _bound(arn: str, account: Account, bindings: Bindings, groups: Groups) -> _Bound:
    there, listing, arns = bindings[arn], groups[account], named(arn, bindings)
    if isinstance(there, Problem):
        phase = Phase.REFUSED if there.fatal else Phase.WAITING
        return _Bound(None, Entry("", arn, phase, message=there.message, reason=there.reason))
    if len(arns) != 1:
        return _Bound(None, _none_or_several(arn, sorted(arns)))
    (name,) = arns
    if isinstance(listing, Problem):
        return _Bound(None, Entry(name, arn, Phase.UNKNOWN, message=NO_SAY.format(listing.message)))
    group = next((each for each in listing if each.arn == name), None)
    if group is None:
        said = f"Its TargetGroupBinding names {name}, which isn't a target group of the account and region."
        return _Bound(None, Entry("", arn, Phase.REFUSED, message=said, reason="TargetGroupNotFound"))
    if owner := group.tags.get(OWNER):
        said = f"{name} belongs to {owner}, which tags it: it is made for a cluster by another TargetGroupSet."
        return _Bound(None, Entry(name, arn, Phase.REFUSED, message=said, reason="NotShared"))
    return _Bound(group, Entry(name, arn, Phase.PRESENT))


def _users(located: Mapping[str, Located], bindings: Bindings) -> Mapping[str, set[str]]:
    """Which clusters name a target group, by its ARN; by a cluster's name, the clusters that can't be asked."""
    users = defaultdict[str, set[str]](set)
    for arn, each in located.items():
        silent = isinstance(bindings[arn], Problem)
        for group in {each.cluster.name} if silent else named(arn, bindings):
            users[group].add(arn)
    return users


def _alone(bound: _Bound, users: Mapping[str, set[str]]) -> _Bound:
    """A group of two clusters would get the tags of both in turns. One that can't be asked may name it still, if it is
    tagged with its name."""
    group = bound.group
    if group is None:
        return bound
    by = users[group.arn] | users.get(group.tags.get(CLUSTER, ""), set())
    if len(by) == 1:
        return bound
    said = (
        f"TargetGroupBindings of several clusters name {group.arn}: {', '.join(sorted(by)[:5])}. Its tags can say one "
        "version only, and stay as they are. Leave it to one of them."
    )
    return _Bound(None, replace(bound.entry, phase=Phase.REFUSED, message=said, reason="TargetGroupShared"))


def _none_or_several(arn: str, arns: Sequence[str]) -> Entry:
    if not arns:
        said = "No TargetGroupBinding there that targetgroupBindingSelector matches names a target group yet."
        return Entry("", arn, Phase.WAITING, message=said, reason="BindingNotFound")
    said = f"Its TargetGroupBindings name several target groups: {', '.join(arns[:5])}. Select one by more labels."
    return Entry("", arn, Phase.REFUSED, message=said, reason="SeveralBindings")
