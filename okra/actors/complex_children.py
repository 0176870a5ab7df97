"""The children of a complex Cell in the store: read by its label, written if they are its own, never taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from okra.actors.cell_finalizer import HANDOVER
from okra.actors.discovery import problem_of
from okra.actors.kinds import kind_named
from okra.actors.owned import same
from okra.actors.wiring import Wiring
from okra.api.argocd import LABELS_IN_USE
from okra.api.cell import CellSpec
from okra.api.complex import Application
from okra.api.meta import COMMAND_ANNOTATION
from okra.api.policies import DeletionPolicy
from okra.applications import told
from okra.applications.children import PARENT, Parent, cluster_child, deployment_as_it_is, replaced
from okra.applications.effects import Publish, Route
from okra.applications.kept import Before, said_of
from okra.applications.lockstep import joint_of, lead_of, seen_of
from okra.applications.observation import ClusterSeen, DeploymentSeen, RouteSeen
from okra.applications.route_children import abort_of, sent, sent_back
from okra.applications.seen import cluster_seen, deployment_seen, held_by, pinned, published_to, route_seen, told_to
from okra.applications.state import AppState, Group, Phase, State
from okra.errors import AlreadyExists, NotFound, Unavailable
from okra.ports import Kind, Object
from okra.rollout.observation import Problem

PATIENCE = 30.0
CLUSTER, DEPLOYMENT = "ArgoCDCluster", "ArgoCDApplicationDeployment"


class Children:
    def __init__(self, wiring: Wiring, parent: Parent, state: Callable[[], State]) -> None:
        self._wiring, self.parent, self._state = wiring, parent, state
        self._cluster, self._deployment, self._route = (
            kind_named(parent.group, kind) for kind in (CLUSTER, DEPLOYMENT, parent.kind)
        )
        self._family: dict[Kind, dict[str, Object]] = {
            kind: {} for kind in (self._cluster, self._deployment, self._route)
        }
        """By name: as they were when this look began, and as this look's own writes left them."""
        self.before: Before = {}
        """What former specs said of applications that are, or go back, where these brought them."""
        self.wanted: Mapping[str, tuple[str, ...]] = {}
        """The clusters that the present spec brings each application to."""

    # -- reading ---------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """All of them, or an error: what can't be read is never taken for what isn't there."""
        self._family = {kind: await self._list(kind) for kind in self._family}

    async def _list(self, kind: Kind) -> dict[str, Object]:
        try:
            async with asyncio.timeout(PATIENCE):
                listing = await self._wiring.store.list(kind, self.parent.namespace, f"{PARENT}={self.parent.name}")
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        return {each["metadata"]["name"]: each for each in listing.items if self.parent.owns(each)}

    def cluster(self, cluster: str) -> ClusterSeen:
        return cluster_seen(self._family[self._cluster].get(self.parent.cluster(cluster)))

    def deployment(self, application: str) -> DeploymentSeen | None:
        return deployment_seen(self.parent, self._deployment_object(application))

    def _deployment_object(self, application: str) -> Object | None:
        return self._family[self._deployment].get(self.parent.application(application))

    def route_object(self, application: str) -> Object | None:
        """The child Cell that moves the application's traffic."""
        return self._family[self._route].get(self.parent.application(lead_of(self._state().of(application))))

    def route(self, application: str, attempt: int | None) -> RouteSeen | None:
        """What that says, as the application calls it. Whoever moves with others: in the attempt of the first."""
        app, together = self._state().of(application), self._together(application)
        told = attempt if attempt is None or not together else together[0].attempt
        return seen_of(route_seen(self.route_object(application), told), app, together)

    def _together(self, application: str) -> list[AppState]:
        """Those whose traffic one child Cell moves with the application's."""
        lead = lead_of(self._state().of(application))
        return [each for each in self._state().applications if lead_of(each) == lead]

    def elsewhere(self, application: str, routes: Collection[str]) -> bool:
        """Has another child Cell one of these routes, or hasn't it let it go yet?"""
        own = self.parent.application(lead_of(self._state().of(application)))
        others = (obj for name, obj in self._family[self._route].items() if name != own)
        return any({*routes} & held_by(each) for each in others)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def keep(self, spec: CellSpec, state: State) -> Problem | None:
        """Make the children say what the spec says, each where it was told to go. Returns what can't be done."""
        problem: Problem | None = None
        wanted = [(self._cluster, cluster_child(self.parent, spec, each)) for each in spec.clusters or ()]
        for app in spec.applications or ():
            at = state.of(app.name)
            if (there := self._deployment_object(app.name)) is not None:
                body = self._deployed(app, at, told_to(self.parent, there), there)
                wanted += [] if body is None else [(self._deployment, body)]
                problem = problem or self._in_use(app, there, body)
        for apps in self._units(spec, state):
            there = self.route_object(apps[0].name)
            if there is not None and any(app.alb or app.name in self.before for app in apps):
                states = [state.of(app.name) for app in apps]
                body = told.route(self.parent, spec, apps, states, self._where(there, states), there, self.before)
                wanted += [] if body is None else [(self._route, body)]
        for kind, body in wanted:
            try:
                await self._apply(kind, body, self._family[kind].get(body["metadata"]["name"]))
            except AlreadyExists as error:
                problem = problem or problem_of(error)
        if spec.deletion_policy is DeletionPolicy.RETAIN:
            await self._retain({self.parent.named(each) for each in self._family[self._cluster]}, spec)
        waiting = " ".join(said for each in spec.clusters or () if (said := self.cluster(each.name).in_use))
        return problem or (Problem(LABELS_IN_USE, waiting, fatal=False) if waiting else None)

    async def pause(self, spec: CellSpec, state: State) -> None:
        """While the Cell is being deleted its children follow it in nothing else: what moves is paused, or goes on."""
        for app in state.applications:
            there = self.route_object(app.name)
            if app.moving and there is not None and bool(there["spec"].get("paused")) is not spec.paused:
                body = {**there["spec"], "paused": spec.paused}
                await self._write(
                    self._route, self.parent.child(self.parent.kind, there["metadata"]["name"], body), there
                )

    def _units(self, spec: CellSpec, state: State) -> list[list[Application]]:
        """The applications, those together whose traffic one child Cell moves."""
        found: dict[str, list[Application]] = {}
        for app in spec.applications or ():
            found.setdefault(lead_of(state.of(app.name)), []).append(app)
        return list(found.values())

    def _where(self, there: Object, apps: Sequence[AppState]) -> tuple[str, tuple[tuple[str, Group], ...]]:
        """Where a child Cell was told to go. Once nothing can go back, the groups of other versions are no more listed:
        they may be deleted together with their clusters."""
        version, groups = pinned(there)
        seen = route_seen(there, None)
        at_rest = seen is not None and seen.settled and seen.stable == version and not seen.retains
        arrived = all(app.phase is Phase.SYNCED and not app.former for app in apps)
        if at_rest and arrived and joint_of(apps, "synced") == version:
            return version, tuple(each for each in groups if each[0] == version)
        return version, groups

    def _deployed(self, app: Application, at: AppState, clusters: Sequence[str], there: Object | None) -> Object | None:
        wanted = self.wanted.get(app.name, ())
        return told.deployment(self.parent, app, at, clusters, there, self.before, wanted)

    def _in_use(self, app: Application, there: Object, body: Object | None) -> Problem | None:
        """Labels that the spec gives another value keep theirs on clusters that serve."""
        if body is None or body["spec"]["clusterSecret"] != there["spec"]["clusterSecret"]:
            return None
        if app.argocd is None or app.name in self.before or not (lost := replaced(app, there)):
            return None
        name = there["metadata"]["name"]
        said = (
            f"{app.name}: argocd.clusterSecret would replace {', '.join(lost)} on clusters that it is published to, "
            "and Argo CD delete what serves there. The former clusterSecret and applicationSet stay: publish by a "
            f"label of another key, wait until {self._deployment.kind} {name} is Synced, and give this key its new "
            "value then."
        )
        return Problem(LABELS_IN_USE, said, fatal=False)

    async def publish(self, spec: CellSpec, effect: Publish, state: State) -> None:
        there, app = self._deployment_object(effect.application), said_of(spec, effect.application)
        if app is None and there is not None:
            body: Object | None = deployment_as_it_is(self.parent, effect.application, effect.clusters, there)
        else:
            assert app is not None  # the spec says to publish it
            body = self._deployed(app, state.of(app.name), effect.clusters, there)
        assert body is not None  # it is published
        await self._apply(self._deployment, body, there)

    async def send(self, spec: CellSpec, effect: Route, state: State) -> None:
        to, names = (effect.version, effect.groups), effect.members
        there, states = self.route_object(names[0]), [state.of(name) for name in names]
        apps = [app for name in names if (app := said_of(spec, name)) is not None]
        if len(apps) < len(names) and there is not None:
            body: Object | None = sent_back(self.parent, there, *to)
        else:
            body = told.route(self.parent, spec, apps, states, to, there, self.before)
        assert body is not None  # it has traffic
        await self._write(self._route, sent(body, there, states[0].attempt), there)

    async def abort(self, application: str) -> None:
        there, (first, *_) = self.route_object(application) or {}, self._together(application)
        await self.forward(application, abort_of(first.attempt, (there.get("status") or {}).get("rollouts", 0)))

    async def forward(self, application: str, command: str) -> None:
        """Hand a person's command down."""
        name = self.parent.application(lead_of(self._state().of(application)))
        patch = {"metadata": {"annotations": {COMMAND_ANNOTATION: command}}}
        self._wiring.must_be_open()
        done = await self._wiring.store.patch(self._route, self.parent.namespace, name, patch)
        self._family[self._route][name] = done

    async def _apply(self, kind: Kind, body: Object, there: Object | None) -> None:
        if there is None or not same(body, there):
            await self._write(kind, body, there)

    async def _write(self, kind: Kind, body: Object, there: Object | None) -> None:
        """Create it, or update it as it was when that was decided: `there`. AlreadyExists when the name is another's;
        Conflict when it changed since."""
        found = there or await self._found(kind, body["metadata"]["name"])
        if found is not None:
            guard = {"resourceVersion": found["metadata"]["resourceVersion"]}
            body = {**body, "metadata": {**body["metadata"], **guard}}
        self._wiring.must_be_open()
        self._family[kind][body["metadata"]["name"]] = await self._wiring.store.apply(kind, body)

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
        for deployment in self._family[self._deployment].values():
            keep |= published_to(parent, deployment)
        deployed = [each.name for each in apps if each.argocd or each.name in self.before]
        routed = [lead_of(state.of(each.name)) for each in apps if each.alb or state.of(each.name).former]
        kept = {
            self._cluster: {parent.cluster(each) for each in keep},
            self._deployment: {parent.application(each) for each in deployed},
            self._route: {parent.application(each) for each in routed},
        }
        for name in self._family[self._deployment].keys() - kept[self._deployment]:
            await self._retain(published_to(parent, self._family[self._deployment][name]), spec)
        for kind, names in kept.items():
            for name in self._family[kind].keys() - names:
                await self._delete(kind, self._family[kind][name])

    async def _retain(self, clusters: set[str], spec: CellSpec) -> None:
        """These clusters that the spec has no more keep their secrets: it says so of all by now; or, whatever it says,
        what an application leaves there that the spec has no more runs on, and nobody would take it off them."""
        for cluster in clusters - {each.name for each in spec.clusters or ()}:
            there = self._family[self._cluster].get(self.parent.cluster(cluster))
            if there is not None and there["spec"].get("deletionPolicy") == DeletionPolicy.DELETE:
                body = {**there["spec"], "deletionPolicy": str(DeletionPolicy.RETAIN)}
                await self._write(self._cluster, self.parent.child(CLUSTER, there["metadata"]["name"], body), there)

    async def _delete(self, kind: Kind, obj: Object) -> None:
        """This very object, as it was when that was decided."""
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        self._wiring.must_be_open()
        if kind is self._route:
            metadata = (await self._keep_until_released(obj))["metadata"]
        guard = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        with suppress(NotFound):
            await self._wiring.store.delete(kind, self.parent.namespace, metadata["name"], **guard)

    async def _keep_until_released(self, obj: Object) -> Object:
        """A child Cell that goes takes its tags off its routes first: another one may be to have them."""
        metadata, finalizers = obj["metadata"], obj["metadata"].get("finalizers", [])
        if HANDOVER in finalizers:
            return obj
        patch = {"metadata": {"finalizers": [*finalizers, HANDOVER], "resourceVersion": metadata["resourceVersion"]}}
        try:
            return await self._wiring.store.patch(self._route, self.parent.namespace, metadata["name"], patch)
        except NotFound:
            return obj
