"""The cluster secret of one ArgoCDCluster: created, kept as it should be, and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from okra.actors.argocd import applications, cluster_secrets, is_gone, secret_named
from okra.api.meta import VERSION_LABEL
from okra.argocd.application_sets import read_application_set
from okra.argocd.content import Content, content_for, labels_in_use, newborn, patch_for
from okra.argocd.names import APPLICATION_SET, SECRET
from okra.argocd.ownership import Free, Mine, Ownership, Shared, ownership
from okra.argocd.preflight import Problem
from okra.argocd.publishing import shown_labels
from okra.argocd.secrets import ClusterSecret, Owner
from okra.errors import AccessDenied, AlreadyExists, Conflict, KindNotInstalled, NotFound
from okra.ports import Account, Object

if TYPE_CHECKING:
    from okra.actors.argocd_cluster import ArgoCDClusterActor
    from okra.api.argocd import ArgoCDClusterSpec
    from okra.ports_clusters import ClusterInfo

SHOWN = 10
"""Applications that a message names."""


class OwnSecret:
    def __init__(self, actor: ArgoCDClusterActor) -> None:
        self._actor = actor
        self._store, self._namespace = actor.wiring.store, actor.argocd.namespace

    async def is_known(self, info: ClusterInfo) -> bool:
        """Does Argo CD know the cluster?"""
        known = await cluster_secrets(self._store, self._namespace)
        return any(each.server == info.endpoint.rstrip("/") for each in known)

    async def keep(self, info: ClusterInfo, spec: ArgoCDClusterSpec, account: Account) -> Ownership:
        """Create it, or make it what it should be, if it is this one's to write."""
        auth, groups = self._actor.argocd.auth, self._actor.told_groups
        content = content_for(self._owner, info, account.role_arn, spec.labels, auth, groups)
        async with self._actor.argocd.writing:
            found = ownership(self._owner, content.server, *await self._secrets())
            if isinstance(found, Shared) and self._may_use(found.secret) and await self._is_gone(found.owner):
                found = Mine(found.secret)
            if isinstance(found, Free):
                await self._create(content.name, newborn(content, self._namespace))
            elif isinstance(found, Mine):
                paused = await self._paused(found.secret, content)
                in_use = await self._in_use(labels_in_use(found.secret, content, paused=bool(paused)))
                if patch := patch_for(found.secret, content, in_use):
                    await self._update(found.secret, patch)
                found = replace(found, in_use=_said(found.secret, in_use, paused))
        return found

    async def _in_use(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Of labels that may be those that are. The version gets another value where all else stays as it is, and it is
        Okra's own: where no ApplicationSet goes by it, nothing depends on it."""
        if VERSION_LABEL not in labels:
            return labels
        try:
            listing = await self._store.list(APPLICATION_SET, self._namespace)
        except (AccessDenied, KindNotInstalled):  # nobody knows
            return labels
        used = any(read_application_set(each).goes_by(VERSION_LABEL) for each in listing.items)
        return {key: value for key, value in labels.items() if used or key != VERSION_LABEL}

    async def delete(self) -> Problem | None:
        """As soon as it may be: nobody publishes it, and no Application is left there. Until then: what is."""
        async with self._actor.argocd.writing:
            known, named = await self._secrets()
            mine = next((each for each in [*known, *([named] if named else [])] if self._writes(each)), None)
            if mine is None:
                return None
            if (left := await self._still_used(mine)) is not None:
                return left
            self._actor.must_be_open(f"delete the cluster secret {mine.name}")
            version = mine.resource_version  # not one that somebody published meanwhile, whom no lock here holds up
            await self._store.delete(SECRET, self._namespace, mine.name, uid=mine.uid, resource_version=version)
        self._tell("SecretDeleted", f"Deleted the cluster secret {self._namespace}/{mine.name}.")
        return None

    async def _still_used(self, mine: ClusterSecret) -> Problem | None:
        if mine.published_by:
            return Problem("StillPublished", self._still_published(mine))
        if left := [each.name for each in await applications(self._store, self._namespace) if each.goes_to(mine)]:
            said = f"Waits until these Applications are gone: {', '.join(left[:SHOWN])}."
            return Problem("ApplicationsLeft", said)
        return None

    def _still_published(self, mine: ClusterSecret) -> str:
        """With the way out that takes nothing down first."""
        kind, (namespace, name) = self._actor.kind, self._actor.key
        who = ", ".join(map(str, mine.published_by))
        labels = shown_labels({key: value for each in mine.published_by for key, value in mine.marks[each].own.items()})
        return (
            f"{who} publishes it: what runs there may have traffic. To keep the secret and let this object go: kubectl"
            f" -n {namespace} patch {kind.plural}.{kind.group} {name} --type merge -p"
            """ '{"spec":{"deletionPolicy":"Retain"}}'."""
            f" To delete both, once no traffic goes there: take it off clusterNames of {who}, or, if that is deleted,"
            f" {labels} off Secret {mine.name}, and Argo CD deletes what runs there."
        )

    async def _secrets(self) -> tuple[list[ClusterSecret], ClusterSecret | None]:
        """All cluster secrets, and the Secret of this one's name."""
        name = self._actor.key[1]
        known = await cluster_secrets(self._store, self._namespace)
        named = next((each for each in known if each.name == name), None)
        return known, named or await secret_named(self._store, self._namespace, name)

    async def _create(self, name: str, body: Object) -> None:
        self._actor.must_be_open(f"create the cluster secret {name}")
        try:
            await self._store.create(SECRET, body)
        except AlreadyExists as error:
            raise Conflict(f"The Secret {name} was created meanwhile.") from error
        except NotFound as error:
            said = (
                f"There is no namespace {self._namespace}, where Argo CD is to find its cluster secrets. Install Argo "
            )
            said += "CD there, or say where it is: argocd.namespace of the chart, OKRA_ARGOCD_NAMESPACE."
            raise NotFound(said, reason="ArgoCDNotFound") from error
        self._tell("SecretCreated", f"Created the cluster secret {self._namespace}/{name}.")

    async def _update(self, secret: ClusterSecret, patch: dict[str, Any]) -> None:
        self._actor.must_be_open(f"update the cluster secret {secret.name}")
        try:
            await self._store.patch(SECRET, self._namespace, secret.name, patch)
        except NotFound as error:
            raise Conflict(f"The cluster secret {secret.name} was deleted meanwhile.") from error
        what = "server or credentials" if "data" in patch else "labels or annotations"
        self._tell("SecretUpdated", f"Updated the cluster secret {self._namespace}/{secret.name}: {what}.")

    async def _paused(self, secret: ClusterSecret, content: Content) -> str:
        """Who pauses, in a sentence. Asked only where nothing else holds labels that an edit would take off."""
        waits = not secret.published_by and labels_in_use(secret, content, paused=True)
        return await self._actor.paused() if waits else ""

    async def _is_gone(self, owner: Owner) -> bool:
        return await is_gone(self._store, self._actor.kind, owner.group, owner.namespace, owner.name)

    def _may_use(self, secret: ClusterSecret) -> bool:
        return secret.may_be_used_in(self._actor.key[0])

    def _writes(self, secret: ClusterSecret) -> bool:
        return secret.owner is not None and secret.owner.same_object(self._owner)

    @property
    def _owner(self) -> Owner:
        actor = self._actor
        return Owner(actor.kind.group, *actor.key, uid=actor.metadata["uid"])

    def _tell(self, reason: str, message: str) -> None:
        self._actor.wiring.journal.record(self._actor.kind, self._actor.object, reason, message)


def _said(secret: ClusterSecret, in_use: Mapping[str, str], paused: str) -> Problem | None:
    """Of its labels that wait."""
    if not in_use:
        return None
    shown = shown_labels(in_use)
    who = ", ".join(map(str, secret.published_by))
    reason, until = ("StillPublished", f"as long as {who} publishes it") if who else ("Paused", "in a pause")
    said = (
        f"The cluster secret {secret.name} keeps {shown} {until}: an ApplicationSet that selects"
        " by that would delete what serves there. Labels of other keys are added at once."
    )
    return Problem(reason, f"{said} {paused}".rstrip())
