"""What the children of an application are told: where to be, and all else as the spec says that they are there by.

One that is told to be where the application was brought, while it is wanted elsewhere, goes by the spec that brought it
there: so the way back from a version that failed has none of what failed with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from okra.api.cell import CellSpec
from okra.api.complex import Application
from okra.applications.children import Object, Parent, deployment_as_it_is, deployment_child, route_child, sent_back
from okra.applications.kept import Before, as_connected_now, never_twice, said_of
from okra.applications.policy import Application as Wanted
from okra.applications.state import AppState, Group


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
    app: Application,
    state: AppState,
    to: tuple[str, Sequence[tuple[str, Group]]],
    there: Object | None,
    before: Before,
) -> Object | None:
    """Its child Cell, which brings the traffic `to` a version, with the groups of each. None: it has none.

    One without a route in the spec is told where to go, and keeps the rest.
    """
    version, groups = to
    back = app.name in before and state.synced is not None and state.synced.version == version
    by = before[app.name] if back else spec
    said = None if by is None else said_of(by, app.name)
    if by is not None and said is not None and said.alb is not None:
        return route_child(parent, as_connected_now(by, spec), said, version, groups)
    if there is not None:
        return sent_back(parent, there, version, groups)
    return None if app.alb is None else route_child(parent, spec, app, version, groups)
