"""The way of one application to its new clusters: prechecks, publishing, traffic, postchecks."""

from __future__ import annotations

from math import ceil

from okra.applications.beginning import say_paused
from okra.applications.effects import Abort, Publish, RunChecks
from okra.applications.lockstep import lead_of, tell, together
from okra.applications.observation import RouteSeen
from okra.applications.policy import Application
from okra.applications.state import AppState, Phase, Placement, Stage
from okra.applications.turn import Turn
from okra.rollout.observation import SeriesResult, Verdict

COUNT = 10.0
"""A countdown is told in steps of so many seconds: each is a write of the status."""
FAILED = " failed."


# -- prechecks ---------------------------------------------------------------------------------------------------------


def init(turn: Turn, app: Application) -> None:
    """Prechecks hold for the version and the forward configuration that they passed for; others ask for them again."""
    state, forward = turn.app(app), turn.obs.forwards.get(app.name) if app.routed else ""
    if turn.policy.paused:
        if state.failing_since is None:
            say_paused(turn, app, "before anything has moved")
        return
    if state.phase is Phase.PAUSED:
        turn.set(app, phase=Phase.SYNCING, message=f"Moving to {', '.join(app.clusters)}.")
    if app.prechecks and forward is None:
        turn.wake_in(turn.policy.poll_interval)
    elif not app.prechecks or state.passed == _proven(app, forward):
        turn.set(app, stage=Stage.MIGRATING, phase=Phase.SYNCING, series=0, failing_since=None, waited=0.0)
    elif (results := asked(turn, app, app.prechecks)) is None:
        if state.failing_since is not None:
            _count_down(turn, app, state.failing_since, _failing(state))
    elif all(each.verdict is Verdict.PASSED for each in results):
        turn.set(app, passed=_proven(app, forward))
    elif _not_passed(turn, app, results):
        _again_later(turn, app, results)


def _proven(app: Application, forward: str | None) -> str:
    return f"{forward} {app.version}" if forward else app.version


def _not_passed(turn: Turn, app: Application, results: list[SeriesResult]) -> bool:
    """May they be tried again? From the first failure on for as long as the delay, whatever they say meanwhile."""
    state = turn.app(app)
    failed = ", ".join(each.check for each in results if each.verdict is Verdict.FAILED)
    if failed or state.failing_since is not None:
        since = turn.now if state.failing_since is None else state.failing_since
        return _count_down(turn, app, since, failed or _failing(state), _said(results))
    turn.set(app, message=f"{_said(results)} Tried again.")
    return True


def _said(results: list[SeriesResult]) -> str:
    """What those say that did not pass."""
    return "; ".join(f"{each.check}: {each.message}" for each in results if each.verdict is not Verdict.PASSED)


def _failing(state: AppState) -> str:
    """The prechecks that failed last, as the countdown names them."""
    return state.message.partition(FAILED)[0]


def _count_down(turn: Turn, app: Application, since: float, failed: str, said: str = "") -> bool:
    """It goes on while a series runs. `said`: by those that failed just now. False: the delay is over."""
    delay = turn.policy.failure_delay
    left = since + delay - turn.now
    if left <= 0:
        turn.fail(app, Phase.PRECHECK_FAILED, "PrecheckFailed", f"{failed}{FAILED} {said}".rstrip())
        return False
    count = ceil(left / COUNT) * COUNT if left < delay else left
    waits = f"{failed}{FAILED} Waiting {count:.0f} seconds before starting a rollback"
    turn.set(app, phase=Phase.PRECHECK_FAILED, message=waits, failing_since=since)
    turn.wake_in(min(left, COUNT))
    return True


def asked(turn: Turn, app: Application, checks: tuple[str, ...]) -> list[SeriesResult] | None:
    """The verdicts of the present series, which is asked for if it isn't yet."""
    results = turn.verdicts(app, checks)
    if results is None and turn.obs.requested != turn.app(app).token:
        turn.effects.append(RunChecks(app.name, checks, turn.app(app).token))
    return results


def _again_later(turn: Turn, app: Application, results: list[SeriesResult]) -> None:
    due = max(each.at for each in results) + turn.policy.check_interval
    if turn.now >= due:
        turn.set(app, series=turn.app(app).series + 1)
    else:
        turn.wake_in(due - turn.now)


# -- the move ----------------------------------------------------------------------------------------------------------


def migrating(turn: Turn, app: Application) -> None:
    """First the new clusters run it, then the traffic goes there."""
    route = turn.obs.routes.get(app.name)
    target = turn.app(app).target
    assert target is not None  # the stage of one that moves
    begun = route is not None and route.version == target.version
    if app.deployed and not _deployed(turn, app, target, begun=begun):
        return
    if not app.routed:
        turn.set(app, stage=Stage.COMPLETING, series=0, message="Deployed.")
    elif app.name not in turn.obs.routes:
        turn.wake_in(turn.policy.poll_interval)
    elif not begun and (others := [each.name for each in together(turn, app) if not _is_deployed(turn, each)]):
        turn.set(app, message=f"Waits for {', '.join(others)}, in lockstep with it.")
    elif route is None or not begun:
        _send(turn, app, route)
    else:
        _follow(turn, app, target, route)


def _send(turn: Turn, app: Application, route: RouteSeen | None) -> None:
    if turn.policy.paused:
        say_paused(turn, app, "before its traffic moves")
        return
    turn.set(app, phase=Phase.SYNCING)
    if route is not None and takes_back_what_stopped(turn, app, route):
        turn.set(app, message=f"Before it begins, what stopped is put back. {route.message}")
        turn.wake_in(turn.policy.poll_interval)
    else:
        tell(turn, app, "target")


