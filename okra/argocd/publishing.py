"""The edits of a cluster secret that publish a cluster to an application, and take it back.

Each is one patch of one secret, guarded by its resourceVersion: labels and the publisher's mark change together or not
at all, and whoever is killed between two edits leaves secrets that say how far it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from okra.argocd.marks import Mark, Publisher, write_mark
from okra.argocd.names import CLUSTER_SECRET, RESERVED
from okra.argocd.secrets import ClusterSecret

_LONGEST, _HASH = 63, 10


class EditKind(StrEnum):
    """Each is also the reason of the Event."""

    PUBLISHED = "Published"
    PUBLISHED_AGAIN = "PublishedAgain"
    """Somebody had taken the labels off."""
    FORMER_LABELS_REMOVED = "FormerLabelsRemoved"
    """Those of before an edit: the new ones have brought up all that they had to."""
    ADOPTED = "Adopted"
    """It was published by an object that had the name before."""
    UNPUBLISHED = "Unpublished"
    APPLICATIONS_GONE = "ApplicationsGone"


@dataclass(frozen=True, slots=True)
class Edit:
    """An effect: patch this secret."""

    kind: EditKind
    cluster: str
    secret: str
    patch: Mapping[str, Any]
    message: str


def without_marks_of(secret: ClusterSecret, gone: Collection[Publisher]) -> ClusterSecret:
    """The secret as if those who exist no more had never published it: their labels are whoever's publishes by them."""
    left = {key: value for who, mark in secret.marks.items() if who in gone for key, value in mark.own.items()}
    marks = {who: mark for who, mark in secret.marks.items() if who not in gone}
    return replace(secret, marks=marks, left={**secret.left, **left})


def rivals(secrets: Iterable[ClusterSecret], publisher: Publisher, labels: Mapping[str, str]) -> set[Publisher]:
    """The others who publish clusters by a label that this one publishes, or published, by."""
    found = set()
    for secret in secrets:
        mine = secret.marks.get(publisher)
        pairs = labels.items() | (mine.labels.items() if mine is not None else set())
        found |= {who for who, mark in secret.marks.items() if who != publisher and mark.labels.items() & pairs}
    return found


def publishing_labels(labels: Mapping[str, str], name: str | None) -> dict[str, str]:
    """By which labels a cluster is published: without those that every cluster secret has, and with its name's."""
    found = {key: value for key, value in labels.items() if RESERVED.get(key) != value}
    return found | ({CLUSTER_SECRET: _label_value(name)} if name else {})


