"""The API servers of the clusters that Okra moves traffic between: `okra.ports_clusters.MemberClusters`.

EKS says where a cluster is and which CA vouches for it, AWS who Okra is. Each cluster has one client, which is replaced
when EKS reports another endpoint or CA. Clusters share nothing: one that hangs holds up its own callers only.

What a cluster has to give: it knows the identity that Okra's token shows (an EKS access entry), and for
TargetGroupBindings, and only for them, lets it list these in all namespaces.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

from okra.errors import AccessDenied, CredentialsInvalid, KindNotInstalled, Unavailable
from okra.kube.answers import Forbidden, Unauthorized
from okra.kube.calls import Call
from okra.kube.client import KubeClient, Timeouts, Untrusted
from okra.kube.credentials import Credentials, Identity, Issued
from okra.kube.listing import list_all
from okra.kube.target import Target, Trust
from okra.kube.tls import tls_context
from okra.ports import Account, Kind, Object
from okra.ports_clusters import ClusterInfo, TargetGroupBinding

UNAUTHORIZED = "ClusterUnauthorized"
TIMEOUTS = Timeouts(connect=5.0, read=10.0, total=30.0)
"""The total is for everything: the token (for which AWS may have to be asked), and all pages of a list."""
TOKEN_KEPT = 60.0
"""Seconds. It is accepted for five minutes at least when it is given out."""
KEPT = 3600.0
"""Seconds for which the client of a cluster that nobody asks about is kept: clusters come and go with each rollout."""
ORIGIN = "EKS reports it; its security groups, or the CIDRs of a public endpoint, must let Okra in"

ME = Kind("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews")
BINDING = Kind("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding", "targetgroupbindings")
WHO_AM_I = Call("create", ME)
LIST_BINDINGS = Call("list", BINDING)

TokenFor = Callable[[Account, str], Awaitable[str]]
"""`ClusterInventory.token`."""
Identify = Callable[[Account], Awaitable[str]]
"""ARN of who asks for an account, for messages. Empty where that isn't known; it never raises."""


async def role_named(account: Account) -> str:
    """What the spec says; empty where Okra asks as itself."""
    return account.role_arn


