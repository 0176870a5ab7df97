"""Which target groups exist, with their tags: two listings, and a second look before a group is said to be gone.

The tagging API knows all tags but still lists what was deleted; ELB's listing knows what exists but no tags. Each is
read page by page while groups come and go, and the tagging API lags. A group that vanishes makes Okra put traffic back,
so one that either listing leaves out is asked for by its ARN first: ELB's own answer decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from okra.aws.batches import ByArn
from okra.aws.calls import Calls
from okra.aws.operations import DESCRIBE_TAGS, DESCRIBE_TARGET_GROUPS, GET_RESOURCES
from okra.errors import NotFound, OkraError
from okra.ports import Account
from okra.rollout.observation import TargetGroup

_BATCH = 20
"""ARNs in one DescribeTags, and in one DescribeTargetGroups."""
_Raw = Mapping[str, Any]
_Tags = Mapping[str, str]


class Discovery:
    """At rest one call for every 100 tagged and every 400 existing groups, whoever looks at them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._groups = ByArn(_BATCH, self._described)
        self._group_tags = ByArn(_BATCH, self._described_tags)
        self._known: dict[Account, set[str]] = {}
        self._gone: dict[Account, set[str]] = {}

    async def target_groups(self, account: Account, named: Collection[str] = ()) -> Sequence[TargetGroup]:
        """Every target group that exists and has tags, or is one of `named`. Raises rather than leave one out."""
        return [_group(raw, tags) for raw, tags in await self.described(account, named)]

    async def described(self, account: Account, named: Collection[str] = ()) -> Sequence[tuple[_Raw, _Tags]]:
        """The same, as AWS describes them."""
        account = await self._calls.resolve(account)
        known, gone = self._known.get(account, set()), self._gone.get(account, set())
        tags = await self._tagged(account)
        wanted = tags.keys() | set(named)
        if not wanted - gone and not known:
            return []
        listed = await self._listed(account)
        listed |= await self._second_look(account, wanted - listed.keys() - gone)
        self._gone[account] = wanted - listed.keys()
        tags |= await self._second_look_at_tags(account, (known & listed.keys()) - tags.keys())
        made_meanwhile = self._known.get(account, set()) - known
        self._known[account] = {arn for arn in listed if tags.get(arn)} | made_meanwhile
        return [(raw, tags.get(arn, {})) for arn, raw in listed.items() if tags.get(arn) or arn in named]

    def made(self, account: Account, arn: str) -> None:
        """A group has tags that the tagging API may not know yet. `account`: as resolved."""
        self._known[account] = self._known.get(account, set()) | {arn}

    async def _tagged(self, account: Account) -> dict[str, _Tags]:
        answer = await self._calls.all(
            account, GET_RESOURCES, ResourceTypeFilters=["elasticloadbalancing:targetgroup"], ResourcesPerPage=100
        )
        found = {resource["ResourceARN"]: _tags(resource) for resource in answer.items("ResourceTagMappingList")}
        return {arn: tags for arn, tags in found.items() if tags}

    async def _listed(self, account: Account) -> dict[str, _Raw]:
        answer = await self._calls.all(account, DESCRIBE_TARGET_GROUPS, PageSize=400)
        return {raw["TargetGroupArn"]: raw for raw in answer.items("TargetGroups")}

    async def _second_look(self, account: Account, arns: set[str]) -> dict[str, _Raw]:
        return _existing(await self._groups.read(account, sorted(arns)))

    async def _second_look_at_tags(self, account: Account, arns: set[str]) -> dict[str, _Tags]:
        return _existing(await self._group_tags.read(account, sorted(arns)))

    async def _described(self, account: Account, arns: list[str]) -> dict[str, _Raw]:
        answer = await self._calls.call(account, DESCRIBE_TARGET_GROUPS, target=arns[0], TargetGroupArns=arns)
        return {raw["TargetGroupArn"]: raw for raw in answer.items("TargetGroups")}

    async def _described_tags(self, account: Account, arns: list[str]) -> dict[str, _Tags]:
        answer = await self._calls.call(account, DESCRIBE_TAGS, target=arns[0], ResourceArns=arns)
        return {description["ResourceArn"]: _tags(description) for description in answer.items("TagDescriptions")}


def _existing(results: Mapping[str, Any]) -> dict[str, Any]:
    """What was found. Not found is an answer; any other error leaves everything open, and is raised."""
    for result in results.values():
        if isinstance(result, OkraError) and not isinstance(result, NotFound):
            raise result
    return {arn: result for arn, result in results.items() if not isinstance(result, OkraError)}


def _tags(described: _Raw) -> _Tags:
    return {tag["Key"]: tag.get("Value", "") for tag in described.get("Tags", [])}


def _group(raw: _Raw, tags: _Tags) -> TargetGroup:
    return TargetGroup(
        arn=raw["TargetGroupArn"],
        name=raw["TargetGroupName"],
        tags=tags,
        vpc_id=raw.get("VpcId", ""),
        protocol=raw.get("Protocol", ""),
        load_balancer_arns=tuple(raw.get("LoadBalancerArns", ())),
    )
