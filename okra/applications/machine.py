"""The whole machine of a complex Cell: clusters first, then its applications, one at a time (DESIGN §4).

`decide` is a function of its arguments. It makes one transition at a time: the shell persists, executes the effects,
reads, and calls it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from okra.applications.arrived import rest, rests, tell_what_lacks
from okra.applications.beginning import begin_together
from okra.applications.clusters import clusters_ready
from okra.applications.commands import commands
from okra.applications.effects import Decision, SaveRevision
from okra.applications.lockstep import Unit, hand_over, left_alone, regroup, units
from okra.applications.observation import Observation
from okra.applications.policy import Application, OnFailure, Policy
from okra.applications.regrouping import is_told, serves_there
from okra.applications.resting import at_rest, leave_former
from okra.applications.reverting import SUPERSEDED, end, revert
from okra.applications.routes import note_route, off_the_route
from okra.applications.stages import completing, init, migrating
from okra.applications.state import ROLLED_BACK, Phase, Stage, State
from okra.applications.turn import Turn
from okra.rollout.observation import Problem
from okra.rollout.words import retry

CHANGES = "Its lockstep changes, and then it goes, when no former target groups are attached any more (retainFor)."
STAGES: Mapping[Stage | None, Callable[[Turn, Application], None]] = {
    Stage.INIT: init,
    Stage.MIGRATING: migrating,
    Stage.COMPLETING: completing,
}


def decide(policy: Policy, state: State, observation: Observation, now: float) -> Decision:
    """The next state and effects. `now` is epoch seconds, not before any time in `observation`."""
    turn = Turn(policy, state, observation, now)
    if policy.problem is not None:
        turn.report(Phase.FAILED, policy.problem.reason, policy.problem.message)
    else:
        commands(turn)
        if turn.state.rolled_back == state.rolled_back:
            _applications(turn)
        else:  # from now on it goes by another spec
            turn.report(Phase.SYNCING, "SpecChanged", "It goes by another spec from now on.")
    return turn.decision()


def _applications(turn: Turn) -> None:
    """One after the other, in the spec's order: the next begins when all before it are where they should be, and none
    of those that an edit left behind moves any more."""
    for app in turn.policy.applications:
        note_route(turn, app)
    moving = [app for app in turn.policy.applications if turn.app(app).moving]
    here = [app for app in turn.policy.applications if _is_here(turn, app)]
    if not moving and regroup(turn, here):
        turn.report(Phase.SYNCING, "Lockstep", "Whose Cell moves the traffic of those in lockstep has changed.")
        return
    for unit in units(turn, turn.policy.applications):
        hand_over(turn, unit)
    for unit in units(turn, moving or turn.policy.applications):
        if not _settled(turn, unit):
            _others_wait(turn, unit)
            _report(turn, next((app for app in unit if turn.app(app).phase is not Phase.SYNCED), unit[0]))
            return
    lacking = [app for app in turn.policy.applications if turn.app(app).phase is not Phase.SYNCED]
    if turn.obs.saved is False and all(app.name in turn.obs.as_kept for app in lacking):
        turn.effects.append(SaveRevision())  # first: who sees Synced may edit at once, and must find it kept
    elif lacking:
        _report_lacking(turn, lacking[0])
    elif (back := turn.state.rolled_back) is not None:
        turn.report(Phase.SYNCED, ROLLED_BACK, str(back))
    else:
        turn.report(Phase.SYNCED, "Synced", "Every application is on its clusters.")


def _report_lacking(turn: Turn, app: Application) -> None:
    """An application is where it should be, and isn't as it should be there."""
    seen, groups = turn.obs.deployments.get(app.name), turn.obs.groups.get(app.name)
    if turn.app(app).phase is Phase.PENDING:
        turn.reason = groups.reason if isinstance(groups, Problem) else "RouteAdded"
    else:
        turn.reason = seen.reason if seen and seen.reason else "Syncing"
    _report(turn, app)
    if (back := turn.state.rolled_back) is not None:
        turn.report(turn.state.phase, ROLLED_BACK, f"{back} {turn.state.message}")


