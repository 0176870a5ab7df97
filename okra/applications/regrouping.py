"""Other target groups for the clusters that an application is on: a move like any other, to the same clusters.

Where it is gets another name first, and its child Cell is told of that; then the version that the spec wants is
elsewhere, and the same machine brings the traffic there: prechecks, health, steps, checks, and the way back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from okra.applications.effects import Route
from okra.applications.observation import RouteSeen
from okra.applications.policy import Application
from okra.applications.routes import off_the_route
from okra.applications.stages import groups_of
from okra.applications.state import Phase, Placement
from okra.applications.turn import Turn


def serves_there(turn: Turn, app: Application, synced: Placement) -> bool | None:
    """Is it on the very clusters and target groups that are wanted, whatever that is called? None: nobody knows, or it
    has no traffic."""
    groups = turn.obs.groups.get(app.name)
    if not isinstance(groups, Mapping) or not synced.groups or {*app.clusters} != {*synced.clusters}:
        return None
    return {each.cluster: each.arn for each in synced.groups} == {name: groups.get(name) for name in app.clusters}


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
    """Does its child Cell know the other name? What it says of the one before would pass for an arrival."""
    state, route = turn.app(app), turn.obs.routes.get(app.name)
    synced = state.synced
    if synced is None or route is None or route.stable != app.version or {*app.clusters} != {*synced.clusters}:
        return True
    if route.version != synced.version:
        turn.effects.append(Route(app.name, synced.version, groups_of(state)))
    turn.wake_in(turn.policy.poll_interval)
    return False
