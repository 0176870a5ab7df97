"""The status of an ArgoCDApplicationDeployment: of a report, and back what the next decision needs of it."""

from __future__ import annotations

from okra.api.argocd import ArgoCDApplicationDeploymentStatus, ClusterApplications
from okra.argocd.census import Known
from okra.argocd.kstatus import conditions
from okra.argocd.report import ClusterReport, Phase, Report
from okra.rollout.status import read_time, write_time

NEEDS_SYNC = "NeedsSync"
_MOST_CLUSTERS, _LONGEST = 64, 4096


def known_from(status: ArgoCDApplicationDeploymentStatus) -> dict[str, Known]:
    return {
        each.name: Known(each.applications, read_time(each.unchanged_since) if each.unchanged_since else None)
        for each in status.clusters
    }


def status_of(
    report: Report, before: ArgoCDApplicationDeploymentStatus, generation: int | None, now: float
) -> ArgoCDApplicationDeploymentStatus:
    by_hand = f"Argo CD waits for a person to sync {', '.join(report.needs_sync)}."
    return ArgoCDApplicationDeploymentStatus(
        observed_generation=generation,
        ready=report.ready,
        phase=report.phase,
        clusters=tuple(map(_cluster, report.clusters[:_MOST_CLUSTERS])),
        conditions=conditions(
            before.conditions,
            ready=report.ready,
            stalled=report.stalled,
            done=report.phase is Phase.SYNCED,
            reason=report.reason,
            message=report.message,
            generation=generation,
            now=now,
            more={NEEDS_SYNC: ("ManualSync", by_hand)} if report.needs_sync else {},
        ),
    )


def _cluster(report: ClusterReport) -> ClusterApplications:
    return ClusterApplications(
        name=report.name,
        phase=report.phase,
        applications=report.applications,
        unchanged_since=None if report.since is None else write_time(report.since),
        reason=report.reason,
        message=report.message[:_LONGEST],
    )
