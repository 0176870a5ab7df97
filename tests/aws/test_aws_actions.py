"""Actions, pure: what a list says, and the exact list that is sent back with other weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from okra.aws.actions import routing_of, with_weights
from okra.errors import Invalid, Refused
from okra.rollout.observation import Action

A, B, C = (f"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/0" for name in "abc")


def groups(**weights: int) -> list[dict[str, Any]]:
    return [{"TargetGroupArn": {"a": A, "b": B, "c": C}[name], "Weight": weight} for name, weight in weights.items()]


FORWARD = {"Type": "forward", "Order": 2, "ForwardConfig": {"TargetGroups": groups(a=100, b=0)}}
OIDC: dict[str, Any] = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://id.example.com",
        "AuthorizationEndpoint": "https://id.example.com/a",
        "TokenEndpoint": "https://id.example.com/t",
        "UserInfoEndpoint": "https://id.example.com/u",
        "ClientId": "okra",
        "Scope": "openid email",
        "SessionTimeout": 3600,
        "AuthenticationRequestExtraParams": {"display": "page"},
    },
}
COGNITO = {
    "Type": "authenticate-cognito",
    "Order": 1,
    "AuthenticateCognitoConfig": {"UserPoolArn": "arn:p", "UserPoolClientId": "c", "UserPoolDomain": "d"},
}
JWT = {
    "Type": "jwt-validation",
    "Order": 1,
    "JwtValidationConfig": {"JwksEndpoint": "https://x", "Issuer": "https://y"},
}
REDIRECT = {"Type": "redirect", "Order": 2, "RedirectConfig": {"StatusCode": "HTTP_301", "Host": "example.com"}}
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}


def rewritten(actions: list[dict[str, Any]], weights: dict[str, int], *, network: bool = False) -> list[dict[str, Any]]:
    """`actions` with `weights`, and a proof that the original was left alone."""
    before = deepcopy(actions)
    result = with_weights(actions, routing_of(actions).action, weights, network=network)
    assert actions == before, "the basis belongs to the observation"
    return result


# Reading


def test_weights_keep_the_order_of_the_action() -> None:
    routing = routing_of([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups(c=1, a=999, b=0)}}])
    assert list(routing.weights.items()) == [(C, 1), (A, 999), (B, 0)]


def test_a_group_alone_weighs_one_however_it_is_written() -> None:
    for action in (
        {"Type": "forward", "TargetGroupArn": A},
        {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": A}]}},
        {"Type": "forward", "TargetGroupArn": A, "ForwardConfig": {"TargetGroups": groups(a=1)}},
        {"Type": "forward", "TargetGroupArn": A, "ForwardConfig": {}},
    ):
        assert routing_of([action]).weights == {A: 1}


@pytest.mark.parametrize("first", [OIDC, COGNITO, JWT])
def test_authentication_before_a_forward_is_still_a_forward(first: dict[str, Any]) -> None:
    routing = routing_of([first, FORWARD])
    assert routing.action is Action.FORWARD
    assert routing.weights == {A: 100, B: 0}


def test_stickiness_counts_only_when_it_is_enabled() -> None:
    for config, sticky in (({"Enabled": True, "DurationSeconds": 60}, True), ({"Enabled": False}, False), ({}, False)):
        forward = {**FORWARD, "ForwardConfig": {"TargetGroups": groups(a=1), "TargetGroupStickinessConfig": config}}
        assert routing_of([forward]).sticky is sticky


@pytest.mark.parametrize(
    ("actions", "action"),
    [([REDIRECT], Action.REDIRECT), ([OIDC, REDIRECT], Action.REDIRECT), ([FIXED], Action.FIXED_RESPONSE)],
)
def test_a_route_without_a_forward_says_what_it_does(actions: list[dict[str, Any]], action: Action) -> None:
    assert routing_of(actions).action is action
    assert not routing_of(actions).weights


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [{"Type": "teleport", "Order": 1}, FORWARD],
        [{"Order": 1}, FORWARD],
        [{"Type": "authenticate-oidc", "Order": 1}, FORWARD],
        [{"Type": "jwt-validation", "Order": 1}, FORWARD],
        [{"Type": "redirect"}],
        [{"Type": "forward"}],
        [{"Type": "forward", "ForwardConfig": {"TargetGroups": []}}],
        [OIDC],
        [FORWARD, FORWARD],
    ],
)
def test_what_could_not_be_resent_unharmed_is_unsupported_and_never_written(actions: list[dict[str, Any]]) -> None:
    routing = routing_of(actions)
    assert routing.action is Action.UNSUPPORTED
    with pytest.raises(Refused) as refused:
        with_weights(actions, routing.action, {A: 1}, network=False)
    assert refused.value.reason == "UnsupportedAction"


def test_a_field_that_the_sdk_dropped_makes_the_action_unsupported() -> None:
    assert routing_of([FORWARD], unknown_fields=["Mirror"]).action is Action.UNSUPPORTED


# Writing


def test_only_the_weights_change_in_a_plain_forward() -> None:
    assert rewritten([FORWARD], {A: 9, B: 1}) == [
        {"Type": "forward", "Order": 2, "ForwardConfig": {"TargetGroups": groups(a=9, b=1)}}
    ]


def test_groups_are_sent_in_the_order_of_the_weights_and_may_come_and_go() -> None:
    sent = rewritten([FORWARD], {C: 1, A: 99})
    assert sent[0]["ForwardConfig"]["TargetGroups"] == groups(c=1, a=99)


@pytest.mark.parametrize("stickiness", [{"Enabled": True, "DurationSeconds": 86400}, {"Enabled": False}])
def test_stickiness_of_an_application_load_balancer_is_sent_back_as_it_was(stickiness: dict[str, Any]) -> None:
    forward = {**FORWARD, "ForwardConfig": {"TargetGroups": groups(a=1), "TargetGroupStickinessConfig": stickiness}}
    sent = rewritten([forward], {A: 1, B: 1})
    assert sent[0]["ForwardConfig"]["TargetGroupStickinessConfig"] == stickiness


def test_a_target_group_arn_is_never_sent_beside_a_forward_config() -> None:
    single = {"Type": "forward", "TargetGroupArn": A, "ForwardConfig": {"TargetGroups": groups(a=1)}}
    for weights in ({A: 1}, {A: 1, B: 1}):
        assert "TargetGroupArn" not in rewritten([single], weights)[0]


def test_an_oidc_action_keeps_its_place_and_asks_aws_to_keep_its_secret() -> None:
    with_secret = {**OIDC, "AuthenticateOidcConfig": {**OIDC["AuthenticateOidcConfig"], "ClientSecret": "s3cret"}}
    for oidc in (OIDC, with_secret):
        sent = rewritten([oidc, FORWARD], {A: 1, B: 1})
        expected = {**OIDC["AuthenticateOidcConfig"], "UseExistingClientSecret": True}
        assert sent[0] == {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": expected}
        assert "s3cret" not in str(sent)
        assert [action["Order"] for action in sent] == [1, 2]


@pytest.mark.parametrize("first", [COGNITO, JWT])
def test_other_authentication_is_sent_back_as_it_was(first: dict[str, Any]) -> None:
    assert rewritten([first, FORWARD], {A: 1})[0] == first


@pytest.mark.parametrize("taken", [REDIRECT, FIXED])
def test_taking_over_replaces_only_the_routing_action(taken: dict[str, Any]) -> None:
    sent = rewritten([OIDC, taken], {A: 1, B: 1})
    order = {"Order": taken["Order"]} if "Order" in taken else {}
    assert sent[0]["Type"] == "authenticate-oidc"
    assert sent[1] == {"Type": "forward", **order, "ForwardConfig": {"TargetGroups": groups(a=1, b=1)}}


def test_a_network_load_balancer_gets_no_stickiness_unless_a_person_turned_it_on() -> None:
    for stickiness, expected in (
        ({"Enabled": False}, None),
        ({"Enabled": False, "DurationSeconds": 60}, None),
        ({"Enabled": True, "DurationSeconds": 60}, {"Enabled": True}),
    ):
        config = {"TargetGroups": groups(a=1), "TargetGroupStickinessConfig": stickiness}
        sent = rewritten([{"Type": "forward", "ForwardConfig": config}], {A: 1, B: 1}, network=True)
        assert sent[0]["ForwardConfig"].get("TargetGroupStickinessConfig") == expected


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({}, "without target groups"),
        ({A: -1, B: 1}, "0 to 999"),
        ({A: 1000}, "0 to 999"),
        ({A: 1.5}, "0 to 999"),
        ({A: True}, "0 to 999"),
        ({A: 0, B: 0}, "can't all be 0"),
        ({f"{A}{number}": 1 for number in range(6)}, "takes 5"),
    ],
)
def test_weights_that_aws_would_refuse_are_not_sent(weights: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid) as invalid:
        with_weights([FORWARD], Action.FORWARD, weights, network=False)
    assert says in str(invalid.value)


def test_the_limits_themselves_are_allowed() -> None:
    weights = {f"{A}{number}": 999 * (number == 0) for number in range(5)}
    assert len(rewritten([FORWARD], weights)[0]["ForwardConfig"]["TargetGroups"]) == 5
