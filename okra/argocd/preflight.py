"""What would go wrong if clusters were published or taken back now: it is said before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from okra.api.argocd import LABELS_IN_USE
from okra.argocd.application_sets import ApplicationSet
from okra.argocd.content import keys_of_target_groups, own_keys
from okra.argocd.marks import Publisher
from okra.argocd.names import RESERVED, TARGET_GROUP
from okra.argocd.publishing import is_taken, labels_without, published_labels, shown_labels
from okra.argocd.secrets import ClusterSecret


@dataclass(frozen=True, slots=True)
class Problem:
    reason: str
    message: str
    stalled: bool = True
    """A person must do something about it; otherwise it may pass by itself."""


def preflight(
    publisher: Publisher,
    labels: Mapping[str, str],
    publish: Sequence[ClusterSecret],
    unpublish: Sequence[ClusterSecret],
    sets: Sequence[ApplicationSet],
) -> Problem | None:
    """The first problem with these changes of which clusters `sets` are told."""
    return next(_problems(publisher, labels, publish, unpublish, sets), None)


def _problems(
    publisher: Publisher,
    labels: Mapping[str, str],
    publish: Sequence[ClusterSecret],
    unpublish: Sequence[ClusterSecret],
    sets: Sequence[ApplicationSet],
) -> Iterator[Problem]:
    for each in sets:
        yield from _leftovers(each)
    for secret in publish:
        yield from _taken_labels(publisher, labels, secret)
    for secret in (*publish, *unpublish):
        yield from _still_matching(publisher, labels if secret in publish else {}, secret, sets)
    for secret in publish:
        yield from _not_matching(publisher, labels, secret, sets)
        yield from _no_target_group(secret, sets)


def _leftovers(each: ApplicationSet) -> Iterator[Problem]:
    if each.preserves:
        said = (
            f"The ApplicationSet {each.name} has {each.preserves}: what it deployed would go on running on a"
            " cluster that is taken back. Change that; nothing was changed."
        )
        yield Problem("PreservesResources", said)
    if each.keeps:
        said = (
            f"The ApplicationSet {each.name} never deletes an Application (syncPolicy.applicationsSync): a cluster"
            " can't be taken back from it. Use sync or create-delete; nothing was changed."
        )
        yield Problem("KeepsApplications", said)


def _taken_labels(publisher: Publisher, labels: Mapping[str, str], secret: ClusterSecret) -> Iterator[Problem]:
    for key, value in published_labels(secret, publisher, labels).items():
        if key in RESERVED:
            yield Problem(
                "LabelTaken", f"The label {key} of a cluster secret is always {RESERVED[key]}: choose another."
            )
        if key in own_keys(secret):
            said = (
                f"The label {key} of {secret.name} comes from the ArgoCDCluster's own labels, and stays as long as the"
                " secret is published: choose another."
            )
            yield Problem("LabelTaken", said)
        for who, mark in secret.marks.items():
            if who != publisher and mark.stands_on(secret.labels) and mark.labels.get(key, value) != value:
                said = f"{who} publishes {secret.name} by {key}={mark.labels[key]}: choose another label than {key}."
                yield Problem("LabelTaken", said)
        own = secret.marks[publisher].own if publisher in secret.marks else {}
        if key in own:
            yield from _in_use(secret, key, own[key], value)
        elif is_taken(secret, publisher, key, value):
            said = f"{secret.name} has the label {key}={secret.labels[key]} already: choose another, or take that off."
            yield Problem("LabelTaken", said)


def _in_use(secret: ClusterSecret, key: str, before: str, value: str) -> Iterator[Problem]:
    """It can't have both values at once. One that a person changed is nobody's."""
    if secret.labels.get(key) == before != value:
        said = (
            f"{secret.name} is published by {key}={before}: with {key}={value} in its place Argo CD would delete what"
            f" serves there. Publish by a label of another key, and once that is done by {key}={value}; or, if its"
            " Applications may go, take the label off by hand."
        )
        yield Problem(LABELS_IN_USE, said)


def _still_matching(
    publisher: Publisher, labels: Mapping[str, str], secret: ClusterSecret, sets: Iterable[ApplicationSet]
) -> Iterator[Problem]:
    """Also when nobody publishes it."""
    without = _unpublished(secret, publisher, labels)
    mark = secret.marks.get(publisher)
    published = labels.items() | (mark.labels.items() if mark is not None else set())
    for each in sets:
        if each.selects(secret, without):
            said = (
                f"The ApplicationSet {each.name} selects {secret.name} also without the labels that publish it: taking"
                " them off would change nothing. Let its generators select by these labels; nothing was changed."
            )
            if found := without.items() & published:
                said += f" {shown_labels(dict(found))} was there before it was published, and would stay."
            yield Problem("StillSelected", said)


def _not_matching(
    publisher: Publisher, labels: Mapping[str, str], secret: ClusterSecret, sets: Iterable[ApplicationSet]
) -> Iterator[Problem]:
    """By what it is published alone, too: where only another's labels select it, what runs there goes with these."""
    own = published_labels(secret, publisher, labels)
    together = labels_without(secret, publisher, labels) | own
    alone = _unpublished(secret, publisher, labels) | own
    for each in sets:
        if False in (found := [each.selects(secret, alone), each.selects(secret, together)]):
            said = f"No generator of the ApplicationSet {each.name} selects {shown_labels(own)}; nothing was changed."
            if found[1]:
                others = shown_labels(dict(together.items() - alone.items()))
                said += f" {secret.name} is selected by {others}, by which others publish it and take it back."
            yield Problem("NotSelected", said, stalled=False)


def _no_target_group(secret: ClusterSecret, sets: Iterable[ApplicationSet]) -> Iterator[Problem]:
    """Of several target groups none is the cluster's: an Application would get the template's text for an ARN."""
    keys = keys_of_target_groups(secret)
    for each in sets:
        if len(keys) > 1 and TARGET_GROUP not in secret.annotations and each.reads(TARGET_GROUP):
            said = (
                f"The ApplicationSet {each.name} reads the annotation {TARGET_GROUP} of {secret.name}. Its"
                f" ArgoCDCluster names several ({', '.join(keys)}), and so it has no such annotation: let the template"
                f" read the application's own, such as {{{{metadata.annotations.{keys[0]}}}}}; nothing was changed."
            )
            yield Problem("TargetGroupUnknown", said, stalled=False)


def _unpublished(secret: ClusterSecret, publisher: Publisher, labels: Mapping[str, str]) -> dict[str, str]:
    """Its labels if nobody published it: what others publish it by is theirs to take off."""
    others = {pair for mark in secret.marks.values() for pair in mark.own.items()}
    return dict(labels_without(secret, publisher, labels).items() - others)
