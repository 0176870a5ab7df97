"""Who looks after what: a directory of actors and a watcher for each kind, in Okra's group and in hotswap's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from okra.actors.argocd import OKRAS, SecretChanges
from okra.actors.argocd_cluster import ArgoCDClusterActor
from okra.actors.argocd_deployment import ArgoCDDeploymentActor
from okra.actors.check import CheckActor
from okra.actors.cluster_set import ClusterSetActor
from okra.actors.complex import ComplexCell
from okra.actors.directory import Directory
from okra.actors.discovery import Discoveries
from okra.actors.kinds import ALB, CLUSTER_SET, HOTSWAP, OKRA, TARGET_GROUP_SET, Family, resource
from okra.actors.messages import Key, Subscribe
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.root import RootSupervisor
from okra.actors.target_group_set import TargetGroupSetActor
from okra.actors.watcher import Watcher
from okra.actors.wiring import Wiring
from okra.argocd.names import SECRET
from okra.ports import Kind, Object

if TYPE_CHECKING:
    from okra.app.system import Parts

Make = Callable[[Object], Actor[Any]]


def start(parts: Parts, wiring: Wiring, root: RootSupervisor) -> None:
    """Directories before watchers: nothing that is listed goes unheard."""
    subscribed: dict[Key, Subscribe] = {}
    discovery = root.start_child(ChildSpec("discovery", lambda: Discoveries(wiring, subscribed)))
    refs: dict[str, ActorRef[Any]] = {"discovery": discovery}
    looked_after = {kind: make for family in parts.families for kind, make in actors(parts, wiring, family).items()}
    for kind, make in looked_after.items():
        refs[resource(kind)] = root.start_child(ChildSpec(resource(kind), _directory(wiring, kind, make)))
    wiring.refs = refs
    for kind in looked_after:
        if kind.group == OKRA.cell.group:
            wiring.readiness.expect(resource(kind))
    for kind in looked_after:
        watcher = _watcher(parts, wiring, kind)
        wiring.refs = {**wiring.refs, watcher.name: root.start_child(watcher)}
    if parts.argocd is not None:
        _watch_secrets(
            parts, wiring, [refs[resource(kind)] for kind in looked_after if kind.kind.startswith("ArgoCD")], root
        )


def _directory(wiring: Wiring, kind: Kind, make: Make) -> Callable[[], Directory]:
    return lambda: Directory(wiring, kind, make)


def actors(parts: Parts, wiring: Wiring, family: Family) -> Mapping[Kind, Make]:
    """Which actor an object of each kind gets. Without Argo CD there are only routes and their checks."""
    argocd, groups = parts.argocd, parts.groups

    def cell(obj: Object) -> Actor[Any]:
        if argocd is not None and "applications" in (obj.get("spec") or {}):
            return ComplexCell(wiring, argocd, family.cell, obj)
        return parts.cell_actor(wiring, obj, family.cell)

    made: dict[Kind, Make] = {family.check: lambda obj: CheckActor(wiring, obj, family.check), family.cell: cell}
    if family == OKRA:
        made[ALB] = lambda obj: parts.cell_actor(wiring, obj, ALB)
    if argocd is not None:
        made[family.cluster] = lambda obj: ArgoCDClusterActor(wiring, argocd, family.cluster, obj)
        made[family.deployment] = lambda obj: ArgoCDDeploymentActor(wiring, argocd, family.deployment, obj)
        if family == OKRA:
            made[CLUSTER_SET] = lambda obj: ClusterSetActor(wiring, argocd, CLUSTER_SET, obj)
        if family == OKRA and groups is not None:
            made[TARGET_GROUP_SET] = lambda obj: TargetGroupSetActor(wiring, argocd, groups, TARGET_GROUP_SET, obj)
    return made


def _watcher(parts: Parts, wiring: Wiring, kind: Kind) -> ChildSpec[Any]:
    """Whoever never had hotswap doesn't have its kinds, and need not."""
    name = resource(kind)
    make = partial(
        Watcher,
        parts.store,
        kind,
        wiring.refs[name],
        parts.namespace,
        parts.selector,
        failed=wiring.readiness.failed,
        optional=kind.group == HOTSWAP.cell.group,
    )
    return ChildSpec(f"watch-{name}", make)


def _watch_secrets(parts: Parts, wiring: Wiring, woken: Sequence[ActorRef[Any]], root: RootSupervisor) -> None:
    """Whoever edits a cluster secret by hand is answered at once. A controller that may not see them is ready all the
    same: Cells of target groups need no Argo CD, and of the others their conditions say it."""
    assert parts.argocd is not None
    namespace = parts.argocd.namespace

    def refused(_kind: str, why: str) -> None:
        wiring.readiness.refused(f"Argo CD ({namespace})", why)

    changes = root.start_child(ChildSpec("secret-changes", partial(SecretChanges, *woken)))
    make = partial(Watcher, parts.store, SECRET, changes, namespace, OKRAS, failed=refused, optional=True)
    root.start_child(ChildSpec("watch-secrets", make))
