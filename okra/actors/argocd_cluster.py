"""The actor of one ArgoCDCluster: it keeps the one cluster secret of an EKS cluster, and says whether it can be used.

The secret is written once EKS says ACTIVE and the API answers: an ApplicationSet that selects its labels deploys there
at once. From then on it stays; what is new, a rotated CA or an endpoint, is written when it was seen to work. A secret
that Okra didn't create is never touched; one of a server that another ArgoCDCluster writes is used as it is, until that
one is gone. With `deletionPolicy: Delete` it goes with its object, once nobody publishes it and no Application is left
on the cluster: deleting it earlier would leave the workloads running with nobody to look after them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from okra.actors.argocd import ArgoCD
from okra.actors.argocd_object import LookingActor
from okra.actors.argocd_secret import OwnSecret
from okra.actors.wiring import Wiring
from okra.api.argocd import LABELS_IN_USE, ArgoCDCluster, ArgoCDClusterSpec, ArgoCDClusterStatus
from okra.api.parse import parse
from okra.api.policies import DeletionPolicy
from okra.argocd.kstatus import conditions
from okra.argocd.names import TARGET_GROUP_OF
from okra.argocd.ownership import Mine, Ownership, Shared, Taken
from okra.argocd.preflight import Problem
from okra.errors import Invalid, NotFound, OkraError
from okra.ports import Account, Kind, Object
from okra.ports_clusters import ClusterInfo

UNREACHABLE = "ClusterUnreachable"
FINALIZER = "okra.mumoshu.github.io/cluster-secret"


@dataclass(frozen=True, slots=True)
class Found:
    """What one look came to."""

    phase: str
    reason: str
    message: str
    stalled: bool = False
    endpoint: str = ""
    arn: str = ""
    in_use: Problem | None = None
    """Why an edit of its labels waits."""

    @property
    def ready(self) -> bool:
        return self.phase == "Running"


class ArgoCDClusterActor(LookingActor[ArgoCDClusterStatus]):
    status_model = ArgoCDClusterStatus

    def __init__(self, wiring: Wiring, argocd: ArgoCD, kind: Kind, obj: Object) -> None:
        super().__init__(wiring, argocd, kind, obj)
        self._secret = OwnSecret(self)

    def asks(self, obj: Object) -> tuple[Any, ...]:
        return *super().asks(obj), told_groups(obj)

    @property
    def told_groups(self) -> dict[str, str]:
        """The target groups that TargetGroupSets have for it, by annotation."""
        return told_groups(self.object)

    async def look(self) -> float:
        if self.metadata.get("deletionTimestamp"):
            return await self._leave()
        spec = self._spec()
        await self.keep_finalizer(FINALIZER, wanted=spec.deletion_policy is DeletionPolicy.DELETE)
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
        found = await self._probe(account, info)
        if found.ready:
            found = self._with(found, await self._secret.keep(info, spec, account))
        return replace(found, endpoint=info.endpoint.rstrip("/"), arn=info.arn)

    def _with(self, found: Found, whose: Ownership) -> Found:
        """What there is to say of its secret."""
        if isinstance(whose, Taken):
            return Found("Failed", whose.reason, whose.message, stalled=True)
        if isinstance(whose, Shared):
            shared = f" Its cluster secret is {whose.secret.name}, which the ArgoCDCluster {whose.owner} writes"
            shared += "." if whose.secret.may_be_used_in(self.key[0]) else " and doesn't share with this namespace."
            return replace(found, message=found.message + shared)
        if isinstance(whose, Mine):
            return replace(found, in_use=whose.in_use)
        return found

    async def _probe(self, account: Account, info: ClusterInfo) -> Found:
        if info.status != "ACTIVE" and not (info.status == "UPDATING" and await self._was_up(info)):
            dead = info.status == "FAILED"
            return Found("Failed" if dead else "Pending", "ClusterNotActive", f"EKS says {info.status}.", stalled=dead)
        try:
            await self.argocd.members.answers(account, info)
        except OkraError as error:
            unauthorized = error.reason == "ClusterUnauthorized"
            reason = error.reason if unauthorized else UNREACHABLE
            return Found("Failed" if unauthorized else "Pending", reason, str(error), stalled=unauthorized)
        return Found("Running", "Running", f"EKS says {info.status}, and its API answers.")

    async def _was_up(self, info: ClusterInfo) -> bool:
        """Was it ready once? Its secret, whoever writes it, is first made then, and stays. So an update, which takes up
        to an hour while the API serves, is no reason to call it otherwise."""
        return bool(self.status.ready) or await self._secret.is_known(info)

    # -- leaving -----------------------------------------------------------------------------------------------------

    async def _leave(self) -> float:
        """The object is being deleted: its secret goes first, if it is to go and as soon as it may."""
        if FINALIZER in self.metadata.get("finalizers", ()):
            if self._raw_policy == DeletionPolicy.DELETE and (left := await self._secret.delete()) is not None:
                await self.write_status(self._status_of(Found("Deleting", left.reason, left.message)))
                return self.wiring.defaults.poll_interval
            await self.keep_finalizer(FINALIZER, wanted=False)
        return self.wiring.defaults.poll_interval

    @property
    def _raw_policy(self) -> str | None:
        """Of a spec that may be invalid by now."""
        spec = self.object.get("spec")
        return spec.get("deletionPolicy") if isinstance(spec, dict) else None

    # -- telling -----------------------------------------------------------------------------------------------------

    def _status_of(self, found: Found) -> ArgoCDClusterStatus:
        before = self.status
        return ArgoCDClusterStatus(
            observed_generation=self.generation,
            ready=found.ready,
            phase=found.phase,
            endpoint=found.endpoint or before.endpoint,
            arn=found.arn or before.arn,
            conditions=conditions(
                before.conditions,
                ready=found.ready,
                stalled=found.stalled,
                done=found.ready,
                reason=found.reason,
                message=found.message,
                generation=self.generation,
                now=self.wiring.clock.now(),
                more={LABELS_IN_USE: (found.in_use.reason, found.in_use.message)} if found.in_use else {},
            ),
        )


def account_of(spec: ArgoCDClusterSpec) -> Account:
    """What `eks` says of the account goes before what `aws` says of it."""
    eks, aws = spec.eks, spec.aws
    role = (eks.role_arn, eks.external_id) if eks.role_arn else (aws.role_arn, aws.external_id)
    return Account(eks.region or aws.region or "", role[0] or "", role[1] or "")


def told_groups(obj: Object) -> dict[str, str]:
    """Of an ArgoCDCluster."""
    annotations = obj["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key.startswith(TARGET_GROUP_OF) and value}