def published_labels(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> dict[str, str]:
    """The publishing labels that this secret takes: it may have got its cluster-secret name from another publisher."""
    named = any(
        who != publisher and mark.labels.get(CLUSTER_SECRET, labels.get(CLUSTER_SECRET)) != labels.get(CLUSTER_SECRET)
        for who, mark in secret.marks.items()
        if mark.stands_on(secret.labels)
    )
    return {key: value for key, value in labels.items() if not (named and key == CLUSTER_SECRET)}


def former_labels(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> dict[str, str]:
    """Those of before an edit by which it is still published. They stay beside the new ones until what is deployed by
    these is ready: taken off, they take their Applications along, and what serves."""
    mark = secret.marks.get(publisher)
    if mark is None or mark.withdrawn is not None:
        return {}
    return {key: value for key, value in mark.labels.items() if key not in labels}


def _labels_for_now(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> dict[str, str]:
    return former_labels(secret, publisher, labels) | published_labels(secret, publisher, labels)


def found_labels(secret: ClusterSecret, labels: Mapping[str, str]) -> dict[str, str]:
    """Those of `labels` that were there before anybody published by them: they are a person's, and stay."""
    there = {key: value for key, value in labels.items() if secret.labels.get(key) == value}
    published = {*secret.left.items(), *(pair for mark in secret.marks.values() for pair in mark.own.items())}
    return dict(there.items() - published)


def is_taken(secret: ClusterSecret, publisher: Publisher, key: str, value: str) -> bool:
    """Has the label another value, which isn't this one's to change? What a person made of its own is put back."""
    there, mark = secret.labels.get(key, value), secret.marks.get(publisher)
    own = mark is not None and key in mark.own
    return there != value and secret.left.get(key) != there and not own


def needs_publishing(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> bool:
    mark = secret.marks.get(publisher)
    wanted = _labels_for_now(secret, publisher, labels)
    same = mark is not None and dict(mark.labels) == wanted and mark.uid == publisher.uid
    return mark is None or not same or not mark.stands_on(secret.labels)


def labels_after_publishing(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> dict[str, str]:
    """What it would be labelled with in the end."""
    return {**labels_without(secret, publisher, labels), **published_labels(secret, publisher, labels)}


def labels_without(
    secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What it would be labelled with if this publisher took it back. `labels`: as it would publish it, if it doesn't
    yet: of these others may have set some already."""
    dropped = _labels_of_it_alone(secret, publisher, labels or {})
    return {key: value for key, value in secret.labels.items() if (key, value) not in dropped}


def publish(secret: ClusterSecret, publisher: Publisher, cluster: str, labels: Mapping[str, str], now: float) -> Edit:
    wanted = _labels_for_now(secret, publisher, labels)
    after = labels_without(secret, publisher, labels) | wanted
    old = secret.marks.get(publisher)
    if old is not None and dict(old.labels) == wanted and old.stands_on(secret.labels):
        said = f"{cluster}: the cluster secret {secret.name} is published already, by one that had this name before."
        return edit(EditKind.ADOPTED, secret, publisher, secret.labels, replace(old, cluster=cluster), said)
    again = old is not None and old.withdrawn is None and dict(old.labels) == wanted
    kind = EditKind.PUBLISHED_AGAIN if again else EditKind.PUBLISHED
    said = (
        f"{cluster}: the cluster secret {secret.name} is labelled {shown_labels(wanted)}"
        + "; it had been changed." * again
    )
    mark = Mark(cluster, wanted, now, found=tuple(sorted(found_labels(secret, wanted))))
    return edit(kind, secret, publisher, after, mark, said.rstrip(".") + ".")


def unpublish(secret: ClusterSecret, publisher: Publisher, now: float) -> Edit:
    mark = secret.marks[publisher]
    shown = ", ".join(sorted(mark.labels))
    said = f"{mark.cluster}: the labels {shown} are taken off the cluster secret {secret.name}."
    withdrawn = replace(mark, withdrawn=now)
    return edit(EditKind.UNPUBLISHED, secret, publisher, labels_without(secret, publisher), withdrawn, said)


def forget(secret: ClusterSecret, publisher: Publisher) -> Edit:
    mark = secret.marks[publisher]
    said = f"{mark.cluster}: its Applications are gone."
    return edit(EditKind.APPLICATIONS_GONE, secret, publisher, secret.labels, None, said)


def edit(
    kind: EditKind,
    secret: ClusterSecret,
    publisher: Publisher,
    after: Mapping[str, str],
    mark: Mark | None,
    message: str,
) -> Edit:
    labels: dict[str, str | None] = {key: None for key in secret.labels if key not in after}
    labels |= {key: value for key, value in after.items() if secret.labels.get(key) != value}
    metadata = {
        "resourceVersion": secret.resource_version,
        "labels": labels,
        "annotations": {publisher.annotation: write_mark(publisher, mark) if mark is not None else None},
    }
    cluster = mark.cluster if mark is not None else secret.marks[publisher].cluster
    return Edit(kind, cluster, secret.name, {"metadata": metadata}, message)


def _labels_of_it_alone(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> set[tuple[str, str]]:
    """By which nobody else publishes the cluster. A value that a person gave a label isn't this one's any more."""
    mark = secret.marks.get(publisher)
    mine = {*(mark.own.items() if mark is not None else ()), *(labels.items() - found_labels(secret, labels).items())}
    others = (other for who, other in secret.marks.items() if who != publisher and other.withdrawn is None)
    kept = {*RESERVED, *(key for other in others for key in other.labels)}
    return {(key, value) for key, value in mine if key not in kept}


def shown_labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _label_value(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{name[: _LONGEST - _HASH - 1].rstrip('.-')}-{digest}"
