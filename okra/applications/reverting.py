"""What was done is undone, backwards: the traffic first, then the clusters that it was published to."""

from __future__ import annotations

from okra.applications.lockstep import tell
from okra.applications.observation import DeploymentSeen, RouteSeen
from okra.applications.policy import Application, OnFailure
from okra.applications.stages import abort, left, published, takes_back_what_stopped
from okra.applications.state import AppState, Phase, Stage
from okra.applications.turn import Turn

SUPERSEDED = "Superseded"
"""Why what moves is put back when an edit asks for something else."""
ABORTED = "Aborted"
"""By a person: that is put back with `onFailure: Stop`, too."""


def revert(turn: Turn, app: Application) -> str | None:
    """Undo it. What there is to say of it when all is undone; None: it isn't yet."""
    state = turn.app(app)
    assert state.failure is not None
    assert state.target is not None
    if turn.policy.on_failure is OnFailure.STOP and state.failure.block and state.failure.reason != ABORTED:
        return _stop(turn, app, state)
    turn.set(app, stage=Stage.ERROR)
    if state.target.routed and not _traffic_is_back(turn, app, state):
        return None
    if app.deployed and not _unpublished(turn, app, state):
        return None
    return state.failure.message


def _stop(turn: Turn, app: Application, state: AppState) -> str | None:
    """All stays as it is: clusters that the traffic was sent to are left only when it is elsewhere."""
    assert state.failure is not None
    assert state.target is not None
    if state.target.routed and app.name not in turn.obs.routes:
        turn.wake_in(turn.policy.poll_interval)
        return None
    if state.target.routed:
        _keep(turn, app, state, turn.obs.routes[app.name])
    return f"{state.failure.message} onFailure is Stop: nothing is put back."


def _keep(turn: Turn, app: Application, state: AppState, route: RouteSeen | None) -> None:
    """Clusters that may have traffic stay published, whatever comes next: unless the child Cell was never sent there,
    or is at rest elsewhere."""
    assert state.target is not None
    version = state.target.version
    if route is not None and route.version == version and not (route.settled and route.stable != version):
        turn.set(app, former=tuple(dict.fromkeys((*state.former, *state.target.clusters))))


def _traffic_is_back(turn: Turn, app: Application, state: AppState) -> bool:
    """The child Cell reverts by itself; it is pinned to where the traffic was, so that it stays there."""
    assert state.target is not None
    if app.name not in turn.obs.routes:
        turn.wake_in(turn.policy.poll_interval)
        return False
    route = turn.obs.routes[app.name]
    if route is None:
        return True
    if state.synced is None:
        return _first_is_left(turn, app, state, route)
    if takes_back_what_stopped(turn, app, route):
        return _awaited(turn, app, route)
    if route.version != state.synced.version:
        tell(turn, app, "synced")
        return False
    return (route.settled and route.stable != state.target.version) or _awaited(turn, app, route)


def _first_is_left(turn: Turn, app: Application, state: AppState, route: RouteSeen) -> bool:
    """There is no version to pin the child Cell to. One that failed puts the traffic back by itself, and one that goes
    with its Cell; any other is told to: one that stopped, and one that hasn't begun yet, or it would once it may."""
    assert state.failure is not None
    assert state.target is not None
    awaited = state.failure.block or not turn.policy.leaving
    told = (route.failed is not None and not route.stopped) or route.aborted
    if awaited and route.version == state.target.version and not (route.settled and (told or not state.failure.block)):
        if not told:
            abort(turn, app)
        return _awaited(turn, app, route)
    _keep(turn, app, state, route)
    return True


def _awaited(turn: Turn, app: Application, route: RouteSeen) -> bool:
    turn.set(app, phase=Phase.REVERTING, message=route.message)
    turn.wake_in(turn.policy.poll_interval)
    return False


def _unpublished(turn: Turn, app: Application, state: AppState) -> bool:
    """Where it was is where it is published to again. The first version that Argo CD ever deployed has nowhere to go
    back to, and stays."""
    if state.synced is None or not state.synced.deployed:
        return True
    if app.deletes_first or left(turn, app, state.synced.version):
        turn.set(app, former=())
    before = tuple(dict.fromkeys((*state.synced.clusters, *turn.app(app).former)))
    seen = turn.obs.deployments.get(app.name)
    if published(turn, app, before) and seen is not None:
        return _is_off(turn, app, state, seen)
    turn.set(app, phase=Phase.REVERTING)
    turn.wake_in(turn.policy.poll_interval)
    return False


def _is_off(turn: Turn, app: Application, state: AppState, seen: DeploymentSeen) -> bool:
    """Was the deployment seen to, by what it was told? Whether it runs well where it was all the while is nothing that
    a revert could mend; workers that come back must run. Who wants something else by now waits no longer than a
    move does."""
    assert state.synced is not None
    assert state.target is not None
    awaited = seen.awaits(state.synced.clusters)
    if not awaited or (seen.lacks and not app.deletes_first and seen.problem is None):
        return True
    waited = turn.app(app).waited + turn.watched
    turn.running(app, waited=waited)
    if app.version != state.target.version and waited > turn.policy.deploy_timeout:
        return True
    phase = Phase.REVERTING if seen.problem is None else Phase.FAILED_REVERTING
    turn.set(app, phase=phase, message=f"Waiting for Argo CD: {awaited}")
    turn.wake_in(turn.policy.poll_interval)
    return False


def end(turn: Turn, app: Application, message: str) -> None:
    """It is where it was, or stays where it stopped."""
    state = turn.app(app)
    assert state.failure is not None
    assert state.target is not None
    block = state.failure.block
    blocked = tuple(dict.fromkeys((*state.blocked, state.target.version))) if block else state.blocked
    before = () if state.synced is None else state.synced.clusters
    turn.set(
        app,
        phase=Phase.FAILED if block else Phase.PENDING,
        stage=Stage.ERROR if block else None,
        target=None,
        failure=None,
        former=tuple(cluster for cluster in state.former if cluster not in before),
        blocked=blocked,
        message=message,
    )
    ended = "Failed" if block else SUPERSEDED if state.failure.reason == SUPERSEDED else "Withdrawn"
    turn.emit(f"Application{ended}", f"{app.name}: {message}", "Warning")
