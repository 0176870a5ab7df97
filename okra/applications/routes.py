"""The rules that an application's traffic is on, and why it may not leave its clusters yet.

An edit of listener or priority at rest has the child Cell look after another rule. The former one goes on forwarding as
it did, and nobody moves it: the clusters that it forwards to aren't left before it does no more.
"""

from __future__ import annotations

from dataclasses import replace

from okra.applications.policy import Application
from okra.applications.state import Placement
from okra.applications.turn import Turn
from okra.rollout.observation import Problem


def note_route(turn: Turn, app: Application) -> None:
    """At rest its child is told to be on the rule that the spec says, and is on it once it is settled there. The others
    that it was told of are kept as long as they forward to where it is."""
    state, route = turn.app(app), turn.obs.routes.get(app.name)
    synced = state.synced
    if state.moving or synced is None or not (app.routed and synced.routed) or route is None:
        return
    told = (*state.routes_before, *((synced.route, app.route) if synced.version == app.version else ()))
    if route.settled and synced.version == app.version:
        synced = replace(synced, route=app.route)
    others = [each for each in dict.fromkeys(told) if each not in ("", synced.route)]
    kept = tuple(each for each in others if each == app.route or _forwards(turn, app, synced, each))
    turn.set(app, synced=synced, routes_before=kept)


def off_the_route(turn: Turn, app: Application) -> Problem | None:
    """Why it can't go from where it is to other clusters: the traffic would stay there, on a route nobody moves."""
    state = turn.app(app)
    synced = state.synced
    if synced is None:
        return None
    clusters = ", ".join(synced.clusters)
    if synced.routed and not app.routed:
        said = f"It has no alb any more, and the traffic is on {clusters}: nobody moves it from there."
        return Problem("RouteRemoved", f"{said} Give it its alb back, or another name.")
    if synced.route not in ("", app.route):
        said = (
            f"{synced.route} forwards to {clusters}, and would after a move by {app.route}: move by the former route,"
            " and change it then. Where that can't be, give it another name."
        )
        return Problem("RouteAndClusters", said)
    rules = [each for each in state.routes_before if each != app.route and _forwards(turn, app, synced, each)]
    if rules and not state.moving:
        said = f"{', '.join(rules)}, where it was before, forwards to {clusters}, and nobody would move that"
        return Problem("RouteAndClusters", f"{said}: let it forward elsewhere, or delete it, and it goes on by itself.")
    return None


def _forwards(turn: Turn, app: Application, synced: Placement, rule: str) -> bool:
    """Does it send traffic to where the application is? One that can't be read may."""
    here = {group.arn for group in synced.groups}
    return bool(here & turn.obs.forwarded.get(app.name, {}).get(rule, here))
