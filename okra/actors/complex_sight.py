"""What a complex Cell sees: its clusters and their tags, target groups, and the routes' forward configurations.

Asked for only where something depends on it: at rest a Cell asks AWS nothing whose clusters, and their target groups,
are known by labels in its spec.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import replace

import structlog

from okra.actors.argocd import ArgoCD
from okra.actors.argocd_cluster import account_of
from okra.actors.cell_routes import ref_of_key
from okra.actors.complex_children import Children
from okra.actors.discovery import problem_of
from okra.actors.wiring import Wiring
from okra.api.argocd import ArgoCDClusterSpec
from okra.api.aws import region_of
from okra.api.cell import CellSpec
from okra.api.complex import Application, Cluster, TargetGroupSource
from okra.applications.children import cluster_child
from okra.applications.compile import by_tags, labels_of
from okra.applications.observation import ClusterSeen, Observation
from okra.applications.policy import Application as Wanted
from okra.applications.policy import Policy
from okra.applications.route_children import key_of
from okra.applications.routes import rules, same_groups
from okra.applications.state import AppState, Group, Placement, Stage, State
from okra.errors import NotFound, OkraError, Unavailable
from okra.ports import Account, RouteRef
from okra.ports_clusters import ClusterInfo
from okra.rollout.observation import Problem, RouteReading

log = structlog.get_logger("okra")


class ComplexSight:
    def __init__(self, wiring: Wiring, children: Children, argocd: ArgoCD) -> None:
        self._wiring, self._children = wiring, children
        self._clusters, self._members = argocd.clusters, argocd.members
        self._infos: dict[str, ClusterInfo] = {}
        """The clusters as last seen: what can't be read for a while is what it was."""
        self._why: dict[str, str] = {}

    # -- clusters ----------------------------------------------------------------------------------------------------

    async def tags(self, spec: CellSpec) -> Mapping[str, Mapping[str, str]]:
        """The tags of each cluster that is known, as far as anything depends on them."""
        if not (by_tags(spec) or _labelled(spec)):
            return {}
        await asyncio.gather(*(self._look(spec, each) for each in spec.clusters or ()))
        return {each.name: self._infos[each.name].tags for each in spec.clusters or () if each.name in self._infos}

    async def _look(self, spec: CellSpec, cluster: Cluster) -> None:
        account, name = self._where(spec, cluster)
        try:
            self._infos[cluster.name] = await self._clusters.cluster(account, name)
        except NotFound as error:
            self._infos.pop(cluster.name, None)
            self._why[cluster.name] = str(error)
        except OkraError as error:
            self._why[cluster.name] = str(error)
            log.warning("ClusterNotRead", cluster=cluster.name, error=str(error))

    async def gone(self, spec: CellSpec) -> tuple[str, ...]:
        """Clusters that EKS says aren't there. One that can't be asked for may be."""
        found = await asyncio.gather(*(self._is_gone(spec, each) for each in spec.clusters or ()))
        return tuple(each.name for each, gone in zip(spec.clusters or (), found, strict=True) if gone)

    async def _is_gone(self, spec: CellSpec, cluster: Cluster) -> bool:
        try:
            await self._clusters.cluster(*self._where(spec, cluster))
        except NotFound:
            return True
        except OkraError as error:
            log.warning("ClusterNotRead", cluster=cluster.name, error=str(error))
        return False

    def _where(self, spec: CellSpec, cluster: Cluster) -> tuple[Account, str]:
        found = ArgoCDClusterSpec.model_validate(cluster_child(self._children.parent, spec, cluster)["spec"])
        return account_of(found), found.eks.cluster_name

    def _cluster(self, name: str, *, needs_tags: bool) -> ClusterSeen:
        if needs_tags and name not in self._infos:
            return ClusterSeen(False, self._why.get(name, "its tags aren't known yet"))
        return self._children.cluster(name)

    # -- everything --------------------------------------------------------------------------------------------------

    async def observe(self, spec: CellSpec, policy: Policy, state: State) -> Observation:
        """As far as the next decision may need it."""
        names, needs_tags = [app.name for app in policy.applications], by_tags(spec)
        written = {each.name: each for each in spec.applications or ()}
        groups: dict[str, tuple[Group, ...] | Problem] = {}
        forwards: dict[str, str] = {}
        forwarded: dict[str, Mapping[str, Set[str]]] = {}
        for app in policy.applications:
            known, application = state.of(app.name), written.get(app.name)
            if application is not None and _rests(app, known):
                groups[app.name] = await self._groups(spec, application, app.clusters, known.synced)
            if app.routed and known.routes_before and not known.moving:
                forwarded[app.name] = await self._forwarded(spec, known.routes_before)
            if application is not None and app.routed and app.prechecks and known.stage is Stage.INIT:
                forwards[app.name] = await self._forward(spec, application)
        return Observation(
            clusters={each.name: self._cluster(each.name, needs_tags=needs_tags) for each in policy.clusters},
            deployments={name: self._children.deployment(name) for name in names},
            routes={name: self._children.route(name, _attempt(state.of(name))) for name in names},
            groups=groups,
            elsewhere=frozenset(
                app.name for app in policy.applications if self._children.elsewhere(app.name, rules(app.route))
            ),
            forwards=forwards,
            forwarded=forwarded,
        )

    # -- target groups -----------------------------------------------------------------------------------------------

    async def _groups(
        self, spec: CellSpec, application: Application, clusters: tuple[str, ...], synced: Placement | None
    ) -> tuple[Group, ...] | Problem:
        """Each cluster's target group for each route. One that has the traffic already can't be introduced: a version
        moves whole."""
        keys, found = [key_of(alb) for _, alb in application.routes], list[Group]()
        for key, (_, alb) in zip(keys, application.routes, strict=True):
            of_route = await self._groups_of(spec, alb.forward_config.target_group, clusters)
            if isinstance(of_route, Problem):
                return of_route
            found += [replace(each, route=key if len(keys) > 1 else "") for each in of_route]
        serving = {group.arn: group.cluster for group in synced.groups} if synced else {}
        if synced and same_groups(found, " ".join(keys), synced):
            return tuple(found)  # all of it is where it should be: only the version has another name
        if kept := dict.fromkeys(serving[each.arn] for each in found if each.arn in serving):
            new = "target groups" if synced and {*synced.clusters} == {*clusters} else "clusters"
            said = f"{', '.join(kept)} has the traffic already: it can only go to {new} that are all new. Name others."
            return Problem("ClustersOverlap", said)
        return tuple(found)

    async def _groups_of(
        self, spec: CellSpec, source: TargetGroupSource, clusters: tuple[str, ...]
    ) -> list[Group] | Problem:
        """Of one route."""
        found: dict[str, str] = {}
        for cluster in (each for each in spec.clusters or () if each.name in clusters):
            try:
                arn = await self._group(spec, cluster, source)
            except OkraError as error:
                return problem_of(error)
            if not arn.startswith("arn:") or ":targetgroup/" not in arn:
                return Problem("TargetGroupUnknown", f"{cluster.name}: {arn!r} isn't the ARN of a target group.")
            if arn in found.values():
                return Problem("TargetGroupShared", f"{cluster.name} has the target group of another cluster: {arn}.")
            found[cluster.name] = arn
        return [Group(name, arn) for name, arn in found.items()]

    async def _group(self, spec: CellSpec, cluster: Cluster, source: TargetGroupSource) -> str:
        if source.arn is not None:
            return source.arn
        if (label := source.arn_from_label) is not None:
            tags = {name: info.tags for name, info in self._infos.items()}
            if arn := labels_of(spec, tags)[cluster.name].get(label):
                return arn
            if cluster.name not in self._infos and cluster.name in self._why:
                raise Unavailable(self._why[cluster.name])
            raise NotFound(f"{cluster.name} has no label {label}, which is to hold its target group's ARN.")
        assert source.targetgroup_binding_selector is not None  # exactly one of the three
        selector = str(source.targetgroup_binding_selector.selector)
        account, name = self._where(spec, cluster)
        info = await self._clusters.cluster(account, name)
        bindings = await self._members.target_group_bindings(account, info, selector)
        arns = sorted({each.arn for each in bindings if each.arn})
        if len(arns) == 1:
            return arns[0]
        names = ", ".join(f"{each.namespace}/{each.name}" for each in bindings) or "none"
        said = f"{cluster.name}: the TargetGroupBindings of {selector} must name one target group; there are: {names}."
        raise NotFound(said, reason="TargetGroupUnknown")

    # -- the route ---------------------------------------------------------------------------------------------------

    async def _forward(self, spec: CellSpec, application: Application) -> str:
        """A hash of what the routes do now: prechecks hold for that alone."""
        refs = [
            RouteRef(account_for(spec, alb.listener_arn), alb.listener_arn, priority=alb.forward_config.priority)
            for _, alb in application.routes
        ]
        found, readings = await self._wiring.router.read(refs), []
        for ref in refs:
            reading = found[ref]
            if isinstance(reading, OkraError):
                raise reading
            readings.append(reading)
        return forward_hash(*readings)

    async def _forwarded(self, spec: CellSpec, keys: tuple[str, ...]) -> Mapping[str, Set[str]]:
        """The groups that each of these rules sends traffic to. One that is gone sends none; what can't be read isn't
        known."""
        refs = {key: ref_of_key(account_for(spec, key.partition("#")[0]), key) for key in keys}
        found = await self._wiring.router.read([*refs.values()]) if refs else {}
        sent: dict[str, Set[str]] = {}
        for key, ref in refs.items():
            reading = found[ref]
            if isinstance(reading, NotFound):
                sent[key] = frozenset()
            elif not isinstance(reading, OkraError):
                sent[key] = {arn for arn, weight in reading.weights.items() if weight}
        return sent


