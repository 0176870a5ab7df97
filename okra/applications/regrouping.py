"""Other target groups for the clusters that an application is on: a move like any other, to the same clusters.

Where it is gets another name first, and its child Cell is told of that; then the version that the spec wants is
elsewhere, and the same machine brings the traffic there: prechecks, health, steps, checks, and the way back.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from okra.applications.lockstep import lead_of, tell, together, unwatched
from okra.applications.observation import RouteSeen
from okra.applications.policy import Application
from okra.applications.routes import off_the_route, same_groups
from okra.applications.state import Phase, Placement
from okra.applications.turn import Turn


def serves_there(turn: Turn, app: Application, synced: Placement) -> bool | None:
    """Is it on the very clusters and target groups that are wanted, whatever that is called? None: nobody knows, or it
    has no traffic."""
    groups = turn.obs.groups.get(app.name)
    if not isinstance(groups, tuple) or not synced.groups or {*app.clusters} != {*synced.clusters}:
        return None
    return same_groups(groups, app.route, synced)


def name_anew(turn: Turn, app: Application, synced: Placement, route: RouteSeen | None) -> bool:
    """Where it rests is called as the spec has it, or not any more. True: it isn't where it should be, or called so."""
    there = serves_there(turn, app, synced)
    if there is None or there is (synced.version == app.version):
        return False
    if not there and (problem := off_the_route(turn, app)) is not None:
        turn.reason = problem.reason
        turn.set(app, phase=Phase.PENDING, message=problem.message)
        turn.wake_in(turn.policy.poll_interval)
        return True
    if route is None or not (route.settled and route.stable == route.version == synced.version):
        turn.set(app, phase=Phase.SYNCING, message="Waiting until its traffic is at rest.")
        turn.wake_in(turn.policy.poll_interval)
        return True
    name = app.version if there else _name_before(synced)
    blocked = tuple(each for each in turn.app(app).blocked if each != name)
    turn.set(app, synced=replace(synced, version=name), blocked=blocked, phase=Phase.SYNCING, message="")
    reason = "VersionRenamed" if there else "TargetGroupsChanged"
    turn.emit(reason, f"{app.name}: {synced.version} is called {name} from now on.")
    return True


def _name_before(synced: Placement) -> str:
    digest = hashlib.sha256(" ".join(sorted(each.arn for each in synced.groups)).encode()).hexdigest()
    return f"{synced.version}@{digest[:8]}"


def is_told(turn: Turn, app: Application) -> bool:
    """Does its child Cell know the other name? What it says of the one before would pass for an arrival. Of those in
    lockstep it must have all routes."""
    state, route = turn.app(app), turn.obs.routes.get(app.name)
    synced = state.synced
    if not _is_handed_over(turn, app, route):
        return False
    if synced is None or route is None or route.stable != app.version or {*app.clusters} != {*synced.clusters}:
        return True
    if route.version != synced.version:
        tell(turn, app, "synced")
    turn.wake_in(turn.policy.poll_interval)
    return False


def _is_handed_over(turn: Turn, app: Application, route: RouteSeen | None) -> bool:
    """Has another child Cell let its routes go, and is its own told of them? Before that it has no part in a move."""
    synced, unit = turn.app(app).synced, together(turn, app)
    awaited = [each.name for each in unit if each.name in turn.obs.elsewhere]
    rests = synced is None or route is None or (route.settled and route.version == synced.version)
    if not awaited and not unwatched(turn, app) and (rests or len(unit) < 2):
        return True
    if not awaited and route is not None and route.version != (synced.version if synced else ""):
        tell(turn, app, "synced")
    turn.reason = "Lockstep"
    said = f"Waits until its traffic is with the Cell of {lead_of(turn.app(app))}."
    turn.set(app, phase=Phase.PENDING, stage=None, message=f"{said} {route.message if route else ''}".rstrip())
    turn.wake_in(turn.policy.poll_interval)
    return False