def _settled(turn: Turn, unit: Unit) -> bool:
    """Is the application where it should be, or are all that are in lockstep?"""
    if any(turn.app(app).failure is not None for app in unit):
        _put_back(turn, unit)
    elif any(turn.app(app).moving for app in unit):
        _goes_on(turn, unit)
    elif len(here := [app for app in unit if _is_here(turn, app)]) == len(unit):
        return rest(turn, unit)
    elif here:
        _wait_for_the_others(turn, unit, here)
    elif (
        not _blocked(turn, unit)
        and not _regroups(turn, unit)
        and all(clusters_ready(turn, app) and is_told(turn, app) for app in unit)
    ):
        begin_together(turn, unit)
    return False


def _put_back(turn: Turn, unit: Unit) -> None:
    said = {app.name: revert(turn, app) for app in unit}
    for app in unit:
        if all(each is not None for each in said.values()):
            end(turn, app, said[app.name] or "")
        else:
            _stuck(turn, app)


def _goes_on(turn: Turn, unit: Unit) -> None:
    for app in unit:
        if (why := _is_over(turn, app)) is not None:
            turn.fail(app, Phase.REVERTING, *why, block=False)
            return
        if _ends_in_a_pause(turn, app):
            return
    before = [app for app in unit if turn.app(app).stage is Stage.INIT][:1]
    for app in before or unit:  # the prechecks of one after the other, and nothing else before they have passed
        STAGES[turn.app(app).stage](turn, app)
        if turn.app(app).failure is not None:
            return
        _waits_for_resume(turn, app)


def _is_over(turn: Turn, app: Application) -> tuple[str, str] | None:
    """Reason and message, if nobody wants any more what is on its way."""
    target = turn.app(app).target
    assert target is not None  # it moves
    if target.version != app.version:
        gone = turn.policy.leaving
        said = "The Cell is being deleted" if gone else "Other clusters are wanted"
        return "CellDeleted" if gone else SUPERSEDED, f"{said} in the middle of the move to {target.version}."
    if target.routed is not app.routed:
        said = f"It {'gets' if app.routed else 'loses'} its alb in the middle of the move to {target.version}."
        return SUPERSEDED, said
    if left := left_alone(turn, app):
        return SUPERSEDED, f"{left} isn't in the Cell any more, in the middle of the move to {target.version}."
    problem = off_the_route(turn, app)
    return None if problem is None else (SUPERSEDED, problem.message)


def _is_here(turn: Turn, app: Application) -> bool:
    synced = turn.app(app).synced
    return synced is not None and (synced.version == app.version or bool(serves_there(turn, app, synced)))


def _wait_for_the_others(turn: Turn, unit: Unit, here: Sequence[Application]) -> None:
    """Some of those in lockstep are wanted elsewhere, and the others aren't: the traffic of all moves, or none."""
    stay = ", ".join(app.name for app in here)
    for app in unit:
        if app in here:
            at_rest(turn, app)
            rests(turn, app)
            continue
        if _regroups(turn, (app,)):
            continue
        said = f"It is in lockstep with {stay}, and no other clusters are wanted for that: name them, too, or take one"
        turn.set(app, phase=Phase.PENDING, stage=None, message=f"{said} of them off spec.lockstep.")
    turn.reason = "Lockstep"


def _regroups(turn: Turn, unit: Unit) -> bool:
    """Does it go elsewhere with others than so far, once these may join it, or leave it?"""
    waits = [app for app in unit if app.name in turn.regroups]
    for app in waits:
        turn.set(app, phase=Phase.PENDING, stage=None, message=CHANGES)
        turn.reason = "Lockstep"
    return bool(waits)


