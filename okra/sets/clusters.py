"""What a ClusterSet does: an ArgoCDCluster for each cluster that it finds, and none for one that is long gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from okra.ports import Account
from okra.sets.census import Fleets, Located, Source, found
from okra.sets.names import child_name
from okra.sets.removal import Entry, Phase, Rules, absent_entry, turns

TAKEN = (
    "There is an ArgoCDCluster {} already, and it isn't this set's for this cluster: rename one of them, or delete it."
)


@dataclass(frozen=True, slots=True)
class Child:
    """An ArgoCDCluster of the set's own, as it is."""

    name: str
    arn: str
    """Which cluster it was made for; empty where somebody took that off."""
    account: Account
    removing: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """An ArgoCDCluster as it should be."""

    name: str
    located: Located


@dataclass(frozen=True, slots=True)
class Decision:
    members: tuple[Member, ...]
    """To be made, or kept as they should be. A name may still turn out to be another's."""
    remove: tuple[str, ...]
    """Names."""
    entries: tuple[Entry, ...]
    beyond: int = 0
    """So many clusters more were found than a set may have."""


def decide(
    set_name: str,
    sources: Sequence[Source],
    fleets: Fleets,
    children: Sequence[Child],
    missing: Mapping[str, float],
    watched: Mapping[Account, float],
    rules: Rules,
    *,
    most: int,
) -> Decision:
    """`missing`: for how long each child (by name) has been missing, as the status has it. `watched`: see
    `census.watched`. `most`: clusters of one set."""
    located = found(sources, fleets, {each.arn: each.account for each in children if each.arn})
    placed, taken = _placed(set_name, located, children)
    members, entries = [], []
    for child in children:
        arn = placed.pop(child.name, "")
        entry = Entry(child.name, arn or child.arn, Phase.PRESENT)
        if child.removing:
            entry = Entry(child.name, child.arn, Phase.REMOVING, missing.get(child.name))
        elif arn:
            members.append(Member(child.name, located[arn]))
        else:
            entry = absent_entry(entry, child.account, fleets, missing.get(child.name), watched, rules)
        entries.append(entry)
    room = max(0, most - len(children))
    new = sorted(placed.items())
    for name, arn in new[:room]:
        members.append(Member(name, located[arn]))
        entries.append(Entry(name, arn, Phase.PRESENT))
    refused = [Entry(name, arn, Phase.REFUSED, message=TAKEN.format(name), reason="NameTaken") for name, arn in taken]
    entries = sorted([*entries, *refused], key=lambda each: (each.name, each.phase is Phase.REFUSED))[:most]
    return Decision(tuple(members), turns(entries, rules), tuple(entries), len(new[room:]))


def _placed(
    set_name: str, located: Mapping[str, Located], children: Sequence[Child]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The name of each cluster's ArgoCDCluster, the one that it has or the one that it gets → ARN; and the clusters
    whose name one of the set's own has for another: Okra's own region changed, say."""
    has = {each.arn: each.name for each in children if each.arn}
    of = {each.name: each.arn for each in children}
    placed: dict[str, str] = {}
    taken: list[tuple[str, str]] = []
    for arn, each in sorted(located.items()):
        name = has.get(arn) or child_name(set_name, each.cluster.name, arn, home=each.home)
        if of.get(name, "") in ("", arn) and name not in placed:
            placed[name] = arn
        else:
            taken.append((name, arn))
    return placed, taken
