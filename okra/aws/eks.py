"""Which EKS clusters there are: `okra.ports_clusters.ClusterInventory`.

By tags, the tagging API only proposes: it lists tags late, and deleted clusters for a while. DescribeCluster decides,
of what it proposes and of what was there the last time. So a cluster that the tagging API forgets for a moment is not
lost. (ClusterSets and TargetGroupSets list all clusters of an account: `okra.aws.fleet`.)

However many Cells look at a cluster, it is described once in a few seconds; where there are many, seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from okra.aws.batches import Batches
from okra.aws.calls import Calls
from okra.aws.fleet import Fleets
from okra.aws.operations import DESCRIBE_CLUSTER, GET_RESOURCES
from okra.aws.token import Tokens
from okra.errors import Invalid, NotFound, OkraError, Unavailable
from okra.ports import Account, Clock
from okra.ports_clusters import ClusterInfo, FoundCluster

SHARED_FOR = 5.0
"""Seconds in which all who ask for a cluster get the same answer. Okra writes nothing there that it had to confirm."""
DESCRIBED = 2.0
"""ACTIVE clusters of an account and region that are described a second, at most: with hundreds of them each is seldom,
however many look. It is half of what Okra allows itself."""
FORGOTTEN = 600.0
"""Seconds after which a cluster that nobody asks for counts no more."""
_Named = tuple[Account, str]


class EksClusters:
    """Implements `ClusterInventory`."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._tokens = Tokens(calls, clock)
        self._reads = Batches[_Named, str, ClusterInfo](self._read)
        self._answers: dict[_Named, tuple[float, ClusterInfo]] = {}
        self._known: dict[tuple[Account, frozenset[tuple[str, str]]], set[str]] = {}
        self._fleets = Fleets(calls, clock, self._described)

    async def cluster(self, account: Account, name: str) -> ClusterInfo:
        """See `ClusterInventory.cluster`."""
        found = await self._described(await self._calls.resolve(account), name)
        if isinstance(found, OkraError):
            raise found
        return found

    async def clusters(self, account: Account, tags: Mapping[str, str]) -> Sequence[ClusterInfo]:
        """See `ClusterInventory.clusters`. One call for every 100 that have the tags, and their descriptions."""
        if not tags:
            raise Invalid("EKS clusters are selected by their tags: name at least one")
        account = await self._calls.resolve(account)
        query = (account, frozenset(tags.items()))
        names = await self._tagged(account, tags) | self._known.get(query, set())
        described = await asyncio.gather(*(self._described(account, name) for name in sorted(names)))
        found = [cluster for cluster in _existing(described) if tags.items() <= cluster.tags.items()]
        self._known[query] = {cluster.name for cluster in found}
        return found

    async def fleet(self, account: Account) -> Sequence[FoundCluster]:
        """See `ClusterInventory.fleet`."""
        return await self._fleets.fleet(account)

    async def token(self, account: Account, name: str) -> str:
        """See `ClusterInventory.token`."""
        return await self._tokens.token(account, name)

    async def close(self) -> None:
        await self._fleets.close()
        await self._reads.close()

    async def _described(self, account: Account, name: str) -> ClusterInfo | OkraError:
        return (await self._reads.get((account, name), [name]))[name]

    async def _read(self, key: _Named, _: Sequence[str]) -> Mapping[str, ClusterInfo | OkraError]:
        """One cluster, which somebody may just have asked for."""
        account, name = key
        now = self._clock.monotonic()
        answered_at, answer = self._answers.get(key, (-SHARED_FOR, None))
        if answer is None or now - answered_at >= self._shared_for(account, answer, now):
            try:
                answer = await self._describe(account, name)
            except OkraError as error:
                self._answers.pop(key, None)
                return {name: error}
            self._answers[key] = (now, answer)
        return {name: answer}

    def _shared_for(self, account: Account, answer: ClusterInfo, now: float) -> float:
        """Seconds. Who waits for a cluster sees it become ACTIVE as soon as with few of them."""
        if answer.status != "ACTIVE":
            return SHARED_FOR
        same = [at for (each, _), (at, _) in self._answers.items() if each == account and now - at < FORGOTTEN]
        return max(SHARED_FOR, len(same) / DESCRIBED)

    async def _describe(self, account: Account, name: str) -> ClusterInfo:
        answer = await self._calls.call(account, DESCRIBE_CLUSTER, target=name, name=name)
        raw = answer.data.get("cluster")
        if not isinstance(raw, dict):
            raise Unavailable(f"AWS answered without the cluster {name}; it is tried again")
        return _cluster(raw)

    async def _tagged(self, account: Account, tags: Mapping[str, str]) -> set[str]:
        answer = await self._calls.all(
            account,
            GET_RESOURCES,
            ResourceTypeFilters=["eks:cluster"],
            TagFilters=[{"Key": key, "Values": [value]} for key, value in tags.items()],
            ResourcesPerPage=100,
        )
        return {resource["ResourceARN"].rpartition("/")[2] for resource in answer.items("ResourceTagMappingList")}


def _existing(described: Sequence[ClusterInfo | OkraError]) -> list[ClusterInfo]:
    """What was found. Not found is an answer; any other error leaves everything open, and is raised."""
    for answer in described:
        if isinstance(answer, OkraError) and not isinstance(answer, NotFound):
            raise answer
    return [answer for answer in described if isinstance(answer, ClusterInfo)]


def _cluster(raw: Mapping[str, Any]) -> ClusterInfo:
    return ClusterInfo(
        name=raw["name"],
        arn=raw["arn"],
        status=raw.get("status", ""),
        endpoint=raw.get("endpoint", ""),
        ca_data=raw.get("certificateAuthority", {}).get("data", ""),
        version=raw.get("version", ""),
        vpc_id=raw.get("resourcesVpcConfig", {}).get("vpcId", ""),
        tags=raw.get("tags", {}),
    )
