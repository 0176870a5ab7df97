"""An edit of the labels by which clusters are published already: what is deployed by the former ones may serve.

    CreateBeforeDelete   the new labels beside the former ones → all clusters ready by them → the former ones come off
                         one cluster → all ready → and off the next
    DeleteBeforeCreate   the former labels come off → their Applications are gone → the new ones are put on

The mark on a secret has all labels that are on; those that the spec has no more are the former ones. So an edit that is
taken back, or followed by another, goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto

from okra.argocd.marks import Publisher
from okra.argocd.publishing import (
    Edit,
    EditKind,
    edit,
    former_labels,
    labels_after_publishing,
    needs_publishing,
    published_labels,
    shown_labels,
)
from okra.argocd.secrets import ClusterSecret


class Plan(Enum):
    """What is to be done with the labels of a cluster that is listed."""

    KEEP = auto()
    PUBLISH = auto()
    REMOVE_FORMER = auto()
    """Once all clusters are ready."""
    EMPTY = auto()
    """Take it back, to publish it by other labels then: nothing may run twice there."""
    EMPTYING = auto()
    """That was done, and it isn't free yet."""
    PAUSED = auto()


def plan(
    secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str], *, delete_first: bool, paused: bool
) -> Plan:
    """`delete_first`: with that strategy, unless it is free; `paused`: no labels become others."""
    mark = secret.marks.get(publisher)
    if mark is None:
        return Plan.PUBLISH
    before, after = mark.labels.items(), published_labels(secret, publisher, labels).items()
    if paused and mark.withdrawn is None and before != after:
        return Plan.PAUSED
    if delete_first and not before <= after and not after <= before:
        return Plan.EMPTY if mark.withdrawn is None else Plan.EMPTYING
    if needs_publishing(secret, publisher, labels):
        return Plan.PUBLISH
    return Plan.REMOVE_FORMER if former_labels(secret, publisher, labels) else Plan.KEEP


def remove_former(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str], now: float) -> Edit:
    mark, former = secret.marks[publisher], former_labels(secret, publisher, labels)
    said = f"{mark.cluster}: {shown_labels(former)} of before the edit is taken off the cluster secret {secret.name}."
    kept = {key: value for key, value in mark.labels.items() if key not in former}
    found = tuple(key for key in mark.found if key in kept)
    after = labels_after_publishing(secret, publisher, labels)
    done = replace(mark, labels=kept, found=found, relabelled=now)
    return edit(EditKind.FORMER_LABELS_REMOVED, secret, publisher, after, done, said)
