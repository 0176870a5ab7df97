"""What a set says of itself: its clusters one by one, and all of it in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from okra.rollout.observation import Problem
from okra.sets.removal import Entry, Phase, Rules

SHOWN = 10
"""Names in a message."""
_GONE = (Phase.MISSING, Phase.DUE, Phase.REMOVING)


@dataclass(frozen=True, slots=True)
class Summary:
    phase: str
    reason: str
    message: str
    ready: bool = False
    stalled: bool = False
    unknown: bool = False
    """Something couldn't be seen for now, and nothing else is wrong: it is as ready as it was."""


def summary(entries: Sequence[Entry], problems: Iterable[Problem], rules: Rules, beyond: int, most: int) -> Summary:
    """What a person must do comes first, then what is waited for."""
    problems = list(problems)
    refused = [each for each in entries if each.phase is Phase.REFUSED]
    missing = [each for each in entries if each.phase in _GONE]
    if problems and problems[0].fatal:
        return Summary("Failed", problems[0].reason, _kept(problems, entries), stalled=True)
    if refused:
        return Summary("Failed", refused[0].reason or "NameTaken", " ".join(_messages(refused)), stalled=True)
    if beyond:
        said = f"{beyond} clusters more were found than the {most} that a set may have: make several sets."
        return Summary("Failed", "TooManyClusters", said, stalled=True)
    if missing:
        present = any(each.phase is Phase.PRESENT for each in entries)
        return Summary("Missing", "ClustersMissing" if present else "NothingFound", _missing(missing, entries, rules))
    if problems:
        return Summary("Pending", problems[0].reason, _kept(problems, entries), unknown=True)
    if waiting := [each for each in entries if each.phase is Phase.WAITING]:
        return Summary("Pending", waiting[0].reason or "Waiting", " ".join(_messages(waiting)))
    if not entries:
        return Summary("Synced", "NoClusters", "No cluster has these tags.", ready=True)
    return Summary("Synced", "Synced", f"{_count(len(entries))}.", ready=True)


def leaving(entries: Sequence[Entry], problems: Iterable[Problem], rules: Rules) -> Summary:
    """Of a set that is being deleted, and what it made goes first."""
    problems = list(problems)
    if any(each.phase is Phase.REFUSED for each in entries) or any(each.fatal for each in problems):
        return summary(entries, problems, rules, 0, 0)
    why = [each.message for each in problems] + _messages([each for each in entries if each.message])
    if rules.held:
        why.append(f"Nothing is deleted: {rules.held}")
    said = f"Of {_count(len(entries))} the target group is still to be deleted, {rules.most} at a time."
    return Summary("Deleting", "Deleting", " ".join([said, *why]))


def _kept(problems: Sequence[Problem], entries: Sequence[Entry]) -> str:
    unknown = sum(each.phase is Phase.UNKNOWN for each in entries)
    kept = f" {_count(unknown)} that it may be about: kept." if unknown else ""
    return " ".join(dict.fromkeys(each.message for each in problems)) + kept


def _missing(missing: Sequence[Entry], entries: Sequence[Entry], rules: Rules) -> str:
    said = f"{len(missing)} of {_count(len(entries))} are not found: {_names(missing)}. "
    if rules.held:
        return f"{said}Nothing is removed: {rules.held}"
    if not rules.most:
        return f"{said}Nothing is removed: spec.removal.maxRemovals is 0."
    waiting = [each for each in missing if each.phase is Phase.MISSING]
    if waiting and len(waiting) == len(missing):
        left = min(rules.grace - (each.missing or 0.0) for each in waiting)
        return f"{said}Nothing is removed for another {_minutes(left)} of watched time (spec.removal.gracePeriod)."
    why = _messages([each for each in missing if each.message])
    return " ".join([f"{said}They are removed, at most {rules.most} at a time.", *why])


def _messages(entries: Sequence[Entry]) -> list[str]:
    shown = [each.message for each in entries[:SHOWN]]
    return [*shown, f"And {len(entries) - SHOWN} more."] if len(entries) > SHOWN else shown


def _names(entries: Sequence[Entry]) -> str:
    return ", ".join(each.name for each in entries[:SHOWN]) + (", …" if len(entries) > SHOWN else "")


def _count(number: int) -> str:
    return "1 cluster" if number == 1 else f"{number} clusters"


def _minutes(seconds: float) -> str:
    """Rounded up, so that the sentence doesn't change with each look."""
    return f"{-(-seconds // 60):.0f} min" if seconds > 60 else "minute"
