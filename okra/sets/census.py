"""Which clusters there are. What can't be listed is never taken for what isn't there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okra.ports import Account
from okra.ports_clusters import FoundCluster
from okra.rollout.observation import Problem

Fleets = Mapping[Account, "Sequence[FoundCluster] | Problem"]
"""All clusters of each account and region that a set asks about, or why they couldn't be listed to the end."""


@dataclass(frozen=True, slots=True)
class Source:
    """A generator."""

    account: Account
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Located:
    """A cluster that was found, and how it is reached."""

    cluster: FoundCluster
    account: Account
    home: bool = False
    """A generator that names neither region nor role finds it: it is where Okra itself is."""


def found(sources: Sequence[Source], fleets: Fleets, known: Mapping[str, Account]) -> dict[str, Located]:
    """By ARN. One that several generators find is the first one's; `known` (ARN → account) stays with the account by
    which it was found before, as long as that one finds it or can't be asked."""
    located: dict[str, Located] = {}
    for source in sources:
        fleet = fleets[source.account]
        if isinstance(fleet, Problem):
            continue
        for cluster in fleet:
            if source.tags.items() <= cluster.tags.items():
                before = located.get(cluster.arn)
                account = _account(before, source, fleets, known.get(cluster.arn))
                home = source.account == Account() or (before is not None and before.home)
                located[cluster.arn] = Located(cluster, account, home)
    return located


def _account(before: Located | None, source: Source, fleets: Fleets, known: Account | None) -> Account:
    if known is not None and (source.account == known or isinstance(fleets.get(known), Problem)):
        return known
    return before.account if before is not None else source.account


def can_be_known(account: Account, fleets: Fleets) -> bool:
    """Would a cluster that this account showed before have been listed? Where no generator has that account any more,
    any of them may be meant to find it now."""
    asked = [fleets[account]] if account in fleets else fleets.values()
    return not any(isinstance(each, Problem) for each in asked)


LONGEST_BETWEEN = 120.0
"""Seconds between two looks that count as watched at most: a process may have been frozen in between."""


def watched(before: Mapping[Account, float], fleets: Fleets, now: float) -> dict[Account, float]:
    """For how long until `now` each account has been watched since the look before this one; `before`: when it was
    listed to the end in that look. Monotonic seconds."""
    return {
        account: min(now - before[account], LONGEST_BETWEEN) if account in before else 0.0
        for account, fleet in fleets.items()
        if not isinstance(fleet, Problem)
    }


def seconds_watched(account: Account, by_account: Mapping[Account, float]) -> float:
    """That concern a cluster of this account. See `can_be_known`."""
    if account in by_account:
        return by_account[account]
    return min(by_account.values(), default=0.0)


def problems(*listings: Mapping[Account, Any]) -> list[Problem]:
    """What couldn't be listed. What needs a person comes first."""
    found = [each for listing in listings for each in listing.values() if isinstance(each, Problem)]
    return sorted(found, key=lambda each: not each.fatal)
