"""The clusters of an ArgoCDApplicationDeployment, sorted by what may have to be done about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from okra.argocd.application_sets import ApplicationSet
from okra.argocd.applications import Application
from okra.argocd.marks import Mark, Publisher
from okra.argocd.names import SHARED_WITH
from okra.argocd.preflight import Problem
from okra.argocd.readiness import SETTLED
from okra.argocd.relabelling import Plan, plan
from okra.argocd.secrets import ClusterSecret

MOST_APPLICATIONS = 256
"""Of a cluster, as many as its status takes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The spec."""

    publisher: Publisher
    clusters: tuple[str, ...]
    labels: Mapping[str, str]
    sets: str
    """Which ApplicationSets it names, in words."""
    delete_first: bool = False
    settled: float = SETTLED
    retained: tuple[str, ...] = ()
    """Of the clusters those that stay published as they are: what was deployed there, by whatever labels, may serve."""


@dataclass(frozen=True, slots=True)
class Known:
    """A cluster's Applications as status has them."""

    applications: tuple[str, ...] = ()
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What was read. All of it: what can't be read is never taken for what isn't there."""

    secrets: Sequence[ClusterSecret]
    """Every cluster secret of Argo CD."""
    endpoints: Mapping[str, str]
    """ArgoCDCluster in the object's namespace → its endpoint, or `""`."""
    sets: Sequence[ApplicationSet]
    """Those that the spec names."""
    applications: Sequence[Application]
    """All."""
    paused: str = ""
    """Who pauses: no cluster is published by other labels than it is meanwhile."""


