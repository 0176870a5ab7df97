"""Target groups that Okra makes: `okra.ports_groups.TargetGroups`.

A group comes with its tags, in one request, so that none is ever there without an owner. AWS makes the same one again
for the same name and settings, also where somebody else had made it: whose it is its owner tag says, and that is read
back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from okra.aws.batches import Batches
from okra.aws.calls import Calls
from okra.aws.discovery import Discovery
from okra.aws.iam import OWNER_TAG
from okra.aws.operations import (
    ADD_TAGS,
    CREATE_TARGET_GROUP,
    DELETE_TARGET_GROUP,
    DESCRIBE_TAGS,
    DESCRIBE_TARGET_HEALTH,
    MODIFY_TARGET_GROUP,
    MODIFY_TARGET_GROUP_ATTRIBUTES,
    Operation,
)
from okra.errors import AlreadyExists, NotFound, OkraError, Unavailable
from okra.ports import Account, Clock
from okra.ports_groups import ExistingGroup, GroupSettings, HealthSettings

SHARED_FOR = 5.0
"""Seconds in which all who ask for an account's groups get the same answer, unless one was written meanwhile."""
_TRAFFIC_PORT = "traffic-port"
_Listing = tuple[float, frozenset[str], tuple[ExistingGroup, ...]]


