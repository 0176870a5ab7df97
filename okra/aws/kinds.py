"""One router and one inventory for routes of every kind: who is asked is in the name of what is asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from okra.api.records import is_record
from okra.aws.elbv2 import ElbRouter
from okra.aws.inventory import AwsInventory
from okra.aws.route53 import Records
from okra.errors import OkraError
from okra.ports import Account, OwnerReading, RouteRef
from okra.rollout.observation import RouteReading, TargetGroup, TargetHealth, Weights
from okra.rollout.words import short


class AnyRouter:
    """Implements `TrafficRouter`."""

    def __init__(self, balancers: ElbRouter, records: Records) -> None:
        self._balancers, self._records = balancers, records

    def _of(self, ref: RouteRef) -> ElbRouter | Records:
        return self._records if is_record(ref.listener_arn) else self._balancers

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        mine: dict[ElbRouter | Records, list[RouteRef]] = {}
        for ref in refs:
            mine.setdefault(self._of(ref), []).append(ref)
        if len(mine) == 1:  # at once, so that who asks for the owner in the same moment shares the call
            return await next(iter(mine)).read(refs)
        answers = await asyncio.gather(*(router.read(some) for router, some in mine.items()))
        return {ref: result for answer in answers for ref, result in answer.items()}

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        await self._of(ref).write(ref, weights, basis, urgent=urgent)

    async def create(self, ref: RouteRef, owner: str, default: RouteReading, *, take_over: bool = False) -> None:
        """Never of records: these are made by their first weights."""
        await self._balancers.create(ref, owner, default, take_over=take_over)

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self._of(ref).owner(ref, arn)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        return await self._of(ref).claim(ref, arn, owner)

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        await self._of(ref).release(ref, arn, owner)

    async def close(self) -> None:
        await self._balancers.close()
        await self._records.close()


class AnyInventory:
    """Implements `TargetInventory`. Of records the account is that of Route 53's pseudo-region: nothing else is there,
    and no load balancer's groups are listed for it."""

    def __init__(self, groups: AwsInventory, records: Records) -> None:
        self._groups, self._records = groups, records

    async def target_groups(self, account: Account, listed: Collection[str] = ()) -> Sequence[TargetGroup]:
        if account.region.endswith("-global"):  # those that Cells name: whether they exist or not, Okra can make them
            return [TargetGroup(arn, short(arn)) for arn in sorted(listed) if is_record(arn)]
        return await self._groups.target_groups(account, [arn for arn in listed if not is_record(arn)])

    async def health(self, account: Account, arn: str, check: str = "") -> TargetHealth:
        if is_record(arn):
            return await self._records.health(account, arn, check)
        return await self._groups.health(account, arn)

    async def active_flows(self, account: Account, group: TargetGroup) -> float | None:
        if is_record(group.arn):
            return None  # nobody counts whom DNS sent where
        return await self._groups.active_flows(account, group)
