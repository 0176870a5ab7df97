"""What the specs that reached Synced said of an application: while it is where one brought it, its children go by that.

A spec that failed, or that waits, names other clusters; its Argo CD labels, steps and checks are for the way there.
The way back, and the rest after it, are those of the spec that worked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from okra.api.cell import CellSpec
from okra.api.complex import Application as Spec
from okra.api.complex import ArgoCDStrategyType, Cluster
from okra.applications.compile import selected_clusters
from okra.applications.policy import Policy
from okra.applications.state import AppState, State

Before = Mapping[str, CellSpec | None]
"""Application that is, or goes back, where another version is wanted → the kept spec that brought it there. None: the
kept specs can't be read. Without an entry there is none, and it goes by the present spec."""

AS_NOW = ("deletion_policy", "drain_timeout", "health_timeout", "lockstep", "on_failure", "paused")
"""What of a spec isn't about its clusters: what was right then may be wrong by now. (Nor is the role.)"""


def astray(policy: Policy, state: State) -> tuple[AppState, ...]:
    """Applications that are wanted elsewhere than where they were brought, as far as it is known where."""
    wanted = {app.name: app.version for app in policy.applications if app.clusters}
    return tuple(
        each
        for each in state.applications
        if each.synced is not None and wanted.get(each.name, each.synced.version) != each.synced.version
    )


def before(kept: Sequence[CellSpec] | None, apps: Sequence[AppState]) -> Before:
    """`kept`: newest first; None: they can't be read."""
    if kept is None:
        return {app.name: None for app in apps}
    found = {}
    for app in apps:
        spec = next((each for each in kept if _brought(each, said_of(each, app.name), app)), None)
        if spec is not None:
            found[app.name] = spec
    return found


def said_of(spec: CellSpec, application: str) -> Spec | None:
    """What a spec says of an application. None: nothing."""
    return next((each for each in spec.applications or () if each.name == application), None)


def as_kept(then: CellSpec, now: CellSpec) -> frozenset[str]:
    """Names of the applications that two specs say the same of, and bring to the same clusters, described alike."""
    entries = {each.name: each for each in now.applications or ()}
    same = (each for each in then.applications or () if entries.get(each.name) == each)
    return frozenset(each.name for each in same if _clusters(then, each) == _clusters(now, each))


def _clusters(spec: CellSpec, entry: Spec) -> list[Cluster]:
    """Those that an entry selects; by tags, it may be all."""
    selected = selected_clusters(spec, entry, {})
    return [each for each in spec.clusters or () if selected is None or each.name in selected]


def never_twice(then: Spec, now: Spec | None) -> Spec:
    """What a former spec says of an application, to go back by: what must not run twice by the present one must not run
    beside what it goes back from, whatever was said then."""
    strategy = now.argocd.update_strategy if now is not None and now.argocd is not None else None
    if then.argocd is None or strategy is None or strategy.type is not ArgoCDStrategyType.DELETE_BEFORE_CREATE:
        return then
    return then.model_copy(update={"argocd": then.argocd.model_copy(update={"update_strategy": strategy})})


def as_connected_now(then: CellSpec, now: CellSpec) -> CellSpec:
    """A former spec to go by: as connected and paused as the present one."""
    changes = {each: getattr(now, each) for each in AS_NOW}
    return then.model_copy(update={**changes, "aws": now.aws.model_copy(update={"region": then.aws.region})})


def _brought(spec: CellSpec, entry: Spec | None, app: AppState) -> bool:
    """Did this entry bring the application where it is? By tags, which may have changed since, it may have."""
    if entry is None or app.synced is None:
        return False
    selected = selected_clusters(spec, entry, {})
    if selected is None:
        return {*app.synced.clusters} <= {cluster.name for cluster in spec.clusters or ()}
    return {*selected} == {*app.synced.clusters}
