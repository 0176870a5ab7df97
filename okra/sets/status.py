"""A ClusterSet's status, and what of it the next look goes on with."""

from __future__ import annotations

from collections.abc import Iterable

from okra.api.cluster_set import ClusterSetStatus, SetCluster
from okra.api.conditions import Condition
from okra.argocd.kstatus import conditions, interrupted
from okra.sets.removal import Entry
from okra.sets.report import Summary


def missing_from(status: ClusterSetStatus) -> dict[str, float]:
    """For how long each has been missing, by name."""
    return {each.name: each.missing_seconds for each in status.clusters if each.missing_seconds is not None}


def cluster_set_status(
    entries: Iterable[Entry], said: Summary, before: ClusterSetStatus, generation: int | None, now: float
) -> ClusterSetStatus:
    clusters = tuple(
        SetCluster(
            name=each.name,
            arn=each.arn,
            phase=str(each.phase),
            missing_seconds=each.missing if each.missing is None else round(each.missing, 1),
            message=each.message,
        )
        for each in entries
    )
    was = bool(before.ready) and before.observed_generation == generation
    return ClusterSetStatus(
        observed_generation=generation,
        ready=was if said.unknown else said.ready,
        phase=before.phase if said.unknown and was else said.phase,
        clusters=clusters,
        conditions=conditions_of(said, before.conditions, was, generation, now),
    )


def conditions_of(
    said: Summary, before: Iterable[Condition], was_ready: bool, generation: int | None, now: float
) -> tuple[Condition, ...]:
    if said.unknown and was_ready:
        return interrupted(before, reason=said.reason, message=said.message, generation=generation, now=now)
    return conditions(
        before,
        ready=said.ready,
        stalled=said.stalled,
        done=said.ready,
        reason=said.reason,
        message=said.message,
        generation=generation,
        now=now,
    )