class AwsTargetGroups:
    """Implements `TargetGroups`."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self._discovery = Discovery(calls)
        self._reads = Batches[Account, str, tuple[ExistingGroup, ...]](self._read)
        self._answers: dict[Account, _Listing] = {}
        self._named: dict[Account, frozenset[str]] = {}
        """All that were ever asked for by ARN: sets that look at the same moment are answered by one listing."""
        self._writes: dict[Account, int] = {}

    async def groups(self, account: Account, named: Collection[str] = ()) -> Sequence[ExistingGroup]:
        """See `TargetGroups.groups`."""
        wanted = ["", *named]
        found = (await self._reads.get(await self._calls.resolve(account), wanted))[""]
        if isinstance(found, OkraError):
            raise found
        return found

    async def create(self, account: Account, name: str, settings: GroupSettings, tags: Mapping[str, str]) -> str:
        """See `TargetGroups.create`."""
        parameters = {
            "Protocol": settings.protocol,
            "Port": settings.port,
            "VpcId": settings.vpc_id,
            "TargetType": settings.target_type,
            **_health_parameters(settings.health),
        }
        answer = await self._write(account, CREATE_TARGET_GROUP, name, Name=name, Tags=_as_list(tags), **parameters)
        made = answer.items("TargetGroups")
        if not made:
            raise Unavailable(f"AWS answered without the target group {name}; it is tried again")
        arn = str(made[0]["TargetGroupArn"])
        described = await self._calls.call(account, DESCRIBE_TAGS, target=arn, ResourceArns=[arn])
        there = {
            tag["Key"]: tag.get("Value", "") for each in described.items("TagDescriptions") for tag in each["Tags"]
        }
        if there.get(OWNER_TAG) != tags.get(OWNER_TAG):
            raise AlreadyExists(
                f"There is a target group {name} already, and it isn't this set's: its tag {OWNER_TAG} is "
                f"{there.get(OWNER_TAG) or 'missing'}. Delete it, or rename the set",
                reason="NameTaken",
            )
        self._discovery.made(await self._calls.resolve(account), arn)
        return arn

    async def modify(self, account: Account, arn: str, health: HealthSettings) -> None:
        """See `TargetGroups.modify`."""
        await self._write(account, MODIFY_TARGET_GROUP, arn, TargetGroupArn=arn, **_health_parameters(health))

    async def set_attributes(self, account: Account, arn: str, attributes: Mapping[str, str]) -> None:
        await self._write(
            account, MODIFY_TARGET_GROUP_ATTRIBUTES, arn, TargetGroupArn=arn, Attributes=_as_list(attributes)
        )

    async def tag(self, account: Account, arn: str, tags: Mapping[str, str]) -> None:
        await self._write(account, ADD_TAGS, arn, ResourceArns=[arn], Tags=_as_list(tags))

    async def draining(self, account: Account, arn: str) -> int:
        """See `TargetGroups.draining`."""
        answer = await self._calls.call(account, DESCRIBE_TARGET_HEALTH, target=arn, TargetGroupArn=arn)
        states = [each.get("TargetHealth", {}).get("State", "") for each in answer.items("TargetHealthDescriptions")]
        return sum(state.endswith("draining") for state in states)

    async def delete(self, account: Account, arn: str) -> None:
        """See `TargetGroups.delete`."""
        try:
            await self._write(account, DELETE_TARGET_GROUP, arn, TargetGroupArn=arn)
        except NotFound:
            return

    async def close(self) -> None:
        await self._reads.close()

    async def _write(self, account: Account, operation: Operation, target: str, **parameters: Any) -> Any:
        """What was listed before it ended is no answer any more, whatever came of it."""
        account = await self._calls.resolve(account)
        try:
            return await self._calls.call(account, operation, target=target, **parameters)
        finally:
            self._writes[account] = self._writes.get(account, 0) + 1
            self._answers.pop(account, None)

    async def _read(
        self, account: Account, items: Sequence[str]
    ) -> Mapping[str, tuple[ExistingGroup, ...] | OkraError]:
        named = self._named[account] = self._named.get(account, frozenset()) | (frozenset(items) - {""})
        answered_at, known, answer = self._answers.get(account, (0.0, frozenset(), None))
        if answer is None or not named <= known or self._clock.monotonic() - answered_at >= SHARED_FOR:
            writes = self._writes.get(account, 0)
            try:
                answer = tuple(_existing(raw, tags) for raw, tags in await self._discovery.described(account, named))
            except OkraError as error:
                self._answers.pop(account, None)
                return dict.fromkeys(items, error)
            if writes == self._writes.get(account, 0):
                self._answers[account] = (self._clock.monotonic(), named, answer)
        return dict.fromkeys(items, answer)


def _as_list(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(values.items())]


def _health_parameters(health: HealthSettings) -> dict[str, Any]:
    """Of what isn't left out."""
    found = {
        "HealthCheckProtocol": health.protocol,
        "HealthCheckPort": None if health.port is None else str(health.port),
        "HealthCheckPath": health.path,
        "HealthCheckIntervalSeconds": health.interval,
        "HealthCheckTimeoutSeconds": health.timeout,
        "HealthyThresholdCount": health.healthy_threshold,
        "UnhealthyThresholdCount": health.unhealthy_threshold,
        "Matcher": None if health.matcher is None else {"HttpCode": health.matcher},
    }
    return {name: value for name, value in found.items() if value is not None}


def _existing(raw: Mapping[str, Any], tags: Mapping[str, str]) -> ExistingGroup:
    port = raw.get("HealthCheckPort", _TRAFFIC_PORT)
    health = HealthSettings(
        protocol=raw.get("HealthCheckProtocol"),
        port=None if port == _TRAFFIC_PORT else int(port),
        path=raw.get("HealthCheckPath"),
        interval=raw.get("HealthCheckIntervalSeconds"),
        timeout=raw.get("HealthCheckTimeoutSeconds"),
        healthy_threshold=raw.get("HealthyThresholdCount"),
        unhealthy_threshold=raw.get("UnhealthyThresholdCount"),
        matcher=raw.get("Matcher", {}).get("HttpCode"),
    )
    settings = GroupSettings(
        raw.get("Protocol", ""), raw.get("Port", 0), raw.get("TargetType", ""), raw.get("VpcId", ""), health
    )
    return ExistingGroup(
        raw["TargetGroupArn"], raw["TargetGroupName"], tags, settings, tuple(raw.get("LoadBalancerArns", ()))
    )