def takes_back_what_stopped(turn: Turn, app: Application, route: RouteSeen) -> bool:
    """A child Cell whose rollout stopped goes nowhere else before its traffic is back: it is told to bring that, and
    waited for."""
    if route.stopped and not route.aborted:
        abort(turn, app)
    return route.stopped or (route.aborted and not route.settled)


def abort(turn: Turn, app: Application) -> None:
    """Of several in lockstep each asks for it."""
    effect = Abort(lead_of(turn.app(app)))
    if effect not in turn.effects:
        turn.effects.append(effect)


def _deployed(turn: Turn, app: Application, target: Placement, *, begun: bool) -> bool:
    """Is it published to the new clusters, and does it run there? How those are that it leaves says nothing of the
    new ones. Once the traffic moves, its checks decide alone."""
    wanted = target.clusters if app.deletes_first else (*turn.app(app).former, *target.clusters)
    if not published(turn, app, wanted, target.clusters):
        return begun
    seen = turn.obs.deployments[app.name]
    if seen is not None and (behind := [each for each in seen.behind if each not in turn.app(app).former]):
        # they may have the traffic, as those that it leaves have
        turn.set(app, former=(*turn.app(app).former, *behind))
        return False
    if seen is None or begun or not (awaited := seen.awaits(target.clusters)):
        return True
    waited = turn.app(app).waited + turn.watched
    turn.running(app, waited=waited)
    problem = seen.problem_of(target.clusters)
    if problem is not None and problem.fatal:
        turn.fail(app, Phase.FAILED, problem.reason, problem.message)
    elif waited > turn.policy.deploy_timeout:
        said = f"Not Synced and Healthy within {turn.policy.deploy_timeout:.0f} s: {awaited}"
        turn.fail(app, Phase.FAILED, "NotDeployed", said)
    else:
        turn.set(app, message=f"Waiting for Argo CD: {awaited}")
        turn.wake_in(turn.policy.poll_interval)
    return False


def _is_deployed(turn: Turn, app: Application) -> bool:
    """Does it run on its new clusters, as far as is known?"""
    seen, target = turn.obs.deployments.get(app.name), turn.app(app).target
    assert target is not None  # it moves
    return not app.deployed or (seen is not None and not seen.awaits(target.clusters))


def published(turn: Turn, app: Application, wanted: tuple[str, ...], awaited: tuple[str, ...] = ()) -> bool:
    """Does the deployment name exactly these clusters, and see to those `awaited`? It is told to."""
    if app.name not in turn.obs.deployments:
        turn.wake_in(turn.policy.poll_interval)
        return False
    seen = turn.obs.deployments[app.name]
    if seen is not None and set(seen.clusters) == set(wanted) and not set(seen.retained) & set(awaited):
        return True
    turn.effects.append(Publish(app.name, wanted))
    return False


def left(turn: Turn, app: Application, version: str) -> bool:
    """Is all traffic on this version, and could none go to another's clusters in one write?"""
    route = turn.obs.routes.get(app.name)
    if route is None:  # a route that was taken away can't tell
        synced = turn.app(app).synced
        return not app.routed and not (synced and synced.routed)
    return route.settled and not route.retains and route.version == route.stable == version


def _follow(turn: Turn, app: Application, target: Placement, route: RouteSeen) -> None:
    """The child Cell moves the traffic, and puts it back when it fails. One that can't go on for what says nothing of
    the version, as a listener that isn't there, goes on once it can."""
    if route.failed is not None:
        turn.fail(app, route.failed_at, route.failed.reason, route.failed.message)
    elif _arrived(route, target):
        turn.set(app, stage=Stage.COMPLETING, series=0, message=f"All traffic is on {target.version}.")
    else:
        stage = Stage.COMPLETING if route.completing else Stage.MIGRATING
        stuck = route.held and route.phase == Phase.FAILED
        if stuck and turn.app(app).phase is not Phase.FAILED:
            turn.emit(route.reason, f"{app.name}: {route.message}", "Warning")
        turn.reason = route.reason if stuck else turn.reason
        turn.set(app, phase=Phase.FAILED if stuck else Phase.SYNCING, stage=stage, message=route.message)
        turn.wake_in(turn.policy.poll_interval)


def _arrived(route: RouteSeen | None, target: Placement) -> bool:
    """Is the child Cell at rest where it was sent?"""
    if route is None or route.failed is not None:
        return False
    return route.settled and route.version == route.stable == target.version


# -- postchecks --------------------------------------------------------------------------------------------------------


def completing(turn: Turn, app: Application) -> None:
    """A child Cell asks for the postchecks itself, at 100 %: here they are for what has no route."""
    target = turn.app(app).target
    assert target is not None  # the stage of one that moves
    if app.routed and not _arrived(turn.obs.routes.get(app.name), target):
        migrating(turn, app)
        return
    if any(turn.before.of(each.name).stage is Stage.MIGRATING for each in together(turn, app)):
        turn.wake_in(turn.policy.poll_interval)  # of those in lockstep none is there before all are
        return
    if app.postchecks and not app.routed:
        results = asked(turn, app, app.postchecks)
        if results is None:
            return
        if failed := [each for each in results if each.verdict is Verdict.FAILED]:
            turn.fail(app, Phase.POSTCHECK_FAILED, "PostcheckFailed", f"{failed[0].check} failed: {failed[0].message}")
            return
        if said := _said(results):
            turn.set(app, message=f"{said} Tried again.")
            _again_later(turn, app, results)
            return
    state = turn.app(app)
    turn.set(
        app,
        phase=Phase.SYNCED,
        stage=Stage.COMPLETED,
        target=None,
        synced=state.target,
        former=() if app.deletes_first else state.former,
        message="",
    )
    turn.emit("ApplicationSynced", f"{app.name} is on {', '.join(app.clusters)} ({app.version}).")
