"""Does a cluster run the application? By Argo CD's word, and only for what it saw after the labels were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor

from okra.argocd.application_sets import ApplicationSet
from okra.argocd.applications import Application
from okra.rollout.words import sentence

SETTLED = 10.0
"""Seconds for which the set of Applications must stay the same, unless the settings say other: an ApplicationSet makes
them one by one."""
FINISHED = ("", "Succeeded")
"""Phases of a sync operation that is over and well."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a cluster isn't ready yet."""

    reason: str
    message: str
    until: float | None = None
    """When this may be over by itself (epoch seconds)."""


def lacks(
    sets: Sequence[ApplicationSet],
    applications: Sequence[Application],
    published: float,
    since: float | None,
    now: float,
    settled: float = SETTLED,
) -> Iterator[Lack]:
    """All that is missing, what comes first in Argo CD's order first. None: ready.

    applications: those on this cluster of `sets`, and of others named before; published: when the labels were written;
    since: from when on they have been these.
    """
    for each in sets:
        mine = [application for application in applications if application.set == each.name]
        yield from _set_lacks(each, mine)
        for application in mine:
            yield from _application_lacks(application, published, rolling=each.rolling)
    names = {each.name for each in sets}
    for application in applications:
        if application.deleting and application.set not in names:
            yield _being_deleted(application)
    if applications and (since is None or now < since + settled):
        said = f"Its Applications must stay the same for {settled:g} seconds."
        yield Lack("Settling", said, (now if since is None else since) + settled)


def needs_sync(application: Application, *, rolling: bool) -> bool:
    """Does it wait for a person to sync it?"""
    idle = application.operation != "Running"
    return application.sync == "OutOfSync" and idle and not application.automated and not rolling


def _set_lacks(each: ApplicationSet, applications: Sequence[Application]) -> Iterator[Lack]:
    if each.error:
        yield Lack("ApplicationSetError", sentence(f"The ApplicationSet {each.name}: {each.error}"))
    elif not each.up_to_date:
        yield Lack("ApplicationSetNotUpToDate", f"The ApplicationSet {each.name} hasn't made its Applications yet.")
    if not applications:
        yield Lack("NoApplication", f"The ApplicationSet {each.name} has made no Application for it yet.")
    if each.rolling and not each.rolled:
        yield Lack("RollingSync", f"The ApplicationSet {each.name} is performing its RollingSync.")
    elif waiting := each.waits_for(applications):
        yield Lack("RollingSync", f"The RollingSync of {each.name} isn't done with {', '.join(waiting)}.")


def _being_deleted(application: Application) -> Lack:
    return Lack("ApplicationDeleting", f"The Application {application.name} is being deleted.")


def _application_lacks(application: Application, published: float, *, rolling: bool) -> Iterator[Lack]:
    name = f"The Application {application.name}"
    said = f": {sentence(application.said)}" if application.said else "."
    if application.deleting:
        yield _being_deleted(application)
    elif application.reconciled is None or application.reconciled < floor(published):  # it is written in whole seconds
        yield Lack("NotReconciled", f"{name} hasn't been reconciled since the cluster was published.")
    elif needs_sync(application, rolling=rolling):
        yield Lack("NeedsSync", f"{name} is synced by hand: sync it.")
    elif application.sync != "Synced":
        yield Lack("NotSynced", f"{name} is {application.sync}{said}")
    elif application.operation not in FINISHED:
        yield Lack("NotSynced", f"The last sync of {application.name} is {application.operation}{said}")
    elif application.health != "Healthy":
        reason = "ApplicationDegraded" if application.health == "Degraded" else "NotHealthy"
        yield Lack(reason, f"{name} is {application.health}{said}")
