"""Writes against the double: what changes, what must not, and what is on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from okra.app.clock import SystemClock
from okra.aws.budget import Rate, Rates
from okra.aws.facade import Aws, open_aws
from okra.errors import Fatal, Invalid, NotFound, Refused
from okra.ports import Account, RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import CERTIFICATE, NOT_FOUND, AwsWorld, forward
from okra.testing.fault_proxy import FaultProxy
from tests.aws.conftest import ref_of

OIDC: dict[str, Any] = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://id.example.com",
        "AuthorizationEndpoint": "https://id.example.com/a",
        "TokenEndpoint": "https://id.example.com/t",
        "UserInfoEndpoint": "https://id.example.com/u",
        "ClientId": "okra",
        "ClientSecret": "s3cret",
        "OnUnauthenticatedRequest": "deny",
        "SessionTimeout": 600,
    },
}
CONDITIONS = [
    {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["1"]}},
]


async def basis(aws: Aws, ref: RouteRef) -> RouteReading:
    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading), reading
    return reading


@pytest.mark.parametrize("kind", ["rule", "default", "tcp", "tls"])
async def test_a_write_moves_the_weights_of_each_kind_of_route(aws: Aws, aws_world: AwsWorld, kind: str) -> None:
    route = aws_world.route(kind=kind)
    ref = ref_of(route, network=kind in {"tcp", "tls"})
    weights = dict.fromkeys(route.groups["1.0.0"], 9) | dict.fromkeys(route.groups["1.1.0"], 1)

    await aws.router.write(ref, weights, await basis(aws, ref))

    assert list(aws_world.weights(route.arn).items()) == list(weights.items())
    assert (await basis(aws, ref)).weights == weights


async def test_conditions_priority_tags_stickiness_and_authentication_survive_a_write(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    old, new = aws_world.target_group("old"), aws_world.target_group("new")
    listener = aws_world.listener(aws_world.load_balancer(), protocol="HTTPS", port=443)
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 1234}}
    actions = [OIDC, {**forward({old: 1}, **sticky), "Order": 2}]
    rule = aws_world.rule(listener, 42, actions=actions, conditions=CONDITIONS)
    aws_world.tag(rule, {"team": "web"})
    before = aws_world.described_rule(rule)
    ref = RouteRef(Account(), listener, rule_arn=rule)

    await aws.router.write(ref, {old: 90, new: 10}, await basis(aws, ref))

    after = aws_world.described_rule(rule)
    assert aws_world.weights(rule) == {old: 90, new: 10}
    assert {key: value for key, value in after.items() if key != "Actions"} == {
        key: value for key, value in before.items() if key != "Actions"
    }
    assert after["Actions"][0] == before["Actions"][0]
    assert after["Actions"][1]["Order"] == 2
    assert after["Actions"][1]["ForwardConfig"]["TargetGroupStickinessConfig"]["DurationSeconds"] == 1234
    assert aws_world.tags(rule) == {"team": "web"}
    (sent,) = fault_proxy.calls("ModifyRule")
    assert not any(
        name.startswith("Conditions") or name.rpartition(".")[2] == "ClientSecret" for name in sent.parameters
    )
    assert sent.parameters["Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret"] == "true"


async def test_a_tls_listener_keeps_protocol_certificate_and_policy(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route(kind="tls")
    ref = ref_of(route, network=True)
    before = aws_world.described_listener(route.arn)

    await aws.router.write(ref, dict.fromkeys(route.groups["1.1.0"], 1), await basis(aws, ref))

    after = aws_world.described_listener(route.arn)
    assert after["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == {"DefaultActions"}
    (sent,) = fault_proxy.calls("ModifyListener")
    assert {name.partition(".")[0] for name in sent.parameters} == {
        "Action",
        "Version",
        "ListenerArn",
        "DefaultActions",
    }
    assert not any("Stickiness" in name for name in sent.parameters)


async def test_taking_over_turns_a_fixed_response_into_a_forward(aws: Aws, aws_world: AwsWorld) -> None:
    group = aws_world.target_group("web")
    listener = aws_world.listener(aws_world.load_balancer(), actions=[NOT_FOUND])
    ref = RouteRef(Account(), listener)
    await aws.router.write(ref, {group: 1}, await basis(aws, ref))
    assert aws_world.weights(listener) == {group: 1}
    assert [action["Type"] for action in aws_world.actions(listener)] == ["forward"]


async def test_what_aws_would_refuse_is_never_sent(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    route = aws_world.route()
    ref, before = ref_of(route), aws_world.weights(route.arn)
    reading = await basis(aws, ref)
    for weights in ({}, dict.fromkeys(before, 0), dict.fromkeys(before, 5000)):
        with pytest.raises(Invalid):
            await aws.router.write(ref, weights, reading)
    assert aws_world.weights(route.arn) == before
    assert not fault_proxy.calls("ModifyRule")


async def refusal(aws: Aws, ref: RouteRef, group: str) -> Fatal:
    reading = await basis(aws, ref)
    with pytest.raises((Refused, NotFound)) as caught:
        await aws.router.write(ref, {**reading.weights, group: 1}, reading)
    return caught.value


async def test_a_group_that_is_gone_of_another_vpc_or_protocol_is_refused_with_the_reason(
    aws: Aws, aws_world: AwsWorld
) -> None:
    route = aws_world.route()
    ref, before = ref_of(route), aws_world.weights(route.arn)
    gone = aws_world.target_group("gone")
    aws_world.delete_target_group(gone)
    elsewhere = aws_world.target_group("elsewhere", vpc=aws_world.new_vpc())
    for group, kind, reason in (
        (gone, NotFound, "TargetGroupNotFound"),
        (elsewhere, Refused, "InvalidConfigurationRequest"),
        (aws_world.target_group("tcp", protocol="TCP"), Refused, "IncompatibleProtocols"),
    ):
        error = await refusal(aws, ref, group)
        assert type(error) is kind
        assert error.reason == reason
    assert aws_world.weights(route.arn) == before


async def test_a_group_of_another_network_load_balancer_is_refused(aws: Aws, aws_world: AwsWorld) -> None:
    one = aws_world.route(kind="tcp", name="one")
    other = aws_world.route(kind="tcp", name="other")
    error = await refusal(aws, ref_of(one, network=True), other.groups["1.0.0"][0])
    assert error.reason == "TargetGroupAssociationLimit"
    assert "another load balancer" in str(error)


# The owner


OWNER = "okra/default/web"


async def test_a_route_is_claimed_once_and_released_by_its_owner_only(aws: Aws, aws_world: AwsWorld) -> None:
    for kind in ("rule", "default"):
        route = aws_world.route(kind=kind, name=kind)
        aws_world.tag(route.arn, {"team": "web"})
        ref = ref_of(route)
        assert (await aws.router.owner(ref, route.arn)).owner == ""

        assert await aws.router.claim(ref, route.arn, OWNER) == OWNER
        assert await aws.router.claim(ref, route.arn, "okra/default/other") == OWNER
        assert aws_world.tags(route.arn) == {"okra.mumoshu.github.io/owner": OWNER, "team": "web"}

        await aws.router.release(ref, route.arn, "okra/default/other")
        assert (await aws.router.owner(ref, route.arn)).owner == OWNER
        await aws.router.release(ref, route.arn, OWNER)
        assert aws_world.tags(route.arn) == {"team": "web"}


async def test_claiming_what_one_owns_already_writes_nothing(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route()
    ref = ref_of(route)
    for _ in range(3):
        assert await aws.router.claim(ref, route.arn, OWNER) == OWNER
    assert len(fault_proxy.calls("AddTags")) == 1


async def test_the_owner_of_a_rule_that_is_gone_is_an_error_that_names_it(aws: Aws, aws_world: AwsWorld) -> None:
    route = aws_world.route()
    aws_world.elb.delete_rule(RuleArn=route.arn)
    with pytest.raises(NotFound) as caught:
        await aws.router.owner(ref_of(route), route.arn)
    assert caught.value.reason == "RuleNotFound"
    assert route.arn in str(caught.value)


async def test_a_reading_of_the_owner_is_as_old_as_its_request_and_not_as_the_question(
    aws_environ: Mapping[str, str], aws_world: AwsWorld
) -> None:
    route, rates = aws_world.route(), Rates(reads=Rate(per_second=4.0, burst=1.0, reserved=0.0))
    async with open_aws(clock=SystemClock(), environ=aws_environ, rates=rates) as slow:
        sent = [(await slow.router.owner(ref_of(route), route.arn)).sent_at for _ in range(3)]
    assert all(after - before > 0.2 for before, after in pairwise(sent)), "each waited for its turn"


async def test_owners_of_many_routes_are_read_twenty_to_a_call_and_one_missing_hides_none(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    route = aws_world.route()
    rules = [aws_world.rule(route.listener_arn, 100 + number) for number in range(24)]
    aws_world.tag(rules[3], {"okra.mumoshu.github.io/owner": OWNER})
    await aws.router.owner(ref_of(route), rules[0])
    fault_proxy.records.clear()

    found = await asyncio.gather(*(aws.router.owner(ref_of(route), rule) for rule in rules))
    assert [each.owner for each in found] == [OWNER if rule == rules[3] else "" for rule in rules]
    assert len(fault_proxy.calls("DescribeTags")) == 2

    aws_world.elb.delete_rule(RuleArn=rules[0])
    answers: list[Any] = await asyncio.gather(
        *(aws.router.owner(ref_of(route), rule) for rule in rules), return_exceptions=True
    )
    assert isinstance(answers[0], NotFound)
    assert [each.owner for each in answers[1:]] == [OWNER if rule == rules[3] else "" for rule in rules[1:]]