def forward_hash(*readings: RouteReading) -> str:
    each = [[reading.action, reading.sticky, sorted(reading.weights.items())] for reading in readings]
    text = json.dumps(each[0] if len(each) == 1 else each)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def account_for(spec: CellSpec, listener: str) -> Account:
    """Whose AWS the Cell's routes are in."""
    aws = spec.aws
    account = Account(aws.region or "", aws.role_arn or "", aws.external_id or "")
    return replace(account, region=account.region or (region_of(listener) if listener else ""))


def _rests(app: Wanted, known: AppState) -> bool:
    """May the application have to go to other target groups? Not while it moves; nor from where a version can't go."""
    synced = known.synced
    stays = synced is not None and synced.version == app.version and {*synced.clusters} != {*app.clusters}
    return app.routed and bool(app.clusters) and not known.moving and not stays


def _attempt(app: AppState) -> int | None:
    return app.attempt if app.moving else None


def _labelled(spec: CellSpec) -> bool:
    """Does an application look for a label that a cluster has at most as a tag in EKS?"""
    sources = [alb.forward_config.target_group for each in spec.applications or () for _, alb in each.routes]
    labels = [each.arn_from_label for each in sources if each.arn_from_label]
    return any(label not in cluster.labels for label in labels for cluster in spec.clusters or ())
