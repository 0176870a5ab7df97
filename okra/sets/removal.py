"""What was made for a cluster that isn't found any more: it goes late, and few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from okra.ports import Account
from okra.sets.census import Fleets, can_be_known, seconds_watched


class Phase(StrEnum):
    PRESENT = "Present"
    MISSING = "Missing"
    """Not found, and not for long enough."""
    DUE = "Due"
    """Missing for longer than the grace period; it waits for its turn."""
    UNKNOWN = "Unknown"
    """Whoever would find it can't be asked."""
    REMOVING = "Removing"
    REFUSED = "Refused"
    """It needs a person: the message says what for."""
    RETAINED = "Retained"
    """Not found, and what was made for it stays: `deletionPolicy: Retain`."""
    WAITING = "Waiting"
    """It comes by itself: the message says after what."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`spec.removal`, and who holds everything up."""

    grace: float = 600.0
    most: int = 1
    held: str = ""
    """Why nothing is removed at all now, in a sentence."""
    lately: frozenset[str] = frozenset()
    """Names of those whose removal began since all sets looked: they have had their turns, however fast they went."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One cluster of a set, as its status has it."""

    name: str
    arn: str
    phase: Phase
    missing: float | None = None
    """Seconds for which it has been watched to be missing; None: it isn't."""
    message: str = ""
    reason: str = ""
    """Of what is refused or waited for, for a condition."""


def absent_entry(
    entry: Entry,
    account: Account,
    fleets: Fleets,
    missing: float | None,
    watched: Mapping[Account, float],
    rules: Rules,
) -> Entry:
    """Of a cluster that no listing shows, and `account` showed before. `missing`: as it was before this look."""
    if not can_be_known(account, fleets):
        return replace(entry, phase=Phase.UNKNOWN, missing=missing, message="It can't be known whether it exists.")
    if missing is None:
        missing = 0.0
    elif missing < rules.grace:  # no further: a status is not written with each look for ever
        missing += seconds_watched(account, watched)
    phase = Phase.DUE if missing >= rules.grace else Phase.MISSING
    return replace(entry, phase=phase, missing=missing)


def turns(entries: Iterable[Entry], rules: Rules) -> tuple[str, ...]:
    """The names of those that are removed now: who has been missing for longest comes first."""
    entries = list(entries)
    busy = len(rules.lately | {each.name for each in entries if each.phase is Phase.REMOVING})
    due = sorted(
        (each for each in entries if each.phase is Phase.DUE), key=lambda each: (-(each.missing or 0.0), each.name)
    )
    return () if rules.held else tuple(each.name for each in due[: max(0, rules.most - busy)])
