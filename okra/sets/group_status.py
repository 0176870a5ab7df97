"""A TargetGroupSet's status, and what of it the next look goes on with."""

from __future__ import annotations

from collections.abc import Mapping

from okra.api.target_group_set import ManagedTargetGroup, TargetGroupSetStatus
from okra.sets.removal import Entry
from okra.sets.report import Summary
from okra.sets.status import conditions_of


def missing_from(status: TargetGroupSetStatus) -> dict[str, float]:
    """For how long each cluster has been missing, by its ARN."""
    return {each.cluster_arn: each.missing_seconds for each in status.target_groups if each.missing_seconds is not None}


def group_set_status(
    entries: Mapping[str, Entry],
    said: Summary,
    before: TargetGroupSetStatus,
    generation: int | None,
    now: float,
    *,
    most: int,
) -> TargetGroupSetStatus:
    groups = tuple(
        ManagedTargetGroup(
            cluster=arn.rpartition("/")[2],
            cluster_arn=arn,
            arn=each.name or None,
            phase=str(each.phase),
            missing_seconds=each.missing if each.missing is None else round(each.missing, 1),
            message=each.message[:1024],
        )
        for arn, each in sorted(entries.items())
    )
    was = bool(before.ready) and before.observed_generation == generation
    return TargetGroupSetStatus(
        observed_generation=generation,
        ready=was if said.unknown else said.ready,
        phase=before.phase if said.unknown and was else said.phase,
        target_groups=groups[:most],
        conditions=conditions_of(said, before.conditions, was, generation, now),
    )
