"""What to do about an ArgoCDApplicationDeployment: which clusters to publish, which to take back, and when.

    CreateBeforeDelete   publish the new clusters → all ready → take the old ones back → their Applications are gone
    DeleteBeforeCreate   take the old ones back → their Applications are gone → publish the new clusters → all ready

Everything follows from what the secrets say now: each carries its publishers' marks, so nothing is lost in a crash. A
cluster is taken back only for a list of others, never for none, and never before everything about the change is known
to go well (`preflight`). Labels that somebody took off are put back in either strategy.

Other labels in the spec go the same way: beside the former ones, which come off when what the new ones deploy is ready
everywhere, cluster by cluster; with DeleteBeforeCreate in their place, once nothing is left of what they deployed.
Clusters that are retained keep what they have: they are being left, or may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from okra.argocd.census import Census, Known, Sight, Wanted
from okra.argocd.preflight import Problem, preflight
from okra.argocd.publishing import Edit, forget, former_labels, publish, shown_labels, unpublish
from okra.argocd.readiness import Lack, lacks
from okra.argocd.relabelling import Plan, remove_former
from okra.argocd.report import Phase, Report, report
from okra.argocd.secrets import ClusterSecret

POLL, REST = 10.0, 30.0
"""Seconds until the next look: while something is awaited, and at rest."""


@dataclass(frozen=True, slots=True)
class Decision:
    report: Report
    effects: tuple[Edit, ...]
    """In this order. After them, or the first that fails, everything is read and decided again."""
    wake_at: float
    """When to look again at the latest (epoch seconds)."""


def decide(
    wanted: Wanted, known: Mapping[str, Known], sight: Sight, now: float, *, poll: float = POLL, rest: float = REST
) -> Decision:
    """`known`: what status says of each cluster."""
    census = Census(wanted, known, sight, now)
    problem = _problem(census)
    lacking = {name: _lacks(census, name, found, problem) for name, found in census.listed.items()}
    ready = bool(lacking) and not any(lacking.values())
    changes = _changes(census, ready=ready) if problem is None else ()
    effects = (*changes, *_freed(census))
    lacking = {name: found or _former(census, name) for name, found in lacking.items()}
    said = report(census, problem, lacking, ready=bool(lacking) and not any(lacking.values()))
    pause = rest if said.phase is Phase.SYNCED else poll
    return Decision(said, effects, now if effects else min([now + pause, *_soon(census, lacking)]))


def _problem(census: Census) -> Problem | None:
    """What is in the way of any change at all."""
    wanted, sets = census.wanted, census.sight.sets
    if not wanted.clusters:
        return Problem("NoClusters", "spec.clusterNames is empty: nothing is published, and nothing is taken back.")
    publish = census.planned(Plan.PUBLISH, Plan.REMOVE_FORMER)
    if not publish and not census.to_unpublish:
        return None
    if not sets:
        return Problem("ApplicationSetNotFound", f"There is no {wanted.sets} yet.", stalled=False)
    return preflight(wanted.publisher, wanted.labels, publish, census.to_unpublish, sets)


def _lacks(census: Census, name: str, found: ClusterSecret | Problem, problem: Problem | None) -> list[Lack]:
    """`problem`: what keeps every cluster from being published."""
    if census.is_retained(name):
        return []
    if isinstance(found, Problem):
        return [Lack(found.reason, found.message)]
    if not census.sight.sets:
        return [Lack("ApplicationSetNotFound", f"There is no {census.wanted.sets} yet.")]
    plan = census.plans[name]
    if plan is Plan.PAUSED:
        return [Lack("Paused", f"{name} keeps the labels that it is published by: {census.sight.paused}")]
    if plan not in (Plan.KEEP, Plan.REMOVE_FORMER):
        why = problem or Problem("NotPublished", f"{name} isn't published yet.")
        return [Lack(why.reason, why.message)]
    applications, mark = census.applications_on(found), census.mark(found)
    since = census.since(name, applications)
    if since is not None and mark.relabelled is not None:
        since = max(since, mark.relabelled)
    return list(lacks(census.sight.sets, applications, mark.at, since, census.now, census.wanted.settled))


def _former(census: Census, name: str) -> list[Lack]:
    """What a cluster lacks that has all else."""
    if census.plans.get(name) is not Plan.REMOVE_FORMER:
        return []
    former = former_labels(census.targets[name], census.wanted.publisher, census.wanted.labels)
    shown = shown_labels(former)
    return [Lack("FormerLabels", f"{name} is published by {shown} of before the edit, until all clusters are ready.")]


def _changes(census: Census, *, ready: bool) -> Iterator[Edit]:
    wanted = census.wanted
    for name, secret in census.targets.items():
        if census.plans[name] is Plan.PUBLISH and not (_is_new(census, secret) and _must_wait(census)):
            yield publish(secret, wanted.publisher, name, census.labels(name), census.now)
    if ready:  # one, and the next when that is ready without them: what both deploy may go with the former ones
        for secret in census.planned(Plan.REMOVE_FORMER)[:1]:
            yield remove_former(secret, wanted.publisher, wanted.labels, census.now)
    if ready or (wanted.delete_first and len(census.targets) == len(census.listed)):
        for secret in census.to_unpublish:
            yield unpublish(secret, wanted.publisher, census.now)


def _is_new(census: Census, secret: ClusterSecret) -> bool:
    mark = secret.marks.get(census.wanted.publisher)
    return mark is None or mark.withdrawn is not None


def _must_wait(census: Census) -> bool:
    return census.wanted.delete_first and bool(census.leaving)


def _freed(census: Census) -> Iterator[Edit]:
    for secret in census.old:
        if census.is_free(secret):
            yield forget(secret, census.wanted.publisher)


def _soon(census: Census, lacking: Mapping[str, Sequence[Lack]]) -> list[float]:
    """When something may be over by itself."""
    found = [each.until for lacks in lacking.values() for each in lacks if each.until is not None]
    found += [at + census.wanted.settled for each in census.emptied if (at := census.mark(each).withdrawn) is not None]
    return [at for at in found if at > census.now]