def _blocked(turn: Turn, unit: Unit) -> bool:
    """Does one of them not start again by itself?"""
    blocked = [app for app in unit if app.version in turn.app(app).blocked]
    for app in unit if blocked else ():
        state = turn.app(app)
        if app in blocked and state.phase is not Phase.FAILED:
            said = f"{app.version} is blocked: it failed, or was rolled back from."
            turn.set(app, phase=Phase.FAILED, stage=Stage.ERROR, message=said)
        elif app not in blocked:
            said = f"In lockstep with {blocked[0].name}: {blocked[0].version} is blocked."
            turn.set(app, phase=Phase.PENDING, stage=None, message=said)
        if state.synced is not None and state.former and turn.policy.on_failure is OnFailure.ROLLBACK:
            leave_former(turn, app)
    return bool(blocked)


def _ends_in_a_pause(turn: Turn, app: Application) -> bool:
    """Of a deleted Cell that a pause holds in a rollback: where no traffic was sent on its way yet it is given up."""
    state, route = turn.app(app), turn.obs.routes.get(app.name)
    assert state.target is not None  # it moves
    sent = route is not None and route.version == state.target.version
    known = app.name in turn.obs.routes or not app.routed
    held = state.stage is Stage.INIT or (app.routed and not sent)
    if not (turn.policy.leaving and turn.policy.paused and known and held):
        return False
    said = f"The Cell is being deleted, and paused: {state.target.version} gets no traffic."
    turn.fail(app, Phase.REVERTING, "CellDeleted", said, block=False)
    return True


def _waits_for_resume(turn: Turn, app: Application) -> None:
    """To turn around what is on its way would send the traffic to what it leaves: that is a person's to decide."""
    state = turn.app(app)
    if turn.policy.leaving and turn.policy.paused and app.routed and state.moving and state.failure is None:
        said = f"The Cell is being deleted, and paused in a rollback: it goes when {app.version} has all traffic."
        route = turn.obs.routes.get(app.name)
        turn.set(app, phase=Phase.PAUSED, message=f"{said} {route.message if route else ''}".rstrip())


def _stuck(turn: Turn, app: Application) -> None:
    """A child Cell that can't put the traffic back says why."""
    route = turn.obs.routes.get(app.name)
    if turn.app(app).phase is Phase.REVERTING and route is not None and route.phase == Phase.FAILED_REVERTING:
        turn.set(app, phase=Phase.FAILED_REVERTING)
        turn.reason = route.reason


def _others_wait(turn: Turn, first: Unit) -> None:
    """Whoever wants other clusters waits for its turn, and says so."""
    for app in turn.policy.applications:
        state = turn.app(app)
        if app in first or state.moving or not app.version or app.version in state.blocked:
            continue
        synced = state.synced
        same = synced and (synced.version, set(synced.clusters)) == (app.version, set(app.clusters))
        if synced and same and serves_there(turn, app, synced) is not False:
            rests(turn, app)
            tell_what_lacks(turn, app)
        else:
            turn.set(app, phase=Phase.PENDING, stage=None, message=f"Waits for {first[0].name}.")


def _report(turn: Turn, app: Application) -> None:
    """The Cell is as its first application that isn't Synced."""
    state = turn.app(app)
    phase = state.phase
    ended = state.failure is None and not state.moving and app.version in state.blocked
    if ended:
        phase = Phase.FAILED
        turn.reason = turn.reason or ("Stopped" if turn.policy.on_failure is OnFailure.STOP else "RolledBack")
    elif phase in (Phase.PRECHECK_FAILED, Phase.CHECK_FAILED, Phase.POSTCHECK_FAILED):
        phase = Phase.REVERTING if state.failure else Phase.SYNCING
    elif phase is Phase.SYNCED:  # it has just arrived: whether all have is for the next decision to say
        phase, turn.reason = Phase.SYNCING, turn.reason or "Syncing"
    again = f" To try it again: {retry(turn.policy.name, app.version)}" if ended else ""
    reason = turn.reason or (state.failure.reason if state.failure else str(state.phase))
    turn.report(phase, reason, f"{app.name}: {state.message}{again}" if state.message else "")
