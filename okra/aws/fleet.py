"""All EKS clusters of an account and region, with their tags: two listings, and a second look before one is left out.

EKS lists what exists, but no tags; the tagging API knows all tags, late, and for a while what was deleted. A cluster
that only one of them has is described: EKS's own answer decides, also after a start, when nothing is known of what
there was. One that has no tags by that is asked about once. So at rest it costs one call for every 100 clusters in
each, however many sets there are, and none for a single cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from okra.aws.batches import Batches
from okra.aws.calls import Calls
from okra.aws.operations import GET_RESOURCES, LIST_CLUSTERS
from okra.errors import NotFound, OkraError
from okra.ports import Account, Clock
from okra.ports_clusters import ClusterInfo, FoundCluster

SHARED_FOR = 5.0
"""Seconds in which all who ask for an account's clusters get the same answer."""

Described = Callable[[Account, str], Awaitable[ClusterInfo | OkraError]]


class Fleets:
    """One listing an account and region, for all who ask in the same seconds."""

    def __init__(self, calls: Calls, clock: Clock, described: Described) -> None:
        self._calls, self._clock, self._describe = calls, clock, described
        self._reads = Batches[Account, str, tuple[FoundCluster, ...]](self._read)
        self._answers: dict[Account, tuple[float, tuple[FoundCluster, ...]]] = {}
        self._known: dict[Account, Mapping[str, FoundCluster]] = {}
        self._gone: dict[Account, set[str]] = {}
        self._untagged: dict[Account, set[str]] = {}

    async def fleet(self, account: Account) -> Sequence[FoundCluster]:
        """See `ClusterInventory.fleet`."""
        found = (await self._reads.get(await self._calls.resolve(account), [""]))[""]
        if isinstance(found, OkraError):
            raise found
        return found

    async def close(self) -> None:
        await self._reads.close()

    async def _read(self, account: Account, items: Sequence[str]) -> Mapping[str, tuple[FoundCluster, ...] | OkraError]:
        """What somebody may just have asked for."""
        answered_at, answer = self._answers.get(account, (0.0, None))
        if answer is None or self._clock.monotonic() - answered_at >= SHARED_FOR:
            try:
                answer = await self._list(account)
            except OkraError as error:
                self._answers.pop(account, None)
                return dict.fromkeys(items, error)
            self._answers[account] = (self._clock.monotonic(), answer)
        return dict.fromkeys(items, answer)

    async def _list(self, account: Account) -> tuple[FoundCluster, ...]:
        known, gone = self._known.get(account, {}), self._gone.get(account, set())
        tagged, existing = await self._tagged(account), await self._existing(account)
        found = {name: each for name, each in tagged.items() if name in existing}
        untagged = self._untagged.get(account, set())
        only_listed = existing - tagged.keys()
        unsure = (tagged.keys() - existing - gone) | (known.keys() - tagged.keys()) | (only_listed - untagged)
        described = await self._second_look(account, unsure)
        self._gone[account] = tagged.keys() - existing - described.keys()
        self._untagged[account] = only_listed - {name for name, each in described.items() if each.tags}
        found |= described
        self._known[account] = {name: each for name, each in found.items() if each.tags}
        return tuple(each for _, each in sorted(self._known[account].items()))

    async def _tagged(self, account: Account) -> dict[str, FoundCluster]:
        answer = await self._calls.all(
            account, GET_RESOURCES, ResourceTypeFilters=["eks:cluster"], ResourcesPerPage=100
        )
        found = (
            FoundCluster(
                each["ResourceARN"].rpartition("/")[2],
                each["ResourceARN"],
                {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags", ())},
            )
            for each in answer.items("ResourceTagMappingList")
        )
        return {each.name: each for each in found if each.tags}

    async def _existing(self, account: Account) -> set[str]:
        return set((await self._calls.all(account, LIST_CLUSTERS, maxResults=100)).items("clusters"))

    async def _second_look(self, account: Account, names: set[str]) -> dict[str, FoundCluster]:
        """Not found is an answer; any other error leaves everything open, and is raised."""
        described = await asyncio.gather(*(self._describe(account, name) for name in sorted(names)))
        found: dict[str, FoundCluster] = {}
        for answer in described:
            if isinstance(answer, ClusterInfo):
                found[answer.name] = FoundCluster(answer.name, answer.arn, answer.tags)
            elif not isinstance(answer, NotFound):
                raise answer
        return found
