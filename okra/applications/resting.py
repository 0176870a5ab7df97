"""An application at rest on its clusters: those from before are unpublished once no traffic can go back to them."""

from __future__ import annotations

from okra.applications.lockstep import tell, together
from okra.applications.policy import Application
from okra.applications.routes import groups_there, rules
from okra.applications.stages import left, published
from okra.applications.turn import Turn


def at_rest(turn: Turn, app: Application) -> None:
    """What somebody changed on its children is asked for again."""
    leave_former(turn, app)
    state = turn.app(app)
    assert state.synced is not None  # what it rests on
    route = turn.obs.routes.get(app.name)
    if not (app.routed and state.synced.routed and app.name in turn.obs.routes):
        return
    adds = route is not None and bool(route.on) and not {*rules(app.route)} <= {*rules(route.on)}
    groups = groups_there(turn, app, state.synced) if adds else state.synced.groups
    if any(each.name in turn.obs.elsewhere for each in together(turn, app)):
        turn.wake_in(turn.policy.poll_interval)
    elif route is None or route.version != state.synced.version or groups != state.synced.groups:
        tell(turn, app, "synced", groups)


def leave_former(turn: Turn, app: Application) -> None:
    """Nothing is unpublished that has or may get traffic."""
    state = turn.app(app)
    assert state.synced is not None  # what it rests on
    gone = left(turn, app, state.synced.version)
    if app.deployed and (state.synced.deployed or state.synced.version == app.version):
        wanted = state.synced.clusters if gone else (*state.former, *state.synced.clusters)
        seen = turn.obs.deployments.get(app.name)
        done = published(turn, app, wanted) and seen is not None and not (seen.leaves or seen.awaits(wanted))
        if gone and state.former and done:
            turn.set(app, former=())
            turn.emit("Unpublished", f"{app.name} has left {', '.join(state.former)}.")
    elif gone and state.former:
        turn.set(app, former=())
    if state.former:
        turn.wake_in(turn.policy.poll_interval)
