"""The actor of one ArgoCDApplicationDeployment: it reads what Argo CD says, lets `okra.argocd` decide, edits labels.

It works for whoever wrote the object, a person or a Cell. Deleting the object takes nothing back: the clusters stay
published, and whoever makes it anew under its name goes on with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from okra.actors.argocd import applications, cluster_secrets, is_gone
from okra.actors.argocd_object import LookingActor
from okra.api.argocd import (
    ArgoCDApplicationDeployment,
    ArgoCDApplicationDeploymentSpec,
    ArgoCDApplicationDeploymentStatus,
    ArgoCDClusterStatus,
)
from okra.api.complex import ApplicationSet as NamedSets
from okra.api.complex import ArgoCDStrategyType
from okra.api.kinds import ARGOCD_CLUSTER
from okra.api.parse import parse
from okra.argocd.application_sets import ApplicationSet, read_application_set
from okra.argocd.census import Sight, Wanted
from okra.argocd.deployment import Decision, decide
from okra.argocd.marks import Publisher
from okra.argocd.names import APPLICATION_SET, SECRET
from okra.argocd.publishing import Edit, EditKind, publishing_labels, rivals, without_marks_of
from okra.argocd.secrets import ClusterSecret
from okra.argocd.status import known_from, status_of
from okra.errors import Conflict, Invalid, NotFound
from okra.ports import Kind

TURNS = 10
"""Decisions in a row that each ask for something; then others have a turn."""


class ArgoCDDeploymentActor(LookingActor[ArgoCDApplicationDeploymentStatus]):
    status_model = ArgoCDApplicationDeploymentStatus

    async def look(self) -> float:
        if self.metadata.get("deletionTimestamp"):
            return self.wiring.defaults.discovery_interval
        wanted, spec = self._wanted()
        for _ in range(TURNS):
            decision = await self._decide(wanted, spec)
            for effect in decision.effects:
                await self._edit(effect)
            if not decision.effects:
                break
        now = self.wiring.clock.now()
        await self.write_status(status_of(decision.report, self.status, self.generation, now))
        return decision.wake_at - now

    def _wanted(self) -> tuple[Wanted, ArgoCDApplicationDeploymentSpec]:
        model, findings = parse(self.object)
        if not isinstance(model, ArgoCDApplicationDeployment):
            raise Invalid("; ".join(f"{each.path}: {each.message}" for each in findings[:3]))
        spec = model.spec
        wanted = Wanted(
            publisher=Publisher(self.kind.group, *self.key, uid=str(self.metadata["uid"])),
            clusters=spec.cluster_names,
            labels=publishing_labels(spec.cluster_secret.labels, spec.cluster_secret.name),
            sets=_in_words(spec.application_set),
            delete_first=spec.update_strategy.type is ArgoCDStrategyType.DELETE_BEFORE_CREATE,
            settled=self.argocd.settled,
            retained=spec.retained,
        )
        return wanted, spec

    def _unlooked(self) -> dict[str, Any]:
        """How each cluster was by another spec says nothing of this one."""
        return {"clusters": tuple(each.model_copy(update={"phase": None}) for each in self.status.clusters)}

    async def _decide(self, wanted: Wanted, spec: ArgoCDApplicationDeploymentSpec) -> Decision:
        sight, defaults = await self._see(wanted, spec), self.wiring.defaults
        return decide(
            wanted,
            known_from(self.status),
            sight,
            self.wiring.clock.now(),
            poll=defaults.poll_interval,
            rest=defaults.discovery_interval,
        )

    async def _see(self, wanted: Wanted, spec: ArgoCDApplicationDeploymentSpec) -> Sight:
        """All of it, or an error: what can't be read is never taken for what isn't there."""
        store, namespace = self.wiring.store, self.argocd.namespace
        secrets = await self._secrets(wanted)
        paused = await self._paused(wanted, secrets)
        running = await applications(store, namespace)
        sets = await self._sets(spec.application_set)
        return Sight(secrets, await self._endpoints(), sets, running, paused)

    async def _secrets(self, wanted: Wanted) -> list[ClusterSecret]:
        """Without the marks of who published by the same labels and was deleted since: there is nobody else to take
        them off."""
        secrets = await cluster_secrets(self.wiring.store, self.argocd.namespace)
        others = rivals(secrets, wanted.publisher, wanted.labels)
        store, kind = self.wiring.store, self.kind
        gone = [who for who in sorted(others) if await is_gone(store, kind, who.group, who.namespace, who.name)]
        return [without_marks_of(each, gone) for each in secrets]

    async def _paused(self, wanted: Wanted, secrets: Iterable[ClusterSecret]) -> str:
        """Who pauses, in a sentence: everybody's pause, or the object's owner, a Cell or a System. Asked only where it
        matters: clusters are published by other labels than the spec's."""
        marks = [each.marks[wanted.publisher] for each in secrets if wanted.publisher in each.marks]
        if all(each.labels == wanted.labels or each.cluster in wanted.retained for each in marks):
            return ""
        return await self.paused()

    async def _sets(self, named: NamedSets) -> list[ApplicationSet]:
        store, namespace = self.wiring.store, self.argocd.namespace
        if named.selector is not None:
            listing = await store.list(APPLICATION_SET, namespace, str(named.selector.selector))
            return [read_application_set(each) for each in listing.items]
        try:
            return [read_application_set(await store.get(APPLICATION_SET, namespace, named.name or ""))]
        except NotFound:
            return []

    async def _endpoints(self) -> dict[str, str]:
        """Of the ArgoCDClusters beside it."""
        kind = Kind(self.kind.group, self.kind.version, ARGOCD_CLUSTER.kind, ARGOCD_CLUSTER.plural)
        listing = await self.wiring.store.list(kind, self.key[0])
        return {
            each["metadata"]["name"]: ArgoCDClusterStatus.model_validate(each.get("status") or {}).endpoint or ""
            for each in listing.items
        }

    async def _edit(self, effect: Edit) -> None:
        """One patch, guarded by the version that was decided on."""
        self.must_be_open(effect.message)
        async with self.argocd.writing:
            try:
                await self.wiring.store.patch(SECRET, self.argocd.namespace, effect.secret, effect.patch)
            except NotFound as error:
                raise Conflict(f"The cluster secret {effect.secret} was deleted meanwhile.") from error
        by_hand = effect.kind is EditKind.PUBLISHED_AGAIN
        type_: Literal["Normal", "Warning"] = "Warning" if by_hand else "Normal"
        self.wiring.journal.record(
            self.kind,
            self.object,
            str(effect.kind),
            effect.message,
            type_,
            cluster=effect.cluster,
            secret=effect.secret,
        )


def _in_words(named: NamedSets) -> str:
    if named.selector is not None:
        return f"ApplicationSet with {named.selector.selector}"
    return f"ApplicationSet {named.name}"