@dataclass
class Census:
    wanted: Wanted
    known: Mapping[str, Known]
    """What status says of each cluster."""
    sight: Sight
    now: float
    listed: dict[str, ClusterSecret | Problem] = field(init=False)
    """Cluster in the spec → its secret, or why it has none."""
    targets: dict[str, ClusterSecret] = field(init=False)
    """Those that have one."""
    plans: dict[str, Plan] = field(init=False)
    """What is to be done with the labels of each of these."""
    old: list[ClusterSecret] = field(init=False)
    """Not listed, and still published, or not free of its Applications yet."""
    behind: list[ClusterSecret] = field(init=False)
    """Not listed, and published by an object that had the name before: what is left there may serve, and only somebody
    who lists it can say when it doesn't."""
    lost: dict[str, tuple[str, ...]] = field(init=False)
    """Not listed, and its secret, or the mark on it, is no more → its Applications that are left."""

    def __post_init__(self) -> None:
        self.listed = {name: self._find(name) for name in self.wanted.clusters}
        self.targets = {name: found for name, found in self.listed.items() if isinstance(found, ClusterSecret)}
        self.plans = {name: self._plan(name, secret) for name, secret in self.targets.items()}
        names, publisher = {secret.name for secret in self.targets.values()}, self.wanted.publisher
        unlisted = [each for each in self.sight.secrets if publisher in each.marks and each.name not in names]
        self.behind = [each for each in unlisted if self._is_behind(each)]
        self.old = [each for each in unlisted if each not in self.behind]
        gone = set(self.known) - set(self.wanted.clusters) - {self.mark(each).cluster for each in unlisted}
        self.lost = {name: left for name in sorted(gone) if (left := self._left_of(name))}

    def planned(self, *plans: Plan) -> list[ClusterSecret]:
        """Of the clusters listed, but for those that are retained."""
        named = (name for name, each in self.plans.items() if each in plans and not self.is_retained(name))
        return [self.targets[name] for name in named]

    def is_retained(self, name: str) -> bool:
        """One that nobody has published, or whose mark is lost, gets the labels that the spec has now."""
        found = self.listed[name]
        known = isinstance(found, Problem) or self.wanted.publisher in found.marks
        return known and name in self.wanted.retained

    def labels(self, name: str) -> Mapping[str, str]:
        """By which a cluster that has a secret is published, or is to be."""
        return self.mark(self.targets[name]).labels if self.is_retained(name) else self.wanted.labels

    @property
    def to_unpublish(self) -> list[ClusterSecret]:
        return [*(each for each in self.old if self.mark(each).withdrawn is None), *self.planned(Plan.EMPTY)]

    @property
    def emptied(self) -> list[ClusterSecret]:
        """Taken back, and not known to be free yet."""
        return [*(each for each in self.old if self.mark(each).withdrawn is not None), *self.planned(Plan.EMPTYING)]

    @property
    def leaving(self) -> list[str]:
        """Clusters that aren't free of the application yet."""
        return [*(self.mark(each).cluster for each in (*self.old, *self.planned(Plan.EMPTYING))), *self.lost]

    def mark(self, secret: ClusterSecret) -> Mark:
        return secret.marks[self.wanted.publisher]

    def _is_behind(self, secret: ClusterSecret) -> bool:
        """What must not run twice can't be left anywhere."""
        mark = self.mark(secret)
        others = mark.uid not in ("", self.wanted.publisher.uid)
        return others and mark.stands_on(secret.labels) and not self.wanted.delete_first

    def _plan(self, name: str, secret: ClusterSecret) -> Plan:
        wanted, labels = self.wanted, self.labels(name)
        delete_first = wanted.delete_first and not (self._is_withdrawn(secret) and self.is_free(secret))
        return plan(secret, wanted.publisher, labels, delete_first=delete_first, paused=bool(self.sight.paused))

    def _is_withdrawn(self, secret: ClusterSecret) -> bool:
        mark = secret.marks.get(self.wanted.publisher)
        return mark is not None and mark.withdrawn is not None

    def applications_on(self, secret: ClusterSecret) -> list[Application]:
        """Of the ApplicationSets named, and those that status knows of ones that were named before."""
        sets = {each.name for each in self.sight.sets}
        mark = secret.marks.get(self.wanted.publisher)
        before = self.known.get(mark.cluster, Known()).applications if mark is not None else ()
        there = (each for each in self.sight.applications if each.set and each.goes_to(secret))
        return [each for each in there if each.set in sets or each.name in before]

    def is_free(self, secret: ClusterSecret) -> bool:
        """Taken back some time ago: an ApplicationSet may still make an Application of what it saw before. And none is
        left, or those that are belong to somebody who publishes it by the same labels."""
        withdrawn = self.mark(secret).withdrawn
        if withdrawn is None or self.now < withdrawn + self.wanted.settled:
            return False
        return self._is_anothers(secret, self.mark(secret).labels) or not self.applications_on(secret)

    def since(self, name: str, applications: Sequence[Application]) -> float | None:
        """Since when they have been these; one that was made anew under its name is another."""
        known = self.known.get(name, Known())
        if not applications:
            return None
        if known.since is None or known.applications != names_of(applications):
            return self.now
        return self.now if any(each.created > known.since for each in applications) else known.since

    def _find(self, name: str) -> ClusterSecret | Problem:
        """Its secret. If it was published, and a person broke the mark, the labels on it are this one's all the
        same."""
        found, was_published = self._secret_of(name), self.known.get(name, Known()).since is not None
        if isinstance(found, Problem) or not was_published or self.wanted.publisher in found.marks:
            return found
        return replace(found, left={**found.left, **self.wanted.labels})

    def _secret_of(self, name: str) -> ClusterSecret | Problem:
        """The secret of an ArgoCDCluster: of its name, or, if it shares one, of its server."""
        publisher, endpoint = self.wanted.publisher, self.sight.endpoints.get(name, "").rstrip("/")
        named = next((each for each in self.sight.secrets if each.name == name), None)
        if named is not None and named.belongs_to(publisher.group, publisher.namespace):
            return named
        shared = [each for each in self.sight.secrets if endpoint and each.server == endpoint]
        if ours := next((each for each in shared if each.owner is not None), None):
            return ours if self._may_use(ours) else _not_shared(ours, publisher.namespace)
        if (marked := self._marked(name)) is not None:
            return marked
        if there := named or next(iter(shared), None):
            said = f"The cluster secret {there.name} isn't that of the ArgoCDCluster {name}: it is left alone."
            return Problem("NotOurs", said)
        if name in self.sight.endpoints:
            return Problem("ClusterNotReady", f"The ArgoCDCluster {name} has no cluster secret yet.", stalled=False)
        return Problem("ClusterNotFound", f"There is no ArgoCDCluster {name} yet.", stalled=False)

    def _marked(self, name: str) -> ClusterSecret | None:
        """The one that is published for a cluster of this name, whose ArgoCDCluster is gone."""
        found = (each for each in self.sight.secrets if each.owner is not None and self.wanted.publisher in each.marks)
        return None if name in self.sight.endpoints else next((s for s in found if self.mark(s).cluster == name), None)

    def _may_use(self, secret: ClusterSecret) -> bool:
        """What is published stays so, also when it isn't shared any more."""
        mark = secret.marks.get(self.wanted.publisher)
        published = mark is not None and mark.withdrawn is None
        return published or secret.may_be_used_in(self.wanted.publisher.namespace)

    def _left_of(self, name: str) -> tuple[str, ...]:
        elsewhere = [each for each in self.sight.secrets if self._is_anothers(each, self.wanted.labels)]
        elsewhere += self.targets.values()
        there = {
            each.name
            for each in self.sight.applications
            if each.set and not any(each.goes_to(secret) for secret in elsewhere)
        }
        return tuple(each for each in self.known[name].applications if each in there)

    def _is_anothers(self, secret: ClusterSecret, labels: Mapping[str, str]) -> bool:
        """Does somebody else publish it by all of these?"""
        others = (mark for who, mark in secret.marks.items() if who != self.wanted.publisher)
        return any(mark.stands_on(secret.labels) and labels.items() <= mark.labels.items() for mark in others)


def _not_shared(secret: ClusterSecret, namespace: str) -> Problem:
    said = (
        f"The cluster secret {secret.name} is of the ArgoCDCluster {secret.owner}, which doesn't share it with the"
        f" namespace {namespace}: add {SHARED_WITH}: {namespace} to the labels in the spec there."
    )
    return Problem("NotShared", said)


def names_of(applications: Sequence[Application]) -> tuple[str, ...]:
    return tuple(sorted({each.name for each in applications})[:MOST_APPLICATIONS])
