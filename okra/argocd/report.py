"""What the status of an ArgoCDApplicationDeployment says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from okra.api.argocd import ClusterPhase
from okra.argocd.census import Census, names_of
from okra.argocd.preflight import Problem
from okra.argocd.readiness import Lack, needs_sync
from okra.argocd.secrets import ClusterSecret

LEFT = "Published by one that had this name before, and left as it is"


class Phase(StrEnum):
    PENDING = "Pending"
    UPDATING = "Updating"
    SYNCED = "Synced"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ClusterReport:
    name: str
    phase: ClusterPhase
    applications: tuple[str, ...] = ()
    since: float | None = None
    message: str = ""
    reason: str = ""
    """Of what only a person ends, if that is this cluster's own."""


@dataclass(frozen=True, slots=True)
class Report:
    """`ready`: deployed on every cluster listed, though old ones may not be taken back yet."""

    phase: Phase
    ready: bool
    reason: str
    message: str
    clusters: tuple[ClusterReport, ...] = ()
    stalled: bool = False
    needs_sync: tuple[str, ...] = ()
    """Applications that a person must sync."""


def report(census: Census, problem: Problem | None, lacking: Mapping[str, Sequence[Lack]], *, ready: bool) -> Report:
    """`problem`: what stands in the way; `lacking`: what each cluster listed lacks."""
    stalled = (each for each in census.listed.values() if isinstance(each, Problem) and each.stalled)
    problem = problem or next(stalled, None)
    reason, message = _why(census, problem, lacking)
    return Report(
        phase=_phase(census, problem, ready=ready),
        ready=ready,
        reason=reason,
        message=message,
        clusters=(*_listed(census, lacking), *_leaving(census), *_behind(census)),
        stalled=problem is not None and problem.stalled,
        needs_sync=_needing_sync(census),
    )


def _why(census: Census, problem: Problem | None, lacking: Mapping[str, Sequence[Lack]]) -> tuple[str, str]:
    lack = next((each for found in lacking.values() for each in found), None)
    if (found := problem or lack) is not None:
        return found.reason, found.message
    if census.leaving:
        said = f"Deployed on every cluster; Applications are still on {', '.join(census.leaving)}."
        return "Unpublishing", said
    if census.behind:
        names = ", ".join(census.mark(each).cluster for each in census.behind)
        said = f"{LEFT} ({names}). To take one back, list it until it is Ready."
        return "Synced", f"Deployed on every cluster. {said}"
    return "Synced", "Deployed on every cluster."


def _phase(census: Census, problem: Problem | None, *, ready: bool) -> Phase:
    if problem is not None and problem.stalled:
        return Phase.FAILED
    if ready and not census.leaving:
        return Phase.SYNCED
    begun = any(census.wanted.publisher in secret.marks for secret in census.targets.values())
    return Phase.UPDATING if begun or census.leaving else Phase.PENDING


def _listed(census: Census, lacking: Mapping[str, Sequence[Lack]]) -> Iterator[ClusterReport]:
    for name, found in census.listed.items():
        message = " ".join(dict.fromkeys(each.message for each in lacking[name]))
        if isinstance(found, Problem):
            yield ClusterReport(name, ClusterPhase.PENDING, message=message, reason=found.reason * found.stalled)
        elif census.wanted.publisher not in found.marks:
            yield ClusterReport(name, ClusterPhase.PENDING, message=message)
        else:
            phase = ClusterPhase.PUBLISHING if lacking[name] else ClusterPhase.READY
            phase = ClusterPhase.RETAINED if census.is_retained(name) else phase
            yield _cluster(census, name, phase, found, message)


def _leaving(census: Census) -> Iterator[ClusterReport]:
    for secret in census.old:
        mark = census.mark(secret)
        phase = ClusterPhase.RETAINED if mark.withdrawn is None else ClusterPhase.UNPUBLISHING
        yield _cluster(census, mark.cluster, phase, secret, "")
    for name, left in census.lost.items():
        message = f"Its cluster secret was deleted or edited; {', '.join(left)} is still there."
        yield ClusterReport(name, ClusterPhase.UNPUBLISHING, left, None, message)


def _behind(census: Census) -> Iterator[ClusterReport]:
    for secret in census.behind:
        yield _cluster(census, census.mark(secret).cluster, ClusterPhase.LEFT_BEHIND, secret, f"{LEFT}.")


def _cluster(census: Census, name: str, phase: ClusterPhase, secret: ClusterSecret, message: str) -> ClusterReport:
    applications = census.applications_on(secret)
    return ClusterReport(name, phase, names_of(applications), census.since(name, applications), message)


def _needing_sync(census: Census) -> tuple[str, ...]:
    rolling = {each.name for each in census.sight.sets if each.rolling}
    awaited = (secret for name, secret in census.targets.items() if not census.is_retained(name))
    there = (each for secret in awaited for each in census.applications_on(secret))
    return tuple(sorted({each.name for each in there if needs_sync(each, rolling=each.set in rolling)}))
