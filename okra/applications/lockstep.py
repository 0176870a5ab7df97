"""Applications in lockstep: one child Cell moves the traffic of all of them, that of the first.

Which application's that is stands in the state of each (`moved_by`), and changes only while nothing moves. The children
follow: a route is listed by another child only when the one before has let it go, so that nobody's traffic moves, and
none is looked after by two. The child pins one version, which stands for those of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from okra.applications.effects import Route
from okra.applications.observation import RouteSeen
from okra.applications.policy import Application
from okra.applications.state import AppState, Group, Placement
from okra.applications.versions import LONGEST

if TYPE_CHECKING:
    from okra.applications.turn import Turn

Unit = tuple[Application, ...]
"""An application, or those that are in lockstep."""
Goal = Literal["synced", "target"]
HANDED_OVER = "Its traffic is handed over to the Cell that moves it from now on."
GOALS: tuple[Goal, ...] = ("synced", "target")


def lead_of(app: AppState) -> str:
    """Whose child Cell has its routes."""
    return app.moved_by or app.name


def units(turn: Turn, applications: Iterable[Application]) -> list[tuple[Application, ...]]:
    """Those that move together, in the order of the first of each."""
    found: dict[str, tuple[Application, ...]] = {}
    for app in applications:
        lead = lead_of(turn.app(app))
        found[lead] = (*found.get(lead, ()), app)
    return list(found.values())


def together(turn: Turn, app: Application) -> tuple[Application, ...]:
    """An application and those in lockstep with it, in the spec's order."""
    return next(unit for unit in units(turn, turn.policy.applications) if app in unit)


def left_alone(turn: Turn, app: Application) -> str:
    """Which of those that it moves with aren't in the Cell any more."""
    there, lead = {each.name for each in turn.policy.applications}, lead_of(turn.app(app))
    gone = (each for each in turn.before.applications if each.moving and each.name not in there)
    return ", ".join(each.name for each in gone if lead_of(each) == lead)


def joint(versions: Sequence[str]) -> str:
    """What one child Cell calls the versions of several applications."""
    if len({*versions}) == 1:
        return versions[0]
    text = "+".join(versions)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 17]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def joint_of(apps: Sequence[AppState], goal: Goal) -> str | None:
    """Where they are, or go, as their child Cell calls it. None: nowhere."""
    places = [getattr(app, goal) for app in apps]
    return joint([each.version for each in places]) if all(places) else None


def regroup(turn: Turn, here: Collection[Application]) -> bool:
    """Nothing moves: from now on those are in lockstep that the spec says so of. Those that were brought somewhere, by
    the routes that the spec names; one that wasn't is brought there by itself first, unless none was. And not while
    some are `here`, where they are wanted, and others on their way. True: that has changed."""
    named = [app for app in turn.policy.applications if app.lockstep]
    placed = [app for app in named if (at := turn.app(app).synced) and at.routed and at.route in ("", app.route)]
    joined = placed if any(turn.app(app).synced for app in named) else named
    leads = {turn.app(app).moved_by for app in joined}
    lead = next((app.name for app in joined if app.name in leads), joined[0].name if len(joined) > 1 else "")
    wanted = {app.name: lead for app in joined if app.name != lead}
    if 0 < sum(app in here for app in joined) < len(joined):
        wanted = {name: to for name, to in wanted.items() if turn.state.of(name).moved_by == to}
    others = [app for app in turn.policy.applications if turn.app(app).moved_by != wanted.get(app.name, "")]
    leaves = any((at := turn.app(app).synced) and at.route not in ("", app.route) for app in others)
    if others and not _rest(turn, {lead, *(lead_of(turn.app(app)) for app in others)}, at_once=leaves):
        return False
    for app in others:
        turn.set(app, moved_by=wanted.get(app.name, ""))
    return bool(others)


def _rest(turn: Turn, leads: Collection[str], *, at_once: bool) -> bool:
    """Is nothing of what their child Cells have on its way, and nothing attached any more of where it was? Another Cell
    would bring the one to where the applications are said to be, and take the other for somebody else's. What has
    stopped halfway may begin anew before; who is at rest waits, but not `at_once`: whose route was edited has none."""
    apps = [app for app in turn.policy.applications if {app.name, lead_of(turn.app(app))} & {*leads}]
    seen = [each for app in apps if (each := turn.obs.routes.get(app.name)) is not None]
    idle = all(each.idle for each in seen)
    if idle and (at_once or not any(each.retains for each in seen)):
        return True
    turn.regroups = frozenset(app.name for app in apps if idle)
    turn.wake_in(turn.policy.poll_interval)
    return False


def hand_over(turn: Turn, unit: Unit) -> None:
    """Traffic at rest that no child Cell is told of is its own's, as soon as the one before has let it go: whatever
    those that it moves with are blocked by, or wait for."""
    if lacks := [app for app in unit if unwatched(turn, app)]:
        if all(turn.app(app).synced and app.name not in turn.obs.elsewhere for app in unit):
            tell(turn, lacks[0], "synced")
        turn.wake_in(turn.policy.poll_interval)


def unwatched(turn: Turn, app: Application) -> bool:
    """Does its child Cell not look after its traffic, at rest?"""
    synced = turn.app(app).synced
    if synced is None or not (app.routed and synced.routed and app.name in turn.obs.routes) or turn.app(app).moving:
        return False
    route = turn.obs.routes[app.name]
    return route is None or (route.idle and not route.version and synced.route in ("", app.route))


def tell(turn: Turn, app: Application, goal: Goal, groups: tuple[Group, ...] | None = None) -> None:
    """The child Cell is to be there with the traffic of all that it moves. `groups`: where the application is, in place
    of those that it knows."""
    apps = together(turn, app)
    states = [turn.app(each) for each in apps]
    if groups is not None:
        states = [_with_groups(each, groups) if each.name == app.name else each for each in states]
    version = joint_of(states, goal)
    assert version is not None  # they are there, or go there
    listed: dict[tuple[str, str], tuple[str, Group]] = {}
    for where in GOALS:
        if (called := joint_of(states, where)) is not None:
            listed |= {(each.route, each.arn): (called, each) for state in states for each in _groups(state, where)}
    effect = Route(lead_of(states[0]), version, tuple(listed.values()), tuple(each.name for each in apps))
    if effect not in turn.effects:
        turn.effects.append(effect)


def _groups(state: AppState, where: Goal) -> list[Group]:
    """The target groups of a placement, each with its route."""
    place: Placement | None = getattr(state, where)
    return [replace(each, route=each.route or place.route) for each in place.groups] if place else []


def _with_groups(state: AppState, groups: tuple[Group, ...]) -> AppState:
    return state if state.synced is None else replace(state, synced=replace(state.synced, groups=groups))


def seen_of(seen: RouteSeen | None, app: AppState, apps: Sequence[AppState]) -> RouteSeen | None:
    """What the child Cell of several says, as one of them calls it. One that isn't told of all of its routes yet says
    nothing of it."""
    place = app.target or app.synced
    if seen is None or (len(apps) < 2 and not app.moved_by):
        return seen
    if place is not None and not {*place.route.split()} <= {*seen.on.split()}:
        said = RouteSeen("", settled=False, on=seen.on, message=HANDED_OVER, phase="Syncing", reason="Lockstep")
        return replace(said, idle=seen.idle, retains=seen.retains)
    called = {joint_of(apps, where): getattr(app, where) for where in GOALS}
    names = {name: there.version for name, there in called.items() if name and there}
    return replace(
        seen, version=names.get(seen.version, seen.version), stable=names.get(seen.stable or "", seen.stable)
    )
