"""Applications that are where the spec wants them: are they as they should be there?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from okra.applications.lockstep import HANDED_OVER, Unit
from okra.applications.observation import NOT_LOOKED_AT, RouteSeen
from okra.applications.policy import Application
from okra.applications.regrouping import name_anew
from okra.applications.resting import at_rest
from okra.applications.routes import rules
from okra.applications.state import Phase, Placement, Stage
from okra.applications.turn import Turn
from okra.rollout.observation import Problem

AT_REST: Mapping[str, Phase] = {
    "Paused": Phase.PAUSED,
    "Reverting": Phase.REVERTING,
    "FailedReverting": Phase.FAILED_REVERTING,
    "Invalid": Phase.PENDING,
    "Failed": Phase.PENDING,
}
"""What an application is whose child Cell isn't where it should be, by the child's phase."""


def rest(turn: Turn, unit: Unit) -> bool:
    for app in unit:
        at_rest(turn, app)
    arrived = [_arrived(turn, app) for app in unit]
    for app in unit if all(arrived) else ():
        tell_what_lacks(turn, app)
    return all(arrived)


def _arrived(turn: Turn, app: Application) -> bool:
    """It is on the version that is wanted: whatever was said of others is over. Is it on the very clusters, too?"""
    synced = turn.app(app).synced
    assert synced is not None  # it was brought there
    if app.name in turn.obs.elsewhere:
        turn.reason = "Lockstep"
        turn.set(app, phase=Phase.SYNCING, message=HANDED_OVER)
        turn.wake_in(turn.policy.poll_interval)
        return False
    if set(app.clusters) == set(synced.clusters):
        route = turn.obs.routes.get(app.name) if app.routed else None
        if _lacks_a_route(turn, app, route):
            return False
        known = route is not None and (route.phase or turn.obs.saved is False)  # of a spec that is kept it has been
        if route is not None and known and _astray(turn, route, synced):
            turn.reason = route.reason
            turn.set(app, phase=AT_REST.get(route.phase, Phase.SYNCING), message=route.message)
            turn.wake_in(turn.policy.poll_interval)
            return False
        if name_anew(turn, app, synced, route):
            return False
        blocked = tuple(each for each in turn.app(app).blocked if each != app.version)
        turn.set(app, synced=replace(synced, deployed=app.deployed), blocked=blocked)
        rests(turn, app)
        return True
    turn.reason = "SameVersion"
    said = (
        f"It is on {', '.join(synced.clusters)}, and {', '.join(app.clusters)} are of the same version: {app.version}."
    )
    turn.set(app, phase=Phase.PENDING, stage=None, message=f"{said} To move it there, label them with another one.")
    return False


def _lacks_a_route(turn: Turn, app: Application, route: RouteSeen | None) -> bool:
    """One that was added isn't looked after yet."""
    lacks = [each for each in rules(app.route) if route and route.on and each not in rules(route.on)]
    if lacks:
        groups = turn.obs.groups.get(app.name)
        turn.reason, said = "RouteAdded", f"Waits until {', '.join(lacks)} is looked after, too."
        if isinstance(groups, Problem):
            turn.reason, said = groups.reason, groups.message
        turn.set(app, phase=Phase.SYNCING, message=said)
        turn.wake_in(turn.policy.poll_interval)
    return bool(lacks)


def rests(turn: Turn, app: Application) -> None:
    """It is where it should be. An alb that it got since is for the next clusters: that holds up no other."""
    synced = turn.app(app).synced
    assert synced is not None  # it was brought there
    if app.routed and not synced.routed:
        said = f"It got its alb on {', '.join(synced.clusters)}: the traffic is moved with the next clusters."
        turn.set(app, phase=Phase.PENDING, stage=None, message=said)
    else:
        turn.set(app, phase=Phase.SYNCED, stage=Stage.COMPLETED, message="")


def tell_what_lacks(turn: Turn, app: Application) -> None:
    """Argo CD's word that it doesn't run where it is, or that nobody can tell its target groups, is only told: it
    starts nothing, and holds up no other application, which may be what mends it. Of a spec that isn't kept yet Argo CD
    must have said something."""
    groups = turn.obs.groups.get(app.name)
    if isinstance(groups, Problem) and (groups.fatal or turn.obs.saved is False):
        turn.set(app, phase=Phase.PENDING, message=groups.message)
        turn.wake_in(turn.policy.poll_interval)
        return
    seen, synced = turn.obs.deployments.get(app.name), turn.app(app).synced
    assert synced is not None  # it was brought there
    awaited = NOT_LOOKED_AT if seen is None else seen.awaits(synced.clusters)
    known = seen is not None and bool(seen.lacks)
    if app.deployed and awaited and (known or turn.obs.saved is False):
        turn.set(app, phase=Phase.SYNCING, message=f"Waiting for Argo CD: {awaited}")
        turn.wake_in(turn.policy.poll_interval)


def _astray(turn: Turn, route: RouteSeen, synced: Placement) -> bool:
    """Isn't its traffic where it should be, or does something keep the child Cell from seeing to that?"""
    paused = turn.policy.paused and route.phase == "Paused"  # as it was told
    return not (route.settled and route.stable == synced.version) or (route.held and not paused)
