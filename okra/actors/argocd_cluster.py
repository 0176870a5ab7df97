"""The actor of one ArgoCDCluster: it keeps the one cluster secret of an EKS cluster, and says whether it can be used.

A rotated CA and a changed endpoint are followed. A secret that Okra didn't create is never touched; one of a server
that another ArgoCDCluster writes is used as it is, until that one is gone. With `deletionPolicy: Delete` it goes
with its object, once nobody publishes it and no Application is left on the cluster: deleting it earlier would leave the
workloads running with nobody to look after them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from okra.actors.argocd import cluster_secrets, secret_named
from okra.actors.argocd_object import LookingActor
from okra.api.argocd import ArgoCDCluster, ArgoCDClusterSpec, ArgoCDClusterStatus
from okra.api.parse import parse
from okra.api.policies import DeletionPolicy
from okra.argocd.applications import read_application
from okra.argocd.content import content_for, newborn, patch_for
from okra.argocd.kstatus import conditions
from okra.argocd.names import APPLICATION, SECRET
from okra.argocd.ownership import Free, Mine, Ownership, Shared, Taken, ownership
from okra.argocd.secrets import ClusterSecret, Owner
from okra.errors import AlreadyExists, Conflict, Invalid, NotFound, OkraError
from okra.ports import Account, Kind
from okra.ports_clusters import ClusterInfo

FINALIZER = "okra.mumoshu.github.io/cluster-secret"
SERVING = ("ACTIVE", "UPDATING")
"""EKS's statuses in which endpoint and CA are there and mean something."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one look came to."""

    phase: str
    reason: str
    message: str
    stalled: bool = False
    endpoint: str = ""

    @property
    def ready(self) -> bool:
        return self.phase == "Running"


