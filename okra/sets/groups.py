"""What a TargetGroupSet does: a target group for each cluster that it finds, tagged, and as far as AWS lets it as it
should be.

What is its own the tags say: whose it is, and which cluster it is for. So nothing has to be remembered about a group
that was made, and none is touched that somebody else made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from okra.ports import Account
from okra.ports_groups import ExistingGroup
from okra.rollout.observation import Problem
from okra.sets.census import Fleets, Located, Source, found
from okra.sets.group_settings import EKS_CLUSTER, OWNER, Change, Wanted, changes, immutable, tags_for
from okra.sets.names import group_name
from okra.sets.removal import Entry, Phase, Rules, absent_entry, turns

Groups = Mapping[Account, "Sequence[ExistingGroup] | Problem"]
"""All target groups of each account and region that a set asks about."""
NO_SAY = "The target groups can't be listed: {}"


@dataclass(frozen=True, slots=True)
class Make:
    """A target group that isn't there."""

    cluster_arn: str
    name: str
    located: Located
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mend:
    """One that isn't as it should be."""

    cluster_arn: str
    account: Account
    group: ExistingGroup
    change: Change


@dataclass(frozen=True, slots=True)
class Remove:
    cluster_arn: str
    account: Account
    group: ExistingGroup


@dataclass(frozen=True, slots=True)
class Decision:
    make: tuple[Make, ...]
    mend: tuple[Mend, ...]
    remove: tuple[Remove, ...]
    """Their turn has come, and no load balancer uses them. Whether they are drained is still to be asked."""
    entries: Mapping[str, Entry]
    """By the cluster's ARN; named by the target group's ARN, as far as there is one."""
    beyond: int = 0


def decide(
    owner: str,
    wanted: Wanted,
    sources: Sequence[Source],
    fleets: Fleets,
    groups: Groups,
    missing: Mapping[str, float],
    watched: Mapping[Account, float],
    rules: Rules,
    *,
    delete: bool,
    most: int,
    vpcs: Mapping[str, str],
) -> Decision:
    """`owner`: INSTALL/NAMESPACE/SET. `missing`: by the cluster's ARN. `delete`: `deletionPolicy: Delete`. `vpcs`: of
    clusters, by their ARN, as far as they are known."""
    own = _own(owner, groups)
    located = found(sources, fleets, {arn: account for arn, (account, _) in own.items()})
    make: list[Make] = []
    mend: list[Mend] = []
    entries: dict[str, Entry] = {}
    known = [arn for arn in sorted(located) if arn in own]
    new = [arn for arn in sorted(located) if arn not in own]
    room = max(0, most - len(own))
    for arn in (*known, *new[:room]):
        each = located[arn]
        tags = tags_for(owner, wanted, each.cluster)
        if arn in own:
            account, group = own[arn]
            entries[arn] = _kept(wanted, arn, group, vpcs.get(arn, ""))
            if change := changes(wanted, group, tags):
                mend.append(Mend(arn, account, group, change))
            continue
        listing, name = groups[each.account], group_name(owner, wanted.name, each.cluster.name, arn)
        if isinstance(listing, Problem):
            entries[arn] = Entry("", arn, Phase.UNKNOWN, message=NO_SAY.format(listing.message))
        elif any(group.name == name for group in listing):
            said = f"There is a target group {name} already, and it isn't this set's. Delete it, or rename the set."
            entries[arn] = Entry("", arn, Phase.REFUSED, message=said, reason="NameTaken")
        else:
            make.append(Make(arn, name, each, tags))
            entries[arn] = Entry("", arn, Phase.WAITING)
    gone = {arn: entry for arn, entry in own.items() if arn not in located}
    for arn, (account, group) in gone.items():
        entry = absent_entry(Entry(group.arn, arn, Phase.MISSING), account, fleets, missing.get(arn), watched, rules)
        entries[arn] = _waits(entry, group) if delete else Entry(group.arn, arn, Phase.RETAINED)
    free = [each for arn, each in entries.items() if arn in gone and not gone[arn][1].load_balancer_arns]
    taken = turns(free, rules)
    remove = [Remove(arn, account, group) for arn, (account, group) in gone.items() if group.arn in taken]
    return Decision(tuple(make), tuple(mend), tuple(remove), entries, len(new[room:]))


def leave(owner: str, groups: Groups, rules: Rules) -> Decision:
    """All of a set's own, when it is deleted: as many at a time as usual, without a grace period, once unused."""
    own = _own(owner, groups)
    entries = {arn: _waits(Entry(group.arn, arn, Phase.DUE), group) for arn, (_, group) in own.items()}
    taken = turns([each for arn, each in entries.items() if not own[arn][1].load_balancer_arns], rules)
    remove = [Remove(arn, account, group) for arn, (account, group) in own.items() if group.arn in taken]
    return Decision((), (), tuple(remove), entries)


def _own(owner: str, groups: Groups) -> dict[str, tuple[Account, ExistingGroup]]:
    """By the ARN of the cluster that each was made for. An account of two names shows each of its groups twice."""
    own: dict[str, tuple[Account, ExistingGroup]] = {}
    for account, listing in groups.items():
        for group in () if isinstance(listing, Problem) else listing:
            if group.tags.get(OWNER) == owner and (arn := group.tags.get(EKS_CLUSTER, "")):
                own.setdefault(arn, (account, group))
    return own


def _kept(wanted: Wanted, arn: str, group: ExistingGroup, vpc: str) -> Entry:
    if said := immutable(wanted, group, vpc):
        return Entry(group.arn, arn, Phase.REFUSED, message=said, reason="Immutable")
    return Entry(group.arn, arn, Phase.PRESENT)


def _waits(entry: Entry, group: ExistingGroup) -> Entry:
    if not group.load_balancer_arns:
        return entry
    return replace(entry, message=f"Stays as long as {', '.join(group.load_balancer_arns)} uses it.")
