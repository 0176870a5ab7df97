"""What the actors of ArgoCDClusters and ArgoCDApplicationDeployments share: Argo CD's namespace, and who may write."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import Any

from okra.actors.kinds import OKRA as KINDS
from okra.actors.kinds import kind_of
from okra.actors.messages import Listed, ObjectChanged, ObjectGone, Objects, Wake, key_of
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.errors import AskFailed
from okra.actors.runtime.ref import ActorRef
from okra.argocd.applications import Application, read_application
from okra.argocd.content import Auth
from okra.argocd.marks import Publisher
from okra.argocd.names import APPLICATION, CLUSTER, MANAGED_BY, OKRA, SECRET, SECRET_TYPE
from okra.argocd.readiness import SETTLED
from okra.argocd.secrets import ClusterSecret, read_secret
from okra.errors import AccessDenied, KindNotInstalled, NotFound
from okra.ports import Kind, Object, ObjectStore
from okra.ports_clusters import ClusterInventory, MemberClusters

CLUSTER_SECRETS = f"{SECRET_TYPE}={CLUSTER}"
"""The selector by which Argo CD finds them."""
OKRAS = f"{MANAGED_BY}={OKRA},{CLUSTER_SECRETS}"
"""The selector of those that Okra writes."""
CLUSTERS = KINDS.cluster.kind
"""Both groups call it so."""
ANSWER = 2.0
"""Seconds that a directory has to name its objects."""


@dataclass(frozen=True, slots=True)
class ArgoCD:
    """`namespace`: Argo CD's own. `auth`: how it gets into a cluster."""

    clusters: ClusterInventory
    members: MemberClusters
    namespace: str = "argocd"
    auth: Auth = Auth.AWS_AUTH_CONFIG
    settled: float = SETTLED
    """Seconds for which a cluster's Applications must stay the same, or away."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """Held from a look at the secrets to a write that no version guards: two of one server must never be created, and
    none deleted that is being published."""


async def applications(store: ObjectStore, namespace: str) -> list[Application]:
    """All of Argo CD's."""
    try:
        return [read_application(each) for each in (await store.list(APPLICATION, namespace)).items]
    except KindNotInstalled as error:
        raise KindNotInstalled(f"{error}. Install Argo CD, with its ApplicationSets, on this cluster") from error


async def cluster_secrets(store: ObjectStore, namespace: str) -> list[ClusterSecret]:
    """All that Argo CD takes for one."""
    return [read_secret(each) for each in (await store.list(SECRET, namespace, CLUSTER_SECRETS)).items]


async def secret_named(store: ObjectStore, namespace: str, name: str) -> ClusterSecret | None:
    """Whatever it is: also one that lost the label by which Argo CD finds it."""
    try:
        return read_secret(await store.get(SECRET, namespace, name))
    except NotFound:
        return None


async def is_gone(store: ObjectStore, kind: Kind, group: str, namespace: str, name: str) -> bool:
    """Is there no object of this name any more, of this `kind` in that `group`?

    A group that isn't served has none. One whose objects Okra may not see, because it isn't to serve them, has it: what
    is that one's stays so, and whoever asks goes on with the rest.
    """
    try:
        await store.get(replace(kind, group=group), namespace, name)
    except (NotFound, KindNotInstalled):
        return True
    except AccessDenied:
        if group == kind.group:
            raise
    return False


class SecretChanges(Actor[Listed | ObjectChanged | ObjectGone]):
    """Wakes everybody whom a change of one of Okra's cluster secrets concerns: labels taken off by hand are put back at
    once. A watcher of secrets with `OKRAS` tells it; `woken` are directories.

    Whom, is read off the objects as the directories know them. Where one doesn't answer, all of its actors are woken,
    and so they are by a listing: nobody knows what has changed since the one before.
    """

    def __init__(self, *woken: ActorRef[Any]) -> None:
        self._woken = woken
        self._listed = False

    async def receive(self, message: Listed | ObjectChanged | ObjectGone) -> None:
        match message:
            case Listed():
                for each in self._woken if self._listed else ():  # at first all have just looked
                    each.tell(Wake())
                self._listed = True
            case ObjectChanged(object=obj) | ObjectGone(object=obj):
                await self._wake(read_secret(obj))

    async def _wake(self, secret: ClusterSecret) -> None:
        known: list[tuple[ActorRef[Any], Object]] = []
        for each in self._woken:
            try:
                known += [(each, obj) for obj in await each.ask(Objects(), timeout=ANSWER)]
            except AskFailed:
                each.tell(Wake())
        clusters = {_place(obj) for _, obj in known if obj["kind"] == CLUSTERS and _is_about(secret, obj)}
        if (owner := secret.owner) is not None:
            clusters.add((owner.group, owner.namespace, owner.name))
        for directory, obj in known:
            if _place(obj) in clusters or (obj["kind"] != CLUSTERS and _is_on(secret, obj, clusters)):
                directory.tell(Wake(key_of(obj)))


Place = tuple[str, str, str]
"""Group, namespace and name."""


def _place(obj: Object) -> Place:
    return kind_of(obj).group, *key_of(obj)


def _is_about(secret: ClusterSecret, obj: Object) -> bool:
    """Of an ArgoCDCluster: is it its server's secret, or one of the name that its own is to have?"""
    endpoint = (obj.get("status") or {}).get("endpoint")
    return obj["metadata"]["name"] == secret.name or endpoint == secret.server != ""


def _is_on(secret: ClusterSecret, obj: Object, clusters: Container[Place]) -> bool:
    """Of an ArgoCDApplicationDeployment: does it publish it, or is it to?"""
    group, namespace, name = _place(obj)
    wanted = (obj.get("spec") or {}).get("clusterNames") or ()
    return Publisher(group, namespace, name) in secret.marks or any(
        (group, namespace, each) in clusters for each in wanted
    )
