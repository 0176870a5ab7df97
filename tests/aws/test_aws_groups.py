"""Target groups that Okra makes: what `TargetGroups` promises, on the real one before the double and on the fake; and
the exact requests of the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from okra.aws.facade import Aws, open_aws
from okra.aws.groups import SHARED_FOR
from okra.aws.iam import policy
from okra.errors import AccessDenied, AlreadyExists, Invalid, NotFound, OkraError, Refused, Throttled, Unavailable
from okra.ports import Account
from okra.ports_groups import ExistingGroup, GroupSettings, HealthSettings, TargetGroups
from okra.testing.aws_world import AwsWorld
from okra.testing.fake_groups import FakeGroups
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_iam import decisions
from okra.testing.moto_server import MotoServer
from tests.aws.conftest import TIMEOUTS, Counted
from tests.aws.faults import FAULTS, name_of
from tests.aws.test_aws_eks import Standing

HERE = Account()
OWNER = "okra.mumoshu.github.io/owner"
TAGS = {OWNER: "okra/default/web", "role": "web"}
HEALTH = HealthSettings("HTTP", None, "/healthz", 10, 5, 2, 3, "200-299")


class World(Protocol):
    @property
    def vpc(self) -> str: ...
    @property
    def groups(self) -> TargetGroups: ...
    def add(self, name: str, tags: Mapping[str, str]) -> str: ...
    def attach(self, arn: str) -> None: ...
    def detach(self, arn: str) -> None: ...


@dataclass
class Faked:
    groups: FakeGroups
    vpc: str = "vpc-1"

    def add(self, name: str, tags: Mapping[str, str]) -> str:
        return self.groups.add(name, tags)

    def attach(self, arn: str) -> None:
        self.groups.attach(arn, "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/1")

    def detach(self, arn: str) -> None:
        self.groups.attach(arn)


@dataclass
class Real:
    aws: Aws
    world: AwsWorld
    clock: Standing
    listener: str = ""

    @property
    def vpc(self) -> str:
        return self.world.vpc

    @property
    def groups(self) -> TargetGroups:
        return self.aws.groups

    def add(self, name: str, tags: Mapping[str, str]) -> str:
        return self.world.target_group(name, tags=tags, targets=0)

    def attach(self, arn: str) -> None:
        self.listener = self.world.listener(self.world.load_balancer(), {arn: 1})
        self.clock.at += SHARED_FOR

    def detach(self, arn: str) -> None:
        self.world.elb.delete_listener(ListenerArn=self.listener)
        self.clock.at += SHARED_FOR


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
async def aws(aws_environ: Mapping[str, str], counted: Counted, clock: Standing) -> AsyncIterator[Aws]:
    async with open_aws(clock=clock, environ=aws_environ, timeouts=TIMEOUTS, on_call=counted) as opened:
        yield opened


@pytest.fixture(params=["real", "fake"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return Faked(FakeGroups())
    return Real(request.getfixturevalue("aws"), request.getfixturevalue("aws_world"), request.getfixturevalue("clock"))


def settings(world: World, **fields: Any) -> GroupSettings:
    return replace(GroupSettings("HTTP", 8080, "ip", world.vpc, HEALTH), **fields)


async def found(world: World) -> dict[str, ExistingGroup]:
    return {each.name: each for each in await world.groups.groups(HERE)}


# What both promise


async def test_a_group_is_there_with_its_tags_and_settings_as_soon_as_it_is_made(world: World) -> None:
    assert await found(world) == {}
    arn = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    (made,) = (await found(world)).values()
    assert (made.arn, made.name, dict(made.tags), made.load_balancer_arns) == (arn, "web-1", TAGS, ())
    assert made.settings == settings(world)


async def test_made_again_it_is_the_same_one(world: World) -> None:
    first = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    assert await world.groups.create(HERE, "web-1", settings(world), TAGS) == first
    assert len(await found(world)) == 1


async def test_a_name_that_is_taken_with_other_settings_is_refused(world: World) -> None:
    await world.groups.create(HERE, "web-1", settings(world), TAGS)
    with pytest.raises(AlreadyExists) as caught:
        await world.groups.create(HERE, "web-1", settings(world, port=9090), TAGS)
    assert (caught.value.reason, "web-1" in str(caught.value)) == ("NameTaken", True)


async def test_a_name_that_is_taken_with_the_same_settings_by_another_is_refused_and_left_alone(world: World) -> None:
    other = {OWNER: "okra/default/other"}
    await world.groups.create(HERE, "web-1", settings(world), other)
    with pytest.raises(AlreadyExists):
        await world.groups.create(HERE, "web-1", settings(world), TAGS)
    assert dict((await found(world))["web-1"].tags) == other


async def test_health_checks_change_and_what_is_not_said_stays(world: World) -> None:
    arn = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    await world.groups.modify(HERE, arn, HealthSettings(path="/ready", interval=20, healthy_threshold=4))
    made = (await found(world))["web-1"].settings
    assert made.health == replace(HEALTH, path="/ready", interval=20, healthy_threshold=4)


async def test_tags_are_added_and_replaced_and_others_stay(world: World) -> None:
    arn = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    await world.groups.tag(HERE, arn, {"role": "api", "tier": "gold"})
    assert dict((await found(world))["web-1"].tags) == {**TAGS, "role": "api", "tier": "gold"}


async def test_a_group_that_a_listener_uses_is_not_deleted(world: World) -> None:
    arn = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    world.attach(arn)
    assert len((await found(world))["web-1"].load_balancer_arns) == 1
    with pytest.raises(Refused) as caught:
        await world.groups.delete(HERE, arn)
    assert caught.value.reason == "ResourceInUse"
    world.detach(arn)
    await world.groups.delete(HERE, arn)
    assert await found(world) == {}
    await world.groups.delete(HERE, arn)


async def test_groups_without_tags_are_shown_to_who_names_them(world: World) -> None:
    bare = world.add("bare", {})
    assert await found(world) == {}
    assert [each.arn for each in await world.groups.groups(HERE, [bare])] == [bare]


async def test_what_is_gone_cannot_be_changed(world: World) -> None:
    arn = await world.groups.create(HERE, "web-1", settings(world), TAGS)
    await world.groups.delete(HERE, arn)
    for change in (world.groups.modify(HERE, arn, HEALTH), world.groups.set_attributes(HERE, arn, {"a": "1"})):
        with pytest.raises(NotFound) as caught:
            await change
        assert caught.value.reason == "TargetGroupNotFound"


# The exact requests


def sent(fault_proxy: FaultProxy, operation: str) -> dict[str, str]:
    (call,) = fault_proxy.calls(operation)
    return {name: value for name, value in call.parameters.items() if name not in ("Action", "Version")}


async def test_what_is_sent_to_make_a_group(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    health = replace(HEALTH, port=8081)
    await aws.groups.create(HERE, "web-1", GroupSettings("HTTP", 8080, "ip", aws_world.vpc, health), TAGS)
    assert sent(fault_proxy, "CreateTargetGroup") == {
        "Name": "web-1",
        "Protocol": "HTTP",
        "Port": "8080",
        "VpcId": aws_world.vpc,
        "TargetType": "ip",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "8081",
        "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": "10",
        "HealthCheckTimeoutSeconds": "5",
        "HealthyThresholdCount": "2",
        "UnhealthyThresholdCount": "3",
        "Matcher.HttpCode": "200-299",
        "Tags.member.1.Key": OWNER,
        "Tags.member.1.Value": "okra/default/web",
        "Tags.member.2.Key": "role",
        "Tags.member.2.Value": "web",
    }


async def test_what_a_set_does_not_say_is_not_sent(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    arn = await aws.groups.create(HERE, "tcp-1", GroupSettings("TCP", 443, "instance", aws_world.vpc), TAGS)
    assert not [name for name in sent(fault_proxy, "CreateTargetGroup") if "Health" in name or "Matcher" in name]
    await aws.groups.modify(HERE, arn, HealthSettings(interval=10))
    assert sent(fault_proxy, "ModifyTargetGroup") == {"TargetGroupArn": arn, "HealthCheckIntervalSeconds": "10"}
    await aws.groups.set_attributes(HERE, arn, {"deregistration_delay.timeout_seconds": "30"})
    assert sent(fault_proxy, "ModifyTargetGroupAttributes") == {
        "TargetGroupArn": arn,
        "Attributes.member.1.Key": "deregistration_delay.timeout_seconds",
        "Attributes.member.1.Value": "30",
    }
    described = aws_world.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {each["Key"]: each["Value"] for each in described}["deregistration_delay.timeout_seconds"] == "30"
    await aws.groups.delete(HERE, arn)
    assert sent(fault_proxy, "DeleteTargetGroup") == {"TargetGroupArn": arn}


async def test_only_targets_that_still_serve_what_they_began_are_draining(aws: Aws, aws_world: AwsWorld) -> None:
    arn = aws_world.target_group("web-1", targets=3)
    assert await aws.groups.draining(HERE, arn) == 0
    aws_world.listener(aws_world.load_balancer(), {arn: 1})
    aws_world.set_health(arn, "healthy=1,draining=1,unhealthy.draining=1")
    assert await aws.groups.draining(HERE, arn) == 2


# What listing costs


async def test_all_who_ask_share_a_listing_and_a_write_ends_it(
    aws: Aws, aws_world: AwsWorld, clock: Standing, counted: Counted
) -> None:
    arn = aws_world.target_group("web-1", tags={"role": "web"}, targets=0)
    for _ in range(2):
        await asyncio.gather(*(aws.groups.groups(HERE) for _ in range(100)))
    assert counted.calls == {"GetResources": 1, "DescribeTargetGroups": 1}
    await aws.groups.tag(HERE, arn, {"role": "api"})
    assert [dict(each.tags) for each in await aws.groups.groups(HERE)] == [{"role": "api"}]
    clock.at += SHARED_FOR
    await aws.groups.groups(HERE)
    assert counted.calls["GetResources"] == 3


async def test_a_listing_that_began_before_a_write_is_kept_for_nobody(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    arn = aws_world.target_group("web-1", tags={"role": "web"}, targets=0)
    fault_proxy.add(Fault(FaultKind.DELAY, "DescribeTargetGroups", seconds=0.3, times=1))
    listing = asyncio.create_task(aws.groups.groups(HERE))
    await fault_proxy.wait_for("DescribeTargetGroups", 1)
    await aws.groups.tag(HERE, arn, {"role": "api"})
    await listing
    assert [dict(each.tags) for each in await aws.groups.groups(HERE)] == [{"role": "api"}]


async def test_a_group_that_was_made_is_shown_although_the_tagging_api_does_not_know_it_yet(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    await aws.groups.groups(HERE)
    arn = await aws.groups.create(HERE, "web-1", GroupSettings("HTTP", 80, "ip", aws_world.vpc), TAGS)
    fault_proxy.add(Fault(FaultKind.STALE, "GetResources"))
    assert [(each.arn, dict(each.tags)) for each in await aws.groups.groups(HERE)] == [(arn, TAGS)]
    assert "stale" in [record.fault for record in fault_proxy.records]


async def test_who_names_groups_is_answered_with_the_others_from_then_on(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    first, second = (aws_world.target_group(name, targets=0) for name in ("bare-1", "bare-2"))
    tagged = aws_world.target_group("web-1", tags={"role": "web"}, targets=0)

    def arns(groups: Sequence[ExistingGroup]) -> set[str]:
        return {each.arn for each in groups}

    assert arns(await aws.groups.groups(HERE, [first])) == {first, tagged}
    assert arns(await aws.groups.groups(HERE, [second])) == {first, second, tagged}
    counted.calls.clear()
    await asyncio.gather(aws.groups.groups(HERE, [first]), aws.groups.groups(HERE, [second]))
    assert counted.calls == {}


# Faults

WRITES: dict[str, Any] = {
    "CreateTargetGroup": lambda groups, vpc, _: groups.create(HERE, "new", GroupSettings("HTTP", 80, "ip", vpc), TAGS),
    "ModifyTargetGroup": lambda groups, _, arn: groups.modify(HERE, arn, HEALTH),
    "ModifyTargetGroupAttributes": lambda groups, _, arn: groups.set_attributes(
        HERE, arn, {"stickiness.enabled": "true"}
    ),
    "AddTags": lambda groups, _, arn: groups.tag(HERE, arn, {"a": "b"}),
    "DeleteTargetGroup": lambda groups, _, arn: groups.delete(HERE, arn),
}


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_write_that_fails_is_sent_once_and_says_whether_it_may_have_been_applied(
    aws_environ: Mapping[str, str],
    aws_world: AwsWorld,
    fault_proxy: FaultProxy,
    timeouts: Any,
    operation: str,
    fault: Fault,
    expected: type[OkraError],
) -> None:
    async with open_aws(clock=Standing(), environ=aws_environ, timeouts=timeouts) as aws:
        arn, vpc = aws_world.target_group("web-1", tags=TAGS, targets=0), aws_world.vpc
        fault_proxy.add(replace(fault, operation=operation))
        with pytest.raises(expected):
            await WRITES[operation](aws.groups, vpc, arn)
        assert len(fault_proxy.calls(operation)) == 1
        fault_proxy.clear()


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_whose_answer_is_lost_can_be_made_again(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy, operation: str
) -> None:
    arn, vpc = aws_world.target_group("web-1", tags=TAGS, targets=0), aws_world.vpc
    fault_proxy.add(Fault(FaultKind.RESET, operation, applied=True, times=1))
    with pytest.raises(Unavailable):
        await WRITES[operation](aws.groups, vpc, arn)
    await WRITES[operation](aws.groups, vpc, arn)


@pytest.mark.parametrize("operation", ["GetResources", "DescribeTargetGroups"])
@pytest.mark.parametrize(
    ("fault", "expected"), [(FaultKind.GARBAGE, Unavailable), (FaultKind.TOO_MANY_REQUESTS, Throttled)]
)
@pytest.mark.usefixtures("no_backoff")
async def test_a_listing_that_fails_is_an_error_and_no_shorter_list(
    aws: Aws,
    aws_world: AwsWorld,
    fault_proxy: FaultProxy,
    clock: Standing,
    operation: str,
    fault: FaultKind,
    expected: Any,
) -> None:
    aws_world.target_group("web-1", tags=TAGS, targets=0)
    fault_proxy.add(Fault(fault, operation))
    with pytest.raises(expected):
        await aws.groups.groups(HERE)
    fault_proxy.clear()
    clock.at += 60.0
    assert [each.name for each in await aws.groups.groups(HERE)] == ["web-1"]


READS: dict[str, Any] = {
    "DescribeTags": WRITES["CreateTargetGroup"],
    "DescribeTargetHealth": lambda groups, _, arn: groups.draining(HERE, arn),
}


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.ERROR, status=403, code="AccessDenied"), AccessDenied),
        (Fault(FaultKind.GARBAGE), Unavailable),
        (Fault(FaultKind.RESET), Unavailable),
        (Fault(FaultKind.TOO_MANY_REQUESTS), Throttled),
    ],
    ids=lambda each: each.kind.value if isinstance(each, Fault) else "",
)
@pytest.mark.usefixtures("no_backoff")
async def test_what_is_asked_about_one_group_is_an_error_until_it_is_answered(
    aws: Aws,
    aws_world: AwsWorld,
    fault_proxy: FaultProxy,
    clock: Standing,
    operation: str,
    fault: Fault,
    expected: type[OkraError],
) -> None:
    """Whose a group is that was made, and what still drains: no answer is never taken for one."""
    arn, vpc = aws_world.target_group("web-1", tags=TAGS, targets=0), aws_world.vpc
    fault_proxy.add(replace(fault, operation=operation))
    with pytest.raises(expected):
        await READS[operation](aws.groups, vpc, arn)
    fault_proxy.clear()
    clock.at += 60.0
    await READS[operation](aws.groups, vpc, arn)
    made = ["new"] if operation == "DescribeTags" else []
    assert sorted(each.name for each in await aws.groups.groups(HERE)) == [*made, "web-1"]


async def test_a_missing_permission_names_the_action(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    fault_proxy.add(Fault(FaultKind.ERROR, "CreateTargetGroup", status=403, code="AccessDenied", message="no"))
    with pytest.raises(AccessDenied, match="elasticloadbalancing:CreateTargetGroup of web-1"):
        await aws.groups.create(HERE, "web-1", GroupSettings("HTTP", 80, "ip", aws_world.vpc), TAGS)


async def test_what_aws_does_not_take_is_said_in_its_words(aws: Aws, aws_world: AwsWorld) -> None:
    with pytest.raises(Invalid, match="vpc-0a1b2c3d"):
        await aws.groups.create(HERE, "web-1", GroupSettings("HTTP", 80, "ip", "vpc-0a1b2c3d"), TAGS)


# The role


def role_of(world: AwsWorld, name: str, document: Mapping[str, Any]) -> Account:
    iam = world.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="okra", PolicyDocument=json.dumps(document))
    return Account(role_arn=arn)


async def everything(aws: Aws, account: Account, vpc: str) -> None:
    """All that sets ask AWS for."""
    await aws.clusters.fleet(account)
    groups = aws.groups
    arn = await groups.create(account, "web-1", GroupSettings("HTTP", 80, "ip", vpc), TAGS)
    await groups.groups(account)
    await groups.modify(account, arn, HEALTH)
    await groups.set_attributes(account, arn, {"stickiness.enabled": "true"})
    await groups.tag(account, arn, {"a": "b"})
    await groups.draining(account, arn)
    await groups.delete(account, arn)


async def test_the_printed_policy_is_enough_for_sets_and_what_it_adds_is_all_used(
    aws: Aws, aws_world: AwsWorld, aws_server: MotoServer
) -> None:
    document = policy(sets=True)
    await everything(aws, role_of(aws_world, "sets", document), aws_world.vpc)
    made = await asyncio.to_thread(decisions, aws_server.url)
    assert [each for each in made if not each.allowed] == []
    plain = {action for each in policy()["Statement"] for action in each["Action"]}
    added = {action for each in document["Statement"] for action in each["Action"]} - plain
    assert added <= {each.action for each in made}
    groups = {each.resources[0] for each in made if each.action == "elasticloadbalancing:DeleteTargetGroup"}
    assert all(":targetgroup/web-1/" in each for each in groups)


async def test_the_printed_policy_lets_nobody_change_or_delete_a_group_that_okra_did_not_make(
    aws: Aws, aws_world: AwsWorld
) -> None:
    account, arn = role_of(aws_world, "sets", policy(sets=True)), aws_world.target_group("theirs", tags={"team": "x"})
    with pytest.raises(AccessDenied, match="ModifyTargetGroup"):
        await aws.groups.modify(account, arn, HEALTH)
    with pytest.raises(AccessDenied, match="ModifyTargetGroupAttributes"):
        await aws.groups.set_attributes(account, arn, {"stickiness.enabled": "true"})
    with pytest.raises(AccessDenied, match="DeleteTargetGroup"):
        await aws.groups.delete(account, arn)
    await aws.groups.tag(account, arn, {"role": "web"})  # one that a binding names


async def test_without_sets_the_policy_lets_nobody_make_a_target_group(aws: Aws, aws_world: AwsWorld) -> None:
    account = role_of(aws_world, "plain", policy())
    with pytest.raises(AccessDenied, match="eks:ListClusters"):
        await aws.clusters.fleet(account)
    with pytest.raises(AccessDenied, match="elasticloadbalancing:CreateTargetGroup"):
        await aws.groups.create(account, "web-1", GroupSettings("HTTP", 80, "ip", aws_world.vpc), TAGS)
