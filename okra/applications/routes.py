"""The rules that an application's traffic is on, and why it may not leave its clusters yet.

An edit of listener or priority at rest has the child Cell look after another rule. The former one goes on forwarding as
it did, and nobody moves it: the clusters that it forwards to aren't left before it does no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from okra.applications.policy import Application
from okra.applications.state import Group, Placement
from okra.applications.turn import Turn
from okra.rollout.observation import Problem


def note_route(turn: Turn, app: Application) -> None:
    """At rest its child is told to be on the rule that the spec says, and is on it once it is settled there. The others
    that it was told of are kept as long as they forward to where it is."""
    state, route = turn.app(app), turn.obs.routes.get(app.name)
    synced = state.synced
    if state.moving or synced is None or not (app.routed and synced.routed) or route is None:
        return
    stays = synced.version == app.version
    told = (*state.routes_before, *((*rules(synced.route), *rules(app.route)) if stays else ()))
    if route.settled and stays and (not route.on or {*rules(app.route)} <= {*rules(route.on)}):
        synced = replace(synced, route=app.route, groups=groups_there(turn, app, synced))
    others = [each for each in dict.fromkeys(told) if each not in rules(synced.route)]
    kept = tuple(each for each in others if each in rules(app.route) or _forwards(turn, app, synced, each))
    turn.set(app, synced=synced, routes_before=kept)


def rules(route: str) -> list[str]:
    """The routes of one application: each is a word."""
    return route.split()


def same_groups(groups: Sequence[Group], route: str, synced: Placement) -> bool:
    """Are these, on the routes that it is on, the target groups that it has there? A route that is added may have
    others; one that takes the place of the only one has the same."""
    there, here = _by_route(groups, route), _by_route(synced.groups, synced.route)
    common = there.keys() & here.keys()
    if common and max(len(there), len(here)) > 1:
        return all(there[each] == here[each] for each in common)
    return {*chain(*there.values())} == {*chain(*here.values())}


def _by_route(groups: Sequence[Group], route: str) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for each in groups:
        found.setdefault(each.route or route, set()).add((each.cluster, each.arn))
    return found


def groups_there(turn: Turn, app: Application, synced: Placement) -> tuple[Group, ...]:
    """With those of routes that were added. Those of routes that were taken away stay, as these may forward there."""
    groups = turn.obs.groups.get(app.name)
    several = max(len(rules(synced.route)), len(rules(app.route))) > 1
    if not several or synced.route == app.route or isinstance(groups, Problem | None):
        return synced.groups
    eks = {each.cluster: each.eks for each in synced.groups}
    left = (each for each in synced.groups if (each.route or synced.route) not in rules(app.route))
    return (*(replace(each, eks=eks.get(each.cluster, "")) for each in groups), *left)


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
    if synced.route and {*rules(synced.route)} != {*rules(app.route)}:
        left = ", ".join(each for each in rules(synced.route) if each not in rules(app.route)) or synced.route
        said = (
            f"{left} forwards to {clusters}, and would after a move by {app.route}: move by the former route,"
            " and change it then. Where that can't be, give it another name."
        )
        return Problem("RouteAndClusters", said)
    others = [each for each in state.routes_before if each not in rules(app.route)]
    others = [each for each in others if _forwards(turn, app, synced, each)]
    if others and not state.moving:
        said = f"{', '.join(others)}, where it was before, forwards to {clusters}, and nobody would move that"
        return Problem("RouteAndClusters", f"{said}: let it forward elsewhere, or delete it, and it goes on by itself.")
    return None


def _forwards(turn: Turn, app: Application, synced: Placement, rule: str) -> bool:
    """Does it send traffic to where the application is? One that can't be read may."""
    here = {group.arn for group in synced.groups}
    return bool(here & turn.obs.forwarded.get(app.name, {}).get(rule, here))