class KubeMembers:
    """A `MemberClusters`. `async with`, or `close()`, ends its clients: what still asks comes to its own end first."""

    def __init__(
        self,
        token: TokenFor,
        timeouts: Timeouts = TIMEOUTS,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        identity: Identify = role_named,
    ) -> None:
        self._token, self._identity = token, identity
        self._timeouts = timeouts
        self._monotonic = monotonic
        self._members: dict[tuple[Account, str], _Member] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        members, self._members = self._members, {}
        for member in members.values():
            await member.release()

    async def answers(self, account: Account, cluster: ClusterInfo) -> None:
        """See `MemberClusters.answers`.

        Asks who Okra is: whom a cluster lets in may ask that without any role, and nobody else may. What is open to
        everybody (`/version`, `/readyz`) would say nothing about that.
        """
        async with self._asking(account, cluster, WHO_AM_I) as client:
            try:
                await client.ask(WHO_AM_I, {"apiVersion": ME.api_version, "kind": ME.kind})
            except KindNotInstalled as error:
                raise Unavailable(f"{cluster.endpoint} is no API server: it knows no {ME.kind}") from error

    async def target_group_bindings(
        self, account: Account, cluster: ClusterInfo, selector: str
    ) -> Sequence[TargetGroupBinding]:
        """See `MemberClusters.target_group_bindings`."""
        async with self._asking(account, cluster, LIST_BINDINGS) as client:
            try:
                listing = await list_all(client, LIST_BINDINGS, selector)
            except KindNotInstalled:
                return []
            return [_binding(item) for item in listing.items]

    @asynccontextmanager
    async def _asking(self, account: Account, cluster: ClusterInfo, call: Call) -> AsyncIterator[KubeClient]:
        """A client for one question, which has a deadline and errors that say which cluster they are about."""
        member, released = self._member(account, cluster)
        async with member as client:
            for each in released:
                await each.release()
            async with self._about(account, cluster, call):
                async with asyncio.timeout(self._timeouts.total):
                    yield client

    @asynccontextmanager
    async def _about(self, account: Account, cluster: ClusterInfo, call: Call) -> AsyncIterator[None]:
        """The client's errors in the words of this room."""
        try:
            yield
        except (Unauthorized, Forbidden) as error:
            raise _refused(error, await self._identity(account), cluster.name, call) from error
        except Untrusted as error:
            raise Unavailable(
                f"{error}. It doesn't match the CA that EKS reports for {cluster.name}. "
                "If that one is being replaced, the new one is taken as soon as EKS reports it"
            ) from error
        except (Unavailable, TimeoutError) as error:
            said = str(error) or f"{call}: no answer from {cluster.endpoint} in time"
            raise Unavailable(f"Okra doesn't reach the API of the cluster {cluster.name}: {said}") from error

    def _member(self, account: Account, cluster: ClusterInfo) -> tuple[_Member, list[_Member]]:
        """The present one, and those to let go of: the one that it has just replaced, and who wasn't asked for long.
        Nothing is awaited: nobody makes a second one."""
        key, address, now = (account, cluster.name), (cluster.endpoint, cluster.ca_data), self._monotonic()
        present, released = self._members.get(key), []
        if present is None or present.address != address:
            self._members[key] = _Member(address, self._client(account, cluster))
            released = [present] if present is not None else []
        member = self._members[key]
        member.asked = now
        idle = [each for each, found in self._members.items() if now - found.asked > KEPT]
        return member, [*released, *map(self._members.pop, idle)]

    def _client(self, account: Account, cluster: ClusterInfo) -> KubeClient:
        """Unavailable while EKS doesn't say what it takes. The token goes only to whom that CA vouches for."""
        name = cluster.name
        if not cluster.endpoint.startswith("https://") or not cluster.ca_data:
            raise Unavailable(f"EKS reports no https endpoint with a CA for {name} yet, its status is {cluster.status}")

        async def source() -> Issued:
            return Issued(Identity(f"Bearer {await self._token(account, name)}"), TOKEN_KEPT)

        try:
            trust = Trust(ca_data=b64decode(cluster.ca_data, validate=True).decode("ascii"))
            context = tls_context(trust, None)  # without files, at once
        except (ValueError, CredentialsInvalid) as error:
            raise Unavailable(f"What EKS reports as the CA of {name} is no certificate") from error
        target = Target(cluster.endpoint, Credentials(source), trust, origin=ORIGIN)
        return KubeClient(target, context, None, self._timeouts)


class _Member:
    """A client that ends when the last lets go of it: who asks by it, and `KubeMembers` while it is the present one."""

    def __init__(self, address: tuple[str, str], client: KubeClient) -> None:
        self.address = address
        self.asked = 0.0
        """When somebody last did."""
        self._client = client
        self._holders = 1

    async def __aenter__(self) -> KubeClient:
        self._holders += 1
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def release(self) -> None:
        self._holders -= 1
        if not self._holders:
            await self._client.close()


def _refused(error: Unauthorized | Forbidden, role: str, name: str, call: Call) -> AccessDenied:
    """With what there is to do in EKS. `role`: the ARN that asks."""
    identity = role or "the identity that Okra runs as"
    if isinstance(error, Forbidden):
        rule = f'apiGroups: ["{call.kind.group}"], resources: ["{call.kind.plural}"], verbs: ["{call.verb}"]'
        return AccessDenied(
            f"The cluster {name} lets in {identity}, which may not {call.verb} {call.resource} there: {error.said}. "
            f"Bind the Kubernetes group of its EKS access entry to a ClusterRole that has {rule}",
            reason=UNAUTHORIZED,
        )
    return AccessDenied(
        f"The cluster {name} doesn't let in {identity}. Make an EKS access entry: aws eks create-access-entry "
        f"--cluster-name {name} --principal-arn {role or 'ARN_OF_ITS_ROLE'} --kubernetes-groups okra "
        "(or one in mapRoles of kube-system/aws-auth, with that group)",
        reason=UNAUTHORIZED,
    )


def _binding(item: Object) -> TargetGroupBinding:
    spec = item.get("spec")
    arn = spec.get("targetGroupARN") if isinstance(spec, dict) else None
    metadata = item["metadata"]
    return TargetGroupBinding(metadata["namespace"], metadata["name"], arn if isinstance(arn, str) else "")
