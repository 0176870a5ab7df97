"""Bearer tokens for EKS clusters: a signed request to STS, "who am I?", that the cluster sends in Okra's place.

What the cluster's authenticator insists on, and so is never anything else: one of STS's own hosts, and the cluster's
name in a header that is signed along. It is good for 15 minutes after its date, whatever its expiry says, which old
authenticators want to be a minute at most. Nothing is asked of AWS for it, so it takes no permission and no part of a
rate limit; what the identity may do in a cluster, the cluster's access entries say.

A token is kept, not made anew for each request: API servers remember a token that they know, and ask STS about others.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from okra.aws.calls import Calls
from okra.aws.sessions import Signer
from okra.ports import Account, Clock

RENEW_AFTER = 600.0
"""Seconds. Two thirds of a token's 15 minutes: clocks may differ, and who got it may use it for a while."""
_EXPIRES = 60
_PREFIX = "k8s-aws-v1."
_CLUSTER_HEADER = "x-k8s-aws-id"


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    made_at: float


class Tokens:
    """One token for each cluster, renewed in time."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._kept: dict[tuple[Account, str], _Token] = {}

    async def token(self, account: Account, name: str) -> str:
        """See `okra.ports_clusters.ClusterInventory.token`."""
        account = await self._calls.resolve(account)
        kept = self._kept.get((account, name))
        if kept is None or not self._is_fresh(kept):
            signer = await self._calls.signer(account)
            kept = _Token(_presigned(signer, account.region, name), self._clock.now())
            self._kept = {key: other for key, other in self._kept.items() if self._is_fresh(other)}
            self._kept[account, name] = kept
        return kept.value

    def _is_fresh(self, token: _Token) -> bool:
        """Not one that seems to be of the future either: the clock was set, and its date may be wrong."""
        return 0.0 <= self._clock.now() - token.made_at < RENEW_AFTER


def _presigned(signer: Signer, region: str, name: str) -> str:
    request = AWSRequest(
        method="GET",
        url=f"https://{signer.sts_host}/?Action=GetCallerIdentity&Version=2011-06-15",
        headers={_CLUSTER_HEADER: name},
    )
    SigV4QueryAuth(signer.credentials, "sts", region, expires=_EXPIRES).add_auth(request)
    return _PREFIX + urlsafe_b64encode(request.url.encode()).decode().rstrip("=")
