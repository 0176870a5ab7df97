"""Routes as they are read: weights, kinds of actions, facts, errors that name what is wrong, and the cost of it all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from okra.aws.facade import Aws
from okra.errors import Invalid, NotFound, OkraError, Refused
from okra.ports import Account, RequestCondition, RouteRef
from okra.rollout.observation import Action, LoadBalancerType, RouteReading
from okra.testing.aws_world import NOT_FOUND, AwsWorld, Route, forward
from okra.testing.fault_proxy import FaultProxy
from tests.aws.conftest import Counted, ref_of


async def read_one(aws: Aws, ref: RouteRef) -> RouteReading:
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading), reading
    return reading


async def error_of(aws: Aws, ref: RouteRef) -> OkraError:
    error = (await aws.router.read([ref]))[ref]
    assert isinstance(error, OkraError), error
    return error


@pytest.mark.parametrize(
    ("kind", "load_balancer_type", "protocol"),
    [
        ("rule", LoadBalancerType.APPLICATION, "HTTP"),
        ("default", LoadBalancerType.APPLICATION, "HTTP"),
        ("tcp", LoadBalancerType.NETWORK, "TCP"),
        ("tls", LoadBalancerType.NETWORK, "TLS"),
    ],
)
async def test_a_route_of_each_kind_is_read_with_its_weights_and_facts(
    aws: Aws, aws_world: AwsWorld, kind: str, load_balancer_type: LoadBalancerType, protocol: str
) -> None:
    route = aws_world.route({"1.0.0": 3, "1.1.0": 1}, kind=kind)
    began = time.time()

    reading = await read_one(aws, ref_of(route, network=load_balancer_type is LoadBalancerType.NETWORK))

    old, new = route.groups["1.0.0"], route.groups["1.1.0"]
    assert list(reading.weights.items()) == [(old[0], 3), (old[1], 3), (new[0], 1), (new[1], 1)]
    assert reading.arn == route.arn
    assert reading.action is Action.FORWARD
    assert (reading.load_balancer_arn, reading.load_balancer_type) == (route.load_balancer_arn, load_balancer_type)
    assert (reading.vpc_id, reading.protocol) == (aws_world.vpc, protocol)
    assert began <= reading.began_at <= time.time()
    assert not reading.sticky


async def test_a_rule_is_found_by_its_priority_and_by_its_arn_alike(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    by_priority = await read_one(aws, ref_of(route))
    by_arn = await read_one(aws, ref_of(route, by_arn=True))
    assert by_priority.arn == by_arn.arn == route.arn
    assert by_priority.weights == by_arn.weights


async def test_a_single_group_without_a_weight_weighs_one(aws: Aws, aws_world: AwsWorld) -> None:
    group = aws_world.target_group("only")
    listener = aws_world.listener(aws_world.load_balancer(), actions=[{"Type": "forward", "TargetGroupArn": group}])
    assert (await read_one(aws, RouteRef(Account(), listener))).weights == {group: 1}


async def test_group_stickiness_is_seen(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    aws_world.set_actions(route.arn, [forward(aws_world.weights(route.arn), **sticky)])
    assert (await read_one(aws, ref_of(route))).sticky


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (NOT_FOUND, Action.FIXED_RESPONSE),
        (
            {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Host": "other.example.com"}},
            Action.REDIRECT,
        ),
    ],
)
async def test_a_route_that_does_not_forward_says_what_it_does(
    aws: Aws, aws_world: AwsWorld, action: dict[str, object], expected: Action
) -> None:
    listener = aws_world.listener(aws_world.load_balancer())
    rule = aws_world.rule(listener, 7, actions=[action])
    reading = await read_one(aws, RouteRef(Account(), listener, rule_arn=rule))
    assert reading.action is expected
    assert reading.weights == {}


async def test_a_listener_that_does_not_exist_is_named(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    gone = route.listener_arn[:-4] + "0000"
    for ref in (RouteRef(Account(), gone), RouteRef(Account(), gone, priority=10)):
        error = await error_of(aws, ref)
        assert isinstance(error, NotFound)
        assert error.reason == "ListenerNotFound"
        assert gone in str(error)
        assert "us-east-1" in str(error)


async def test_a_priority_without_a_rule_is_named_with_those_that_exist(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    error = await error_of(aws, RouteRef(Account(), route.listener_arn, priority=99))
    assert isinstance(error, NotFound)
    assert error.reason == "RuleNotFound"
    assert "priority 99" in str(error)
    assert "there: 10" in str(error)


async def test_a_rule_that_was_deleted_is_named(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    other = aws_world.rule(route.listener_arn, 20)
    aws_world.elb.delete_rule(RuleArn=other)
    for refs in (
        [RouteRef(Account(), route.listener_arn, rule_arn=other)],
        [RouteRef(Account(), route.listener_arn, rule_arn=other), ref_of(route)],
    ):
        error = (await aws.router.read(refs))[refs[0]]
        assert isinstance(error, NotFound)
        assert error.reason == "RuleNotFound"
        assert other in str(error)


async def test_a_rule_whose_priority_moved_is_not_taken_for_the_one_that_was_meant(
    aws: Aws, aws_world: AwsWorld
) -> None:
    route = aws_world.route()
    aws_world.elb.set_rule_priorities(RulePriorities=[{"RuleArn": route.arn, "Priority": 11}])
    error = await error_of(aws, RouteRef(Account(), route.listener_arn, rule_arn=route.arn, priority=10))
    assert isinstance(error, Refused)
    assert error.reason == "RouteChanged"


async def test_a_rule_that_was_adopted_by_its_priority_and_has_another_now_is_not_absent(
    aws: Aws, aws_world: AwsWorld
) -> None:
    route = aws_world.route()
    hosts = (RequestCondition("host-header", (("", "a.io"),)),)
    ref = RouteRef(Account(), route.listener_arn, priority=10, conditions=hosts, pinned=route.arn)
    aws_world.elb.set_rule_priorities(RulePriorities=[{"RuleArn": route.arn, "Priority": 11}])
    error = await error_of(aws, ref)
    assert isinstance(error, Refused)
    assert error.reason == "RouteChanged"
    assert f"{route.arn}, which this Cell has managed, has the priority 11 now" in str(error)
    aws_world.elb.delete_rule(RuleArn=route.arn)
    assert (await error_of(aws, ref)).reason == "RuleAbsent"


@pytest.mark.parametrize(
    ("listener_arn", "options", "says"),
    [
        ("arn:aws:s3:::bucket", {}, "is not the ARN of a listener"),
        ("", {}, "is not the ARN of a listener"),
        ("{eu}", {}, "set aws.region to eu-west-1"),
        (
            "{app}",
            {"rule_arn": "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/a/b/other/r"},
            "of a rule of",
        ),
    ],
)
async def test_a_ref_that_cannot_be_right_says_what_to_change_and_costs_no_call(
    aws: Aws, counted: Counted, listener_arn: str, options: dict[str, Any], says: str
) -> None:
    prefix = "arn:aws:elasticloadbalancing"
    arn = listener_arn.format(
        app=f"{prefix}:us-east-1:1:listener/app/a/b/c",
        eu=f"{prefix}:eu-west-1:1:listener/app/a/b/c",
    )
    error = await error_of(aws, RouteRef(Account(), arn, **options))
    assert isinstance(error, Invalid)
    assert says in str(error)
    assert not counted.calls


async def test_a_listener_named_as_the_wrong_kind_says_where_to_name_it(aws: Aws, aws_world: AwsWorld) -> None:
    application, network = aws_world.route(kind="rule"), aws_world.route(kind="tcp", name="net")
    for ref, says in (
        (ref_of(application, network=True), "under awsApplicationLoadBalancer"),
        (RouteRef(Account(), application.listener_arn, network=True), "under awsApplicationLoadBalancer"),
        (ref_of(network), "under awsNetworkLoadBalancer"),
        (RouteRef(Account(), network.listener_arn, network=True, priority=10), "has no rules"),
    ):
        error = await error_of(aws, ref)
        assert says in str(error)


async def test_a_gateway_load_balancer_has_no_weights_to_move(aws: Aws, aws_world: AwsWorld) -> None:
    balancer = aws_world.elb.create_load_balancer(Name="g", Subnets=aws_world.subnets, Type="gateway")["LoadBalancers"]
    group = aws_world.elb.create_target_group(Name="g", Protocol="GENEVE", Port=6081, VpcId=aws_world.vpc)
    listener = aws_world.elb.create_listener(
        LoadBalancerArn=balancer[0]["LoadBalancerArn"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}],
    )["Listeners"][0]["ListenerArn"]
    error = await error_of(aws, RouteRef(Account(), listener))
    assert isinstance(error, Invalid)
    assert "gateway" in str(error)


async def test_one_cells_mistake_costs_the_others_nothing(aws: Aws, aws_world: AwsWorld, counted: Counted) -> None:
    balancer = aws_world.load_balancer()
    group = aws_world.target_group("g")
    listeners = [aws_world.listener(balancer, {group: 1}, port=80 + number) for number in range(3)]
    good = [RouteRef(Account(), listener) for listener in listeners]
    bad = RouteRef(Account(), listeners[0][:-4] + "0000")

    for _ in range(2):
        counted.calls.clear()
        readings = await aws.router.read([*good, bad])
        assert all(isinstance(readings[ref], RouteReading) for ref in good)
        assert isinstance(readings[bad], NotFound)

    assert counted.calls["DescribeListeners"] == 2, "the wrong one is read by itself from the second time on"


def refs_on(route: Route, aws_world: AwsWorld, count: int) -> list[RouteRef]:
    """`count` rules on one listener."""
    rules = [aws_world.rule(route.listener_arn, 100 + number) for number in range(count)]
    return [RouteRef(Account(), route.listener_arn, rule_arn=rule) for rule in rules]


async def test_many_routes_on_one_listener_cost_as_many_calls_as_one(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    route = aws_world.route()
    refs = [*refs_on(route, aws_world, 12), ref_of(route), RouteRef(Account(), route.listener_arn)]
    await aws.router.read(refs[:1])
    first = counted.calls.copy()
    assert first == {"DescribeListeners": 1, "DescribeLoadBalancers": 1, "DescribeRules": 1}
    counted.calls.clear()

    readings = await aws.router.read(refs)

    assert all(isinstance(reading, RouteReading) for reading in readings.values())
    default = readings[refs[-1]]
    assert isinstance(default, RouteReading)
    assert default.arn == route.listener_arn
    assert counted.calls == {"DescribeRules": 1}, "facts are remembered; the default action comes with the rules"


async def test_default_actions_of_many_listeners_are_read_in_one_call(
    aws: Aws, aws_world: AwsWorld, counted: Counted
) -> None:
    balancer = aws_world.load_balancer()
    refs = [RouteRef(Account(), aws_world.listener(balancer, port=1000 + number)) for number in range(25)]
    await aws.router.read(refs)
    counted.calls.clear()
    readings = await aws.router.read(refs)
    assert len(readings) == 25
    assert counted.calls == {"DescribeListeners": 2}, "twenty to a call"


async def test_concurrent_readers_of_one_listener_share_calls(aws: Aws, aws_world: AwsWorld, counted: Counted) -> None:
    route = aws_world.route()
    refs = refs_on(route, aws_world, 8)
    await aws.router.read(refs)
    counted.calls.clear()

    await asyncio.gather(*(aws.router.read([ref]) for ref in refs for _ in range(5)))

    assert counted.calls == {"DescribeRules": 1}


async def test_a_read_asked_for_while_another_is_in_the_air_begins_after_it_was_asked_for(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    await aws.router.read([ref])
    in_the_air = asyncio.create_task(aws.router.read([ref]))
    await fault_proxy.wait_for("DescribeRules", 2)
    asked = time.time()

    reading = await read_one(aws, ref)

    assert reading.began_at >= asked
    await in_the_air


async def test_rules_are_read_from_every_page(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    route = aws_world.route()
    refs = refs_on(route, aws_world, 7)
    readings = await aws.router.read(refs)
    assert {reading.arn for reading in readings.values() if isinstance(reading, RouteReading)} == {
        ref.rule_arn for ref in refs
    }
    assert fault_proxy.calls("DescribeRules")[-1].parameters["PageSize"] == "400"
