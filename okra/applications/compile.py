"""A complex Cell and the controller's settings → the Policy that `okra.applications.machine` decides by (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from okra.api.cell import Cell, CellSpec
from okra.api.complex import Application as Spec
from okra.api.complex import ArgoCDStrategyType
from okra.api.defaults import Defaults
from okra.applications.children import eks_name
from okra.applications.policy import Application, Cluster, OnFailure, Policy
from okra.applications.route_children import key_of
from okra.applications.state import AppState, State
from okra.applications.versions import version_of
from okra.rollout.compile import check_interval, without_provider

Tags = Mapping[str, Mapping[str, str]]
"""Cluster, as the Cell calls it → its tags in EKS. Without an entry they aren't known (yet)."""


def compile_policy(cell: Cell, defaults: Defaults, tags: Tags) -> Policy | None:
    """What the Cell asks for; what it leaves out comes from the settings. None: not known before the tags are."""
    spec = cell.spec
    found = [_application(spec, each, tags) for each in spec.applications or ()]
    applications = tuple(each for each in found if each is not None)
    return _policy(cell, defaults, applications) if len(applications) == len(found) else None


def while_unknown(cell: Cell, defaults: Defaults, tags: Tags, state: State) -> Policy:
    """What goes on while tags are missing: what moves is brought to where it goes, nothing else begins."""
    spec = cell.spec
    applications = tuple(
        _application(spec, each, tags) or _as_it_goes(spec, each, state) for each in spec.applications or ()
    )
    policy = _policy(cell, defaults, applications)
    needed = {each.name for each in spec.clusters or ()} - tags.keys()
    clusters = tuple(replace(each, require_ready=each.require_ready or each.name in needed) for each in policy.clusters)
    return replace(policy, clusters=clusters)


def while_leaving(policy: Policy, state: State) -> Policy:
    """Of a Cell that is being deleted: what moves goes back, nothing else is touched. A rollback goes on: to turn it
    around would send the traffic to what is left."""
    moving = [_leaving(each, state) for each in state.applications if each.moving]
    known = {each.name: each for each in policy.applications}
    applications = tuple(
        replace(known.get(each.name, each), clusters=each.clusters, version=each.version) for each in moving
    )
    return replace(policy, applications=applications, leaving=True, problem=None)


def _leaving(app: AppState, state: State) -> Application:
    left = app.synced is not None and app.synced.version in app.blocked
    if state.rolled_back is not None and left and app.target is not None:
        return Application(app.name, app.target.clusters, app.target.version)
    return Application(app.name, app.synced.clusters if app.synced else ())


def by_tags(spec: CellSpec) -> bool:
    """Must the EKS clusters' tags be known to know which clusters an application is on?"""
    return any(each.cluster_selector and each.cluster_selector.tags for each in spec.applications or ())


def _policy(cell: Cell, defaults: Defaults, applications: tuple[Application, ...]) -> Policy:
    spec = cell.spec
    delay, health = spec.on_failure.delay, spec.health_timeout
    checks = [check for each in spec.applications or () for check in (*each.prechecks, *each.postchecks)]
    return Policy(
        clusters=tuple(
            Cluster(
                each.name,
                each.require_ready,
                each.ready_timeout.seconds if each.ready_timeout else None,
                eks_name(each) if eks_name(each) != each.name else "",
            )
            for each in spec.clusters or ()
        ),
        applications=applications,
        name=cell.metadata.name,
        on_failure=OnFailure(spec.on_failure.action or defaults.on_failure),
        failure_delay=defaults.on_failure_delay if delay is None else delay.seconds,
        check_interval=check_interval(checks),
        deploy_timeout=defaults.health_timeout if health is None else health.seconds,
        poll_interval=defaults.poll_interval,
        paused=spec.paused,
        problem=without_provider(spec, defaults),
    )


def _application(spec: CellSpec, each: Spec, tags: Tags) -> Application | None:
    """None: which clusters it is on isn't known."""
    selected = selected_clusters(spec, each, tags)
    if selected is None:
        return None
    labels = labels_of(spec, tags if each.cluster_selector and each.cluster_selector.tags else {})
    return _named(spec, each, selected, version_of(selected, labels) if selected else "")


def selected_clusters(spec: CellSpec, each: Spec, tags: Tags) -> tuple[str, ...] | None:
    """Names of the Cell's clusters that the application's selector matches, in the spec's order; None: not known."""
    selector, clusters = each.cluster_selector, spec.clusters or ()
    if selector is None:
        return tuple(cluster.name for cluster in clusters)
    if selector.tags is None:
        chosen = selector.labels
        return tuple(cluster.name for cluster in clusters if chosen and chosen.matches(cluster.labels))
    if any(cluster.name not in tags for cluster in clusters):
        return None
    return tuple(cluster.name for cluster in clusters if selector.tags.matches(tags[cluster.name]))


def labels_of(spec: CellSpec, tags: Tags) -> Mapping[str, Mapping[str, str]]:
    """Each cluster's labels: those of the spec go before its tags in EKS."""
    return {each.name: {**tags.get(each.name, {}), **each.labels} for each in spec.clusters or ()}


def _as_it_goes(spec: CellSpec, each: Spec, state: State) -> Application:
    target = state.of(each.name).target
    return _named(spec, each, target.clusters if target else (), target.version if target else "")


def _named(spec: CellSpec, each: Spec, clusters: tuple[str, ...], version: str) -> Application:
    strategy = each.argocd.update_strategy.type if each.argocd else None
    return Application(
        name=each.name,
        clusters=clusters,
        version=version,
        deployed=each.argocd is not None,
        routed=each.alb is not None,
        route=" ".join(key_of(alb) for _, alb in each.routes),
        lockstep=each.alb is not None and each.name in (spec.lockstep or ()),
        deletes_first=strategy is ArgoCDStrategyType.DELETE_BEFORE_CREATE,
        prechecks=tuple(check.name for check in each.prechecks),
        postchecks=tuple(check.name for check in each.postchecks),
    )