class ArgoCDClusterActor(LookingActor[ArgoCDClusterStatus]):
    status_model = ArgoCDClusterStatus

    async def look(self) -> float:
        if self.metadata.get("deletionTimestamp"):
            return await self._leave()
        spec = self._spec()
        await self._keep_finalizer(wanted=spec.deletion_policy is DeletionPolicy.DELETE)
        found = await self._look(spec)
        await self.write_status(self._status_of(found))
        defaults = self.wiring.defaults
        return defaults.discovery_interval if found.ready else defaults.poll_interval

    def _spec(self) -> ArgoCDClusterSpec:
        model, findings = parse(self.object)
        if not isinstance(model, ArgoCDCluster):
            raise Invalid("; ".join(f"{each.path}: {each.message}" for each in findings[:3]))
        return model.spec

    # -- looking -----------------------------------------------------------------------------------------------------

    async def _look(self, spec: ArgoCDClusterSpec) -> Found:
        account = account_of(spec)
        try:
            info = await self.argocd.clusters.cluster(account, spec.eks.cluster_name)
        except NotFound as error:  # it may be about to be made
            return Found("Pending", error.reason, str(error))
        endpoint = info.endpoint.rstrip("/")
        whose: Ownership | None = None
        if info.status in SERVING and endpoint and info.ca_data:
            whose = await self._keep_secret(info, spec, account)
        if info.status != "ACTIVE":
            dead = info.status == "FAILED"
            said = f"EKS says {info.status}."
            return Found("Failed" if dead else "Pending", "ClusterNotActive", said, stalled=dead, endpoint=endpoint)
        if isinstance(whose, Taken):
            return Found("Failed", whose.reason, whose.message, stalled=True, endpoint=endpoint)
        found = await self._probe(account, info)
        if isinstance(whose, Shared) and found.ready:
            shared = f" Its cluster secret is {whose.secret.name}, which the ArgoCDCluster {whose.owner} writes."
            found = replace(found, message=found.message + shared)
        return replace(found, endpoint=endpoint)

    async def _probe(self, account: Account, info: ClusterInfo) -> Found:
        try:
            await self.argocd.members.answers(account, info)
        except OkraError as error:
            unauthorized = error.reason == "ClusterUnauthorized"
            reason = error.reason if unauthorized else "ClusterUnreachable"
            return Found("Failed" if unauthorized else "Pending", reason, str(error), stalled=unauthorized)
        return Found("Running", "Running", "EKS says ACTIVE, and its API answers.")

    # -- the secret ----------------------------------------------------------------------------------------------------

    async def _keep_secret(self, info: ClusterInfo, spec: ArgoCDClusterSpec, account: Account) -> Ownership:
        """Create it, or make it what it should be, if it is this one's to write."""
        content = content_for(self._owner, info, account.role_arn, spec.labels, self.argocd.auth)
        async with self.argocd.writing:
            found = ownership(self._owner, content.server, *await self._secrets())
            if isinstance(found, Shared) and await self._is_gone(found.owner):
                found = Mine(found.secret)
            match found:
                case Free():
                    await self._create(content.name, newborn(content, self.argocd.namespace))
                case Mine(secret):
                    await self._update(secret, patch_for(secret, content))
                case Taken() | Shared():
                    pass
        return found

    async def _secrets(self) -> tuple[list[ClusterSecret], ClusterSecret | None]:
        store, namespace = self.wiring.store, self.argocd.namespace
        known = await cluster_secrets(store, namespace)
        named = next((each for each in known if each.name == self.key[1]), None)
        return known, named or await secret_named(store, namespace, self.key[1])

    async def _create(self, name: str, body: dict[str, object]) -> None:
        self.must_be_open(f"create the cluster secret {name}")
        try:
            await self.wiring.store.create(SECRET, body)
        except AlreadyExists as error:
            raise Conflict(f"The Secret {name} was created meanwhile.") from error
        self._tell("SecretCreated", f"Created the cluster secret {self.argocd.namespace}/{name}.")

    async def _update(self, secret: ClusterSecret, patch: dict[str, object]) -> None:
        if not patch:
            return
        self.must_be_open(f"update the cluster secret {secret.name}")
        try:
            await self.wiring.store.patch(SECRET, self.argocd.namespace, secret.name, patch)
        except NotFound as error:
            raise Conflict(f"The cluster secret {secret.name} was deleted meanwhile.") from error
        what = "server or credentials" if "data" in patch else "labels or annotations"
        self._tell("SecretUpdated", f"Updated the cluster secret {self.argocd.namespace}/{secret.name}: {what}.")

    async def _is_gone(self, owner: Owner) -> bool:
        kind = Kind(owner.group, self.kind.version, self.kind.kind, self.kind.plural)
        try:
            await self.wiring.store.get(kind, owner.namespace, owner.name)
        except NotFound:
            return True
        return False

    @property
    def _owner(self) -> Owner:
        return Owner(self.kind.group, *self.key, uid=self.metadata["uid"])

    # -- leaving -------------------------------------------------------------------------------------------------------

    async def _keep_finalizer(self, *, wanted: bool) -> None:
        present = [*self.metadata.get("finalizers", ())]
        if wanted and FINALIZER not in present:
            await self.patch_finalizers([*present, FINALIZER])
        elif not wanted and FINALIZER in present:
            await self.patch_finalizers([each for each in present if each != FINALIZER])

    async def _leave(self) -> float:
        """The object is being deleted: its secret goes first, if it is to go and as soon as it may."""
        if FINALIZER not in self.metadata.get("finalizers", ()):
            return self.wiring.defaults.poll_interval
        if self._raw_policy == DeletionPolicy.DELETE and (left := await self._delete_secret()) is not None:
            await self.write_status(self._status_of(left))
            return self.wiring.defaults.poll_interval
        await self._keep_finalizer(wanted=False)
        self.exit()
        return self.wiring.defaults.poll_interval

    @property
    def _raw_policy(self) -> str | None:
        """Of a spec that may be invalid by now."""
        spec = self.object.get("spec")
        return spec.get("deletionPolicy") if isinstance(spec, dict) else None

    async def _delete_secret(self) -> Found | None:
        """Returns what it still waits for."""
        namespace = self.argocd.namespace
        async with self.argocd.writing:
            known, named = await self._secrets()
            mine = next((s for s in [*known, *([named] if named else [])] if self._writes(s)), None)
            if mine is None:
                return None
            if mine.published_by:
                who = ", ".join(map(str, mine.published_by))
                said = f"{who} publishes it. Take it off clusterNames there; or take its labels off Secret {mine.name}."
                return Found("Deleting", "StillPublished", said, endpoint=mine.server)
            listing = await self.wiring.store.list(APPLICATION, namespace)
            if left := [each.name for each in map(read_application, listing.items) if each.goes_to(mine)]:
                said = f"Waits until these Applications are gone: {', '.join(left[:10])}."
                return Found("Deleting", "ApplicationsLeft", said, endpoint=mine.server)
            self.must_be_open(f"delete the cluster secret {mine.name}")
            await self.wiring.store.delete(SECRET, namespace, mine.name, uid=mine.uid)
        self._tell("SecretDeleted", f"Deleted the cluster secret {namespace}/{mine.name}.")
        return None

    def _writes(self, secret: ClusterSecret) -> bool:
        return secret.owner is not None and secret.owner.same_object(self._owner)

    # -- telling -------------------------------------------------------------------------------------------------------

    def _tell(self, reason: str, message: str) -> None:
        self.wiring.journal.record(self.kind, self.object, reason, message)

    def _status_of(self, found: Found) -> ArgoCDClusterStatus:
        before = self.status
        return ArgoCDClusterStatus(
            observed_generation=self.generation,
            ready=found.ready,
            phase=found.phase,
            endpoint=found.endpoint or before.endpoint,
            conditions=conditions(
                before.conditions,
                ready=found.ready,
                stalled=found.stalled,
                done=found.ready,
                reason=found.reason,
                message=found.message,
                generation=self.generation,
                now=self.wiring.clock.now(),
            ),
        )


def account_of(spec: ArgoCDClusterSpec) -> Account:
    """What `eks` says of the account goes before what `aws` says of it."""
    eks, aws = spec.eks, spec.aws
    role = (eks.role_arn, eks.external_id) if eks.role_arn else (aws.role_arn, aws.external_id)
    return Account(eks.region or aws.region or "", role[0] or "", role[1] or "")
