"""Other clusters are wanted than those that an application runs on: may it begin, and with what?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from okra.applications.policy import Application
from okra.applications.route_children import MOST_REPLICAS
from okra.applications.routes import off_the_route
from okra.applications.state import Phase, Placement, Stage
from okra.applications.turn import Turn
from okra.rollout.observation import Problem


def begin_together(turn: Turn, unit: Sequence[Application]) -> None:
    """All that are in lockstep begin, or none."""
    before, told = turn.state, [*turn.emits]
    for app in unit:
        begin(turn, app)
    if waits := [app for app in unit if not turn.app(app).moving]:
        for app in (each for each in unit if each not in waits):
            waiting = replace(before.of(app.name), phase=Phase.PENDING, stage=None)
            turn.put(replace(waiting, message=f"Waits for {waits[0].name}, in lockstep with it."))
        turn.emits = told
        return
    last = max(turn.app(app).attempt for app in unit)
    for index, app in enumerate(unit):  # what is asked for one of them is no answer for another
        turn.set(app, attempt=last + index)


def begin(turn: Turn, app: Application) -> None:
    """Other clusters are wanted than those that it runs on."""
    groups = turn.obs.groups.get(app.name) if app.routed else ()
    if turn.policy.paused:
        turn.set(app, stage=None)
        say_paused(turn, app, "before it begins")
    elif not app.clusters:
        turn.reason = "NoClusters"
        turn.set(
            app, phase=Phase.PENDING, stage=None, message="Its clusterSelector matches none of the Cell's clusters."
        )
    elif app.routed and len(app.clusters) > MOST_REPLICAS:
        turn.reason = "TooManyClusters"
        said = f"matches {len(app.clusters)} clusters: beside alb at most {MOST_REPLICAS}, as a forward action holds 5"
        turn.set(app, phase=Phase.PENDING, stage=None, message=f"Its clusterSelector {said}. Select fewer.")
    elif problem := off_the_route(turn, app):
        turn.reason = problem.reason
        turn.set(app, phase=Phase.PENDING, stage=None, message=problem.message)
        turn.wake_in(turn.policy.poll_interval)
    elif isinstance(groups, Problem):
        turn.reason = groups.reason
        turn.set(app, phase=Phase.PENDING, stage=None, message=groups.message)
        turn.wake_in(turn.policy.poll_interval)
    elif groups is None or (app.routed and not {*app.clusters} <= {each.cluster for each in groups}):
        turn.set(app, phase=Phase.PENDING, stage=None, message="Waiting for the target groups of its clusters.")
        turn.wake_in(turn.policy.poll_interval)
    else:
        state = turn.app(app)
        eks = {cluster.name: cluster.eks for cluster in turn.policy.clusters}
        found = tuple(replace(each, eks=eks.get(each.cluster, "")) for each in groups)
        turn.set(
            app,
            phase=Phase.SYNCING,
            stage=Stage.INIT,
            target=Placement(app.version, app.clusters, found, app.route, app.deployed),
            former=published_before(turn, app),
            routes_before=(),
            attempt=state.attempt + 1,
            series=0,
            failing_since=None,
            waited=0.0,
            message=f"Moving to {', '.join(app.clusters)}.",
        )
        turn.emit("ApplicationStarted", f"{app.name} moves to {', '.join(app.clusters)} ({app.version}).")


def published_before(turn: Turn, app: Application) -> tuple[str, ...]:
    """The clusters that Argo CD deploys it to, without those that it goes to. Where no attempt is known, its deployment
    knows."""
    state, seen = turn.app(app), turn.obs.deployments.get(app.name)
    told = seen.clusters if seen is not None and not state.attempt else ()
    on = state.synced.clusters if state.synced and state.synced.deployed else ()
    before = (*on, *state.former, *told)
    return tuple(cluster for cluster in dict.fromkeys(before) if cluster not in app.clusters)


def say_paused(turn: Turn, app: Application, when: str) -> None:
    turn.set(app, phase=Phase.PAUSED, message=f"Paused by a person, {when}.")
