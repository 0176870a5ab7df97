"""What the actors of ArgoCDClusters and ArgoCDApplicationDeployments share: Argo CD's namespace, and who may write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from okra.actors.messages import Listed, ObjectChanged, ObjectGone, Wake
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.ref import ActorRef
from okra.argocd.content import Auth
from okra.argocd.names import CLUSTER, MANAGED_BY, OKRA, SECRET, SECRET_TYPE
from okra.argocd.readiness import SETTLED
from okra.argocd.secrets import ClusterSecret, read_secret
from okra.errors import AccessDenied, KindNotInstalled, NotFound
from okra.ports import Kind, ObjectStore
from okra.ports_clusters import ClusterInventory, MemberClusters

CLUSTER_SECRETS = f"{SECRET_TYPE}={CLUSTER}"
"""The selector by which Argo CD finds them."""
OKRAS = f"{MANAGED_BY}={OKRA},{CLUSTER_SECRETS}"
"""The selector of those that Okra writes."""


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
    """Wakes everybody whom a change of one of Okra's cluster secrets may concern: labels taken off by hand are put back
    at once. A watcher of secrets with `OKRAS` tells it; `woken` are directories."""

    def __init__(self, *woken: ActorRef[Any]) -> None:
        self._woken = woken

    async def receive(self, _: Listed | ObjectChanged | ObjectGone) -> None:
        for each in self._woken:
            each.tell(Wake())
