"""The children of a complex Cell in the store: read by its label, written if they are its own, never taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from okra.actors.discovery import problem_of
from okra.actors.kinds import kind_named
from okra.actors.wiring import Wiring
from okra.api.cell import CellSpec
from okra.api.complex import Application
from okra.api.meta import COMMAND_ANNOTATION
from okra.api.parse import parse
from okra.applications import told
from okra.applications.children import PARENT, Parent, cluster_child, plain, replaced, sent
from okra.applications.effects import Publish, Route
from okra.applications.kept import Before
from okra.applications.observation import ClusterSeen, DeploymentSeen, RouteSeen
from okra.applications.seen import cluster_seen, deployment_seen, pinned, published_to, route_seen, told_to
from okra.applications.state import AppState, Group, Phase, State
from okra.errors import AlreadyExists, NotFound, Unavailable
from okra.ports import Kind, Object
from okra.rollout.observation import Problem

PATIENCE = 30.0
CLUSTER, DEPLOYMENT = "ArgoCDCluster", "ArgoCDApplicationDeployment"


@dataclass(frozen=True, slots=True)
class Family:
    """The children as they are at one moment, by name."""

    clusters: Mapping[str, Object] = field(default_factory=dict)
    deployments: Mapping[str, Object] = field(default_factory=dict)
    routes: Mapping[str, Object] = field(default_factory=dict)


class Children:
    def __init__(self, wiring: Wiring, parent: Parent) -> None:
        self._wiring, self.parent = wiring, parent
        self._cluster, self._deployment, self._route = (
            kind_named(parent.group, kind) for kind in (CLUSTER, DEPLOYMENT, parent.kind)
        )
        self.family = Family()
        self.before: Before = {}
        """What former specs said of applications that are, or go back, where these brought them."""

    # -- reading ---------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """All of them, or an error: what can't be read is never taken for what isn't there."""
        clusters, deployments, routes = [
            await self._list(kind) for kind in (self._cluster, self._deployment, self._route)
        ]
        self.family = Family(clusters, deployments, routes)

    async def _list(self, kind: Kind) -> Mapping[str, Object]:
        try:
            async with asyncio.timeout(PATIENCE):
                listing = await self._wiring.store.list(kind, self.parent.namespace, f"{PARENT}={self.parent.name}")
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        return {each["metadata"]["name"]: each for each in listing.items if self.parent.owns(each)}

    def cluster(self, cluster: str) -> ClusterSeen:
        return cluster_seen(self.family.clusters.get(self.parent.cluster(cluster)))

    def deployment(self, application: str) -> DeploymentSeen | None:
        return deployment_seen(self.parent, self.family.deployments.get(self.parent.application(application)))

    def route_object(self, application: str) -> Object | None:
        return self.family.routes.get(self.parent.application(application))

    def route(self, application: str, attempt: int | None) -> RouteSeen | None:
        return route_seen(self.route_object(application), attempt)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def keep(self, spec: CellSpec, state: State) -> Problem | None:
        """Make the children say what the spec says, each where it was told to go. Returns what can't be done."""
        problem: Problem | None = None
        wanted = [(self._cluster, cluster_child(self.parent, spec, each)) for each in spec.clusters or ()]
        for app in spec.applications or ():
            at, name = state.of(app.name), self.parent.application(app.name)
            if (there := self.family.deployments.get(name)) is not None:
                body = told.deployment(self.parent, app, at, told_to(self.parent, there), there, self.before)
                wanted += [] if body is None else [(self._deployment, body)]
                problem = problem or self._in_use(app, there)
            if (there := self.family.routes.get(name)) is not None and (app.alb or app.name in self.before):
                body = told.route(self.parent, spec, app, at, self._where(there, at), there, self.before)
                wanted += [] if body is None else [(self._route, body)]
        known = {**self.family.clusters}
        for kind, body in wanted:
            family = {self._cluster: known, self._deployment: self.family.deployments, self._route: self.family.routes}
            try:
                await self._apply(kind, body, family[kind].get(body["metadata"]["name"]))
            except AlreadyExists as error:
                problem = problem or problem_of(error)
        return problem

    def _where(self, there: Object, app: AppState) -> tuple[str, tuple[tuple[str, Group], ...]]:
        """Where a child Cell was told to go. Once nothing can go back, the groups of other versions are no more listed:
        they may be deleted together with their clusters."""
        version, groups = pinned(there)
        seen = route_seen(there, None)
        arrived = app.phase is Phase.SYNCED and not app.former and app.synced and app.synced.version == version
        if arrived and seen is not None and seen.settled and seen.stable == version and not seen.retains:
            return version, tuple(each for each in groups if each[0] == version)
        return version, groups

    def _in_use(self, app: Application, there: Object) -> Problem | None:
        """Labels that the spec gives another value keep theirs on clusters that serve."""
        if app.argocd is None or app.name in self.before or not (lost := replaced(app, there)):
            return None
        name = there["metadata"]["name"]
        said = (
            f"{app.name}: argocd.clusterSecret would replace {', '.join(lost)} on clusters that it is published to, "
            "and Argo CD delete what serves there. The former clusterSecret and applicationSet stay: publish by a "
            f"label of another key, wait until {self._deployment.kind} {name} is Synced, and give this key its new "
            "value then."
        )
        return Problem("LabelsInUse", said, fatal=False)

    async def publish(self, spec: CellSpec, effect: Publish, state: State) -> None:
        app = next(each for each in spec.applications or () if each.name == effect.application)
        there = self.family.deployments.get(self.parent.application(app.name))
        body = told.deployment(self.parent, app, state.of(app.name), effect.clusters, there, self.before)
        assert body is not None  # it is published
        await self._apply(self._deployment, body, there)

    async def send(self, spec: CellSpec, effect: Route, state: State) -> None:
        app = next(each for each in spec.applications or () if each.name == effect.application)
        there, at = self.route_object(app.name), state.of(app.name)
        body = told.route(self.parent, spec, app, at, (effect.version, effect.groups), there, self.before)
        assert body is not None  # it has traffic
        await self.apply(self._route, sent(body, there, at.attempt), there)

    async def forward(self, application: str, command: str) -> None:
        """Hand a person's command down."""
        name = self.parent.application(application)
        patch = {"metadata": {"annotations": {COMMAND_ANNOTATION: command}}}
        self._wiring.must_be_open()
        await self._wiring.store.patch(self._route, self.parent.namespace, name, patch)

    async def _apply(self, kind: Kind, body: Object, there: Object | None) -> None:
        if there is None or not _same(body, there):
            await self.apply(kind, body, there)

    async def apply(self, kind: Kind, body: Object, there: Object | None) -> Object:
        """Create it, or update it as it was when that was decided: `there`. AlreadyExists when the name is another's;
        Conflict when it changed since."""
        found = there or await self._found(kind, body["metadata"]["name"])
        if found is not None:
            guard = {"resourceVersion": found["metadata"]["resourceVersion"]}
            body = {**body, "metadata": {**body["metadata"], **guard}}
        self._wiring.must_be_open()
        return await self._wiring.store.apply(kind, body)

    async def _found(self, kind: Kind, name: str) -> Object | None:
        """One that isn't among the children: it may have lost the label, or be another's."""
        try:
            found = await self._wiring.store.get(kind, self.parent.namespace, name)
        except NotFound:
            return None
        if not self.parent.owns(found):
            said = (
                f"The {kind.kind} {name} exists and isn't the {self.parent.kind}'s: rename one of them, or delete it."
            )
            raise AlreadyExists(said)
        return found

    async def prune(self, spec: CellSpec, state: State) -> None:
        """Delete those of clusters and applications that the spec names no more, once nothing is left there."""
        apps, parent = spec.applications or (), self.parent
        keep = {each.name for each in spec.clusters or ()}
        for app in state.applications:
            keep.update(app.former, *(each.clusters for each in (app.target, app.synced) if each is not None))
        for deployment in self.family.deployments.values():
            keep |= published_to(parent, deployment)
        kept = (
            (self._cluster, self.family.clusters, {parent.cluster(each) for each in keep}),
            (
                self._deployment,
                self.family.deployments,
                {parent.application(each.name) for each in apps if each.argocd or each.name in self.before},
            ),
            (
                self._route,
                self.family.routes,
                {parent.application(each.name) for each in apps if each.alb or state.of(each.name).former},
            ),
        )
        for kind, there, wanted in kept:
            for name in there.keys() - wanted:
                await self.delete(kind, there[name])

    async def delete(self, kind: Kind, obj: Object) -> None:
        """This very object, whoever deletes it as well."""
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        self._wiring.must_be_open()
        try:
            await self._wiring.store.delete(kind, self.parent.namespace, metadata["name"], uid=metadata["uid"])
        except NotFound:
            return


def _same(body: Object, there: Object) -> bool:
    """Does it say all of it already? Whatever the API server filled in."""
    labels = there["metadata"].get("labels") or {}
    if not body["metadata"]["labels"].items() <= labels.items():
        return False
    (wanted, _), (found, _) = parse(body), parse(there)
    if wanted is None or found is None:
        return bool(body["spec"] == there["spec"])
    return bool(plain(wanted)["spec"] == plain(found)["spec"])
