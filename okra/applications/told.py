"""What the children of an application are told: where to be, and all else as the spec says that they are there by.

One that is told to be where the application was brought, while it is wanted elsewhere, goes by the spec that brought it
there: so the way back from a version that failed has none of what failed with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from okra.api.cell import CellSpec
from okra.api.complex import Application
from okra.applications.children import Object, Parent, deployment_as_it_is, deployment_child
from okra.applications.kept import Before, as_connected_now, never_twice, said_of
from okra.applications.lockstep import joint_of, lead_of
from okra.applications.policy import Application as Wanted
from okra.applications.route_children import Pinned, route_child, sent_back
from okra.applications.state import AppState


def clusters_of(app: Wanted, state: AppState) -> tuple[str, ...]:
    """The clusters that the present spec brings an application to; until it has arrived also those that an edit took
    out of the version it moves to."""
    if not app.version:
        return ()
    goes = state.target is not None and state.failure is None and state.target.version == app.version
    return (*app.clusters, *(state.target.clusters if state.target and goes else ()))


def deployment(
    parent: Parent,
    app: Application,
    state: AppState,
    clusters: Sequence[str],
    there: Object | None,
    before: Before,
    wanted: Collection[str],
) -> Object | None:
    """Its ArgoCDApplicationDeployment, published to `clusters`. None: the spec says nothing of it.

    Each cluster is published as the spec says that brings it there: `wanted` are those of the present one. All others
    stay as they are, so that what may be gone back to is what served.
    """
    rests = {*state.synced.clusters} if state.synced else set()
    goes = {*state.target.clusters} if state.target and not state.failure else set()
    back = app.name in before and {*clusters} <= {*rests, *state.former} and not goes & {*clusters}
    then = before[app.name] if back else None
    if back and then is None and there is not None:
        return deployment_as_it_is(parent, app.name, clusters, there)
    said = (said_of(then, app.name) if then else None) or app
    if said.argocd is None:
        return None
    said = never_twice(said, app)
    as_they_are = (there or {"spec": {}})["spec"].get("retained", ())
    kept = {each for each in clusters if parent.cluster(each) in as_they_are or each not in rests}
    retained = [each for each in clusters if (each in kept if back else each not in wanted)]
    return deployment_child(parent, said, clusters, there, retained)


def route(
    parent: Parent,
    spec: CellSpec,
    apps: Sequence[Application],
    states: Sequence[AppState],
    to: tuple[str, Pinned],
    there: Object | None,
    before: Before,
) -> Object | None:
    """The child Cell of an application, or of all that are in lockstep, which brings their traffic `to` a version, with
    the groups of each. None: there is none.

    Where a spec has no route for one any more it is told where to go, and keeps the rest.
    """
    version, groups = to
    back = version == joint_of(states, "synced")
    by = [before[app.name] if back and app.name in before else spec for app in apps]
    said = [None if each is None else said_of(each, app.name) for each, app in zip(by, apps, strict=True)]
    routed = [app for app in said if app is not None and app.routes]
    lead = lead_of(states[0])
    if by[0] is not None and len(routed) == len(apps):
        return route_child(parent, as_connected_now(by[0], spec), routed, version, groups, lead)
    if there is not None:
        return sent_back(parent, there, version, groups)
    routed = [app for app in apps if app.routes]
    return route_child(parent, spec, routed, version, groups, lead) if routed else None
