"""`rollback` of a complex Cell at rest: it goes by a spec that reached Synced before, in place of its own.

As for any Cell: one step of 100 behind the health gate, without checks; and what it leaves is blocked, so that no edit
in a hurry leads there again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from okra.api.cell import Cell
from okra.api.complex import Application as Spec
from okra.api.durations import Duration
from okra.api.strategy import Canary
from okra.applications.kept import as_connected_now, never_twice, said_of
from okra.applications.observation import Kept
from okra.applications.policy import Application, Policy
from okra.applications.routes import off_the_route
from okra.applications.state import RolledBack, State
from okra.applications.turn import Turn
from okra.rollout.observation import Command, Problem

AT_ONCE = Canary(step_weight=100, total_weight=100, step_interval=Duration("0s"))


def in_one_step(cell: Cell, then: Cell) -> Cell:
    """The Cell as it was `then`, for a rollback to it: without checks, and at once. As connected and paused as now."""
    applications = tuple(_at_once(each, said_of(cell.spec, each.name)) for each in then.spec.applications or ())
    changes = {"applications": applications, "bake_time": Duration("0s")}
    return cell.model_copy(update={"spec": as_connected_now(then.spec, cell.spec).model_copy(update=changes)})


def _at_once(then: Spec, now: Spec | None) -> Spec:
    """What has a route must run beside what it goes back from: that serves until the traffic has moved."""
    unchecked: dict[str, Any] = {"prechecks": (), "checks": (), "postchecks": ()}
    if then.alb is None:
        return never_twice(then, now).model_copy(update=unchecked)
    albs = tuple(alb.model_copy(update={"update_strategy": AT_ONCE}) for _, alb in then.routes)
    return then.model_copy(update={**unchecked, "alb": albs})


def is_over(state: State, generation: int | None) -> bool:
    """Has an edit ended the rollback? Not while an application moves: what still goes back isn't turned around, for
    that would send the traffic to what it leaves, whatever the edit asks for."""
    back = state.rolled_back
    return back is not None and back.generation != generation and not any(each.moving for each in state.applications)


def choose(kept: Sequence[Kept], arg: str, policy: Policy, state: State) -> Kept | str:
    """The spec to go back to: the numbered one, else the newest that has an application elsewhere than the policy, else
    the newest other one; none with what is blocked now, as what was just rolled back from. Or why there is none."""
    if arg:
        found = next((each for each in kept if arg in (str(each.revision), each.name)), None)
        return found or f"there is no revision {arg}."
    others = [each for each in kept if not each.in_effect]
    if not others:
        return "there is nothing to go back to: no other spec has reached Synced."
    others = [each for each in others if not _blocked(each, state)]
    if not others:
        return "what every other spec asks for is blocked: it failed, or was rolled back from. Name one to go there."
    wanted = {app.name: app.version for app in policy.applications}
    return next((each for each in others if _elsewhere(each, wanted)), others[0])


def _elsewhere(kept: Kept, wanted: Mapping[str, str]) -> bool:
    return any(app.version != wanted.get(app.name, app.version) for app in kept.applications)


def _blocked(kept: Kept, state: State) -> bool:
    return any(app.version in state.of(app.name).blocked for app in kept.applications)


def roll_back(turn: Turn, command: Command) -> str:
    """Only what is decided: the Cell goes by that spec from the next look on."""
    kept = turn.obs.kept
    if any(each.moving for each in turn.state.applications):
        return f"Refused: an application moves. To put it back first: okra abort {turn.policy.name}"
    if isinstance(kept, Problem):
        return f"Refused: the specs that were kept can't be read: {kept.message}"
    found = choose(kept, command.arg, turn.policy, turn.state)
    if isinstance(found, str):
        return f"Refused: {found}{_listed(kept)}"
    if found.in_effect:
        return f"Refused: revision {found.revision} is in effect.{_listed(kept)}"
    if problem := found.problem or _off_the_route(turn, found):
        return f"Refused: revision {found.revision} can't be gone back to: {problem}{_listed(kept)}"
    then = {app.name: app for app in found.applications}
    left = [name for app in turn.policy.applications for name in _leave(turn, app, then.get(app.name))]
    back = RolledBack(found.name, found.revision, turn.obs.generation, command.by, turn.now)
    turn.state = replace(turn.state, rolled_back=back)
    paused = " It begins once the Cell isn't paused any more." if turn.policy.paused else ""
    said = f"{', '.join(left)}; blocked" if left else "no application is elsewhere"
    return f"Rolling back to revision {found.revision} ({_holds(found)}). Left: {said}.{paused}"


def _off_the_route(turn: Turn, kept: Kept) -> str:
    """Why an application's traffic can't follow it there."""
    for app in kept.applications:
        synced = turn.app(app).synced
        if synced and synced.version != app.version and (problem := off_the_route(turn, app)):
            return f"{app.name}: {problem.message}"
    return ""


def _leave(turn: Turn, app: Application, then: Application | None) -> list[str]:
    """Block what the application is on, or was to go to, where that is another version then. As people know it."""
    state = turn.app(app)
    if then is None:
        return []
    here = (*((state.synced.version,) if state.synced else ()), app.version)
    left = [version for version in dict.fromkeys(here) if version and version != then.version]
    kept = [version for version in state.blocked if version != then.version]
    turn.set(app, blocked=tuple(dict.fromkeys((*kept, *left))))
    return [f"{app.name} {version}" for version in left]


def _holds(kept: Kept) -> str:
    return ", ".join(f"{app.name} {app.version}" for app in kept.applications)


def _listed(kept: Sequence[Kept]) -> str:
    """What there is."""
    found = [f"{each.revision} ({_holds(each)}{'; in effect' * each.in_effect})" for each in kept]
    return f" Revisions: {'; '.join(found)}." if found else ""
