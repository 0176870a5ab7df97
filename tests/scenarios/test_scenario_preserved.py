"""What the Cell doesn't own stays as it is: conditions, stickiness, other actions and their order, foreign groups."""

from __future__ import annotations

from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld, Route, forward
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

OIDC = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://login.example.com",
        "AuthorizationEndpoint": "https://login.example.com/authorize",
        "TokenEndpoint": "https://login.example.com/token",
        "UserInfoEndpoint": "https://login.example.com/me",
        "ClientId": "okra",
        "ClientSecret": "hush",
        "SessionCookieName": "session",
        "Scope": "openid email",
        "SessionTimeout": 3600,
        "OnUnauthenticatedRequest": "authenticate",
    },
}
CONDITIONS = [
    {"Field": "host-header", "HostHeaderConfig": {"Values": ["shop.example.com", "*.example.org"]}},
    {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Tenant", "Values": ["blue"]}},
]


def without_weights(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The actions but for whom they forward to."""
    found = []
    for action in actions:
        kept = {name: value for name, value in action.items() if name != "TargetGroupArn"}
        if "ForwardConfig" in kept:
            kept["ForwardConfig"] = {k: v for k, v in kept["ForwardConfig"].items() if k != "TargetGroups"}
        found.append(kept)
    return found


def made(world: AwsWorld) -> Route:
    """A rule of an HTTPS listener that signs people in, sticks them to a group, and takes only some requests."""
    old = world.target_group("old", version="1.0.0", tags={"role": "web"}, targets=1)
    new = world.target_group("new", version="1.1.0", tags={"role": "web"}, targets=1)
    balancer = world.load_balancer()
    listener = world.listener(balancer, protocol="HTTPS", port=443)
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 1234}}
    actions = [OIDC, {**forward({old: 1}, **sticky), "Order": 2}]
    arn = world.rule(listener, 10, actions=actions, conditions=CONDITIONS)
    return Route(listener, arn, balancer, {"1.0.0": [old], "1.1.0": [new]}, priority=10)


def test_conditions_stickiness_and_sign_in_survive_a_rollout_byte_for_byte(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = made(world)
    before = world.described_rule(route.arn)
    okra.write(cell("web", route))
    seen = observe(route)
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    after = world.described_rule(route.arn)
    assert without_weights(after["Actions"]) == without_weights(before["Actions"])
    same = {"Conditions", "Priority", "IsDefault", "RuleArn"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_a_revert_leaves_them_too_and_detaches_the_canary_of_a_sticky_route(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = made(world)
    before = world.described_rule(route.arn)
    okra.write(cell("web", route, updateStrategy=steps(20, each="20s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.command("abort")
    assert process.wait() == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 0]
    after = world.described_rule(route.arn)
    assert without_weights(after["Actions"]) == without_weights(before["Actions"])
    assert after["Conditions"] == before["Conditions"]
    assert set(world.weights(route.arn)) == set(route.groups["1.0.0"]), "stickiness outranks a weight of 0"


def test_a_foreign_group_at_weight_0_stays_where_it_is(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    foreign = world.target_group("foreign", targets=1)
    world.set_weights(route.arn, {route.groups["1.0.0"][0]: 1, foreign: 0})
    okra.write(cell("web", route, updateStrategy=steps(50)))
    seen = observe(route)
    code, process = okra.run()
    assert code == 0, process.said
    assert all(weights[foreign] == 0 for weights in seen.seen)
    assert seen.percents("1.1.0") == [0, 50, 100]


def test_other_rules_of_the_listener_are_not_touched(world: AwsWorld, okra: Okra) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    other = world.rule(route.listener_arn, 20, {route.groups["1.0.0"][0]: 7})
    before = world.described_rule(other), world.described_listener(route.listener_arn)
    okra.write(cell("web", route, updateStrategy=steps(50)))
    assert okra.run()[0] == 0
    assert (world.described_rule(other), world.described_listener(route.listener_arn)) == before
