"""The double itself: it refuses, pages, forgets and answers as AWS does, or tests against it prove nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from okra.testing.aws_world import NOT_FOUND, AwsWorld, forward
from okra.testing.child import Child, uninterrupted
from okra.testing.eks_world import EksWorld
from okra.testing.metric_math import evaluate, statistic
from okra.testing.moto_health import states
from okra.testing.moto_iam import Decision, decisions
from okra.testing.moto_server import MotoServer, weights_record

OIDC: dict[str, Any] = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://i",
        "AuthorizationEndpoint": "https://a",
        "TokenEndpoint": "https://t",
        "UserInfoEndpoint": "https://u",
        "ClientId": "c",
    },
}


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return str(caught.value.response["Error"]["Code"])


# What AWS refuses


def test_actions_that_aws_refuses_are_refused_in_rules_and_listeners_alike(aws_world: AwsWorld) -> None:
    route = aws_world.route()
    old, new = route.groups["1.0.0"][0], route.groups["1.1.0"][0]
    gone = aws_world.target_group("gone")
    aws_world.delete_target_group(gone)
    more = [aws_world.target_group(f"g{number}", targets=0) for number in range(4)]
    six = dict.fromkeys([old, new, *more], 1)
    for arn in (route.arn, route.listener_arn):
        before = aws_world.actions(arn)
        for actions, code in (
            ([forward({old: 1000})], "ValidationError"),
            ([forward({old: 0, new: 0})], "ValidationError"),
            ([forward(six)], "ValidationError"),
            ([forward({gone: 1})], "TargetGroupNotFound"),
            ([{**forward({old: 1, new: 1}), "TargetGroupArn": old}], "ValidationError"),
            ([OIDC, {**forward({old: 1}), "Order": 2}], "ValidationError"),
            ([forward({aws_world.target_group(f"t{len(arn)}", protocol="TCP"): 1})], "IncompatibleProtocols"),
            (
                [forward({aws_world.target_group(f"v{len(arn)}", vpc=aws_world.new_vpc()): 1})],
                "InvalidConfigurationRequest",
            ),
        ):
            assert code_of(aws_world.set_actions, arn, actions) == code
        assert aws_world.actions(arn) == before


def test_a_secret_is_never_returned_and_kept_on_request(aws_world: AwsWorld) -> None:
    group = aws_world.target_group("g")
    secret = {**OIDC, "AuthenticateOidcConfig": {**OIDC["AuthenticateOidcConfig"], "ClientSecret": "s"}}
    kept = {**OIDC, "AuthenticateOidcConfig": {**OIDC["AuthenticateOidcConfig"], "UseExistingClientSecret": True}}
    last = {**forward({group: 1}), "Order": 2}
    listener = aws_world.listener(aws_world.load_balancer(), protocol="HTTPS", port=443, actions=[secret, last])
    assert aws_world.actions(listener)[0] == OIDC
    aws_world.set_actions(listener, [kept, last])
    assert aws_world.actions(listener)[0] == OIDC
    assert code_of(aws_world.rule, listener, 5, actions=[kept, last]) == "ValidationError", (
        "a new rule has none to keep"
    )


def test_one_unknown_arn_fails_the_whole_call(aws_world: AwsWorld) -> None:
    route = aws_world.route()
    gone = "0" * 16
    elb = aws_world.elb
    listeners = [route.listener_arn, route.listener_arn[:-16] + gone]
    balancers = [route.load_balancer_arn, route.load_balancer_arn[:-16] + gone]
    rules = [route.arn, route.arn[:-16] + gone]
    assert code_of(elb.describe_listeners, ListenerArns=listeners) == "ListenerNotFound"
    assert code_of(elb.describe_load_balancers, LoadBalancerArns=balancers) == "LoadBalancerNotFound"
    assert code_of(elb.describe_rules, RuleArns=rules) == "RuleNotFound"
    assert code_of(elb.describe_tags, ResourceArns=rules) == "RuleNotFound"
    assert code_of(elb.describe_tags, ResourceArns=[route.arn] * 21) == "ValidationError"


# What AWS answers


def test_a_single_group_is_described_both_ways_and_several_one_way(aws_world: AwsWorld) -> None:
    a, b = aws_world.target_group("a"), aws_world.target_group("b")
    listener = aws_world.listener(aws_world.load_balancer(), actions=[{"Type": "forward", "TargetGroupArn": a}])
    (action,) = aws_world.actions(listener)
    assert action["TargetGroupArn"] == a
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": a, "Weight": 1}]
    aws_world.set_weights(listener, {a: 1, b: 2})
    (action,) = aws_world.actions(listener)
    assert "TargetGroupArn" not in action


def test_a_group_knows_what_uses_it_now(aws_world: AwsWorld) -> None:
    a, b = aws_world.target_group("a"), aws_world.target_group("b")
    balancer = aws_world.load_balancer()
    listener = aws_world.listener(balancer, {a: 1})
    rule = aws_world.rule(listener, 1, {a: 1})

    def used_by(arn: str) -> list[str]:
        return list(aws_world.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"])

    assert (used_by(a), used_by(b)) == ([balancer], [])
    aws_world.set_weights(listener, {b: 1})
    assert (used_by(a), used_by(b)) == ([balancer], [balancer])
    aws_world.set_actions(rule, [NOT_FOUND])
    assert used_by(a) == []


def test_every_set_of_weights_is_on_record_until_a_reset(aws_server: MotoServer, aws_world: AwsWorld) -> None:
    a, b = aws_world.target_group("a"), aws_world.target_group("b")
    listener = aws_world.listener(aws_world.load_balancer(), {a: 1})
    rule = aws_world.rule(listener, 1, {a: 1})
    for weights in ({a: 1, b: 0}, {a: 1, b: 0}, {a: 0, b: 7}):
        aws_world.set_weights(rule, weights)
    with pytest.raises(ClientError):
        aws_world.set_weights(rule, {a: 0})
    aws_world.set_actions(listener, [NOT_FOUND])
    assert weights_record(aws_server.url, rule) == [{a: 1}, {a: 1, b: 0}, {a: 0, b: 7}]
    assert weights_record(aws_server.url, listener) == [{a: 1}, {}]
    aws_server.reset()
    assert weights_record(aws_server.url, rule) == []


def test_network_load_balancers_say_net_in_their_arns(aws_world: AwsWorld) -> None:
    assert ":loadbalancer/net/" in aws_world.load_balancer("n", network=True)
    assert ":loadbalancer/app/" in aws_world.load_balancer("a")


def test_a_deleted_group_is_still_listed_by_the_tagging_api_until_a_reset(
    aws_world: AwsWorld, aws_server: MotoServer
) -> None:
    arn = aws_world.target_group("g", version="1.0.0")
    aws_world.delete_target_group(arn)
    tagging = aws_world.client("resourcegroupstaggingapi")
    listed = tagging.get_resources()["ResourceTagMappingList"]
    assert [resource["ResourceARN"] for resource in listed] == [arn]
    assert aws_world.elb.describe_target_groups()["TargetGroups"] == []
    aws_server.reset()
    assert tagging.get_resources()["ResourceTagMappingList"] == []


def test_fifty_tags_fit_and_no_more(aws_world: AwsWorld) -> None:
    arn = aws_world.target_group("g")
    aws_world.tag(arn, {f"k{number}": "v" for number in range(50)})
    assert code_of(aws_world.tag, arn, {"one-more": "v"}) == "TooManyTags"
    aws_world.tag(arn, {"k0": "w"})
    assert aws_world.tags(arn)["k0"] == "w"


@pytest.mark.parametrize(
    ("tag", "registered", "expected"),
    [
        (None, 2, ["healthy", "healthy"]),
        ("1", 3, ["healthy", "unhealthy", "unhealthy"]),
        ("3", 1, ["healthy"] * 3),
        ("0", 0, []),
        ("healthy=1, initial=1", 3, ["healthy", "initial", "unhealthy"]),
    ],
)
def test_a_tag_decides_target_health(tag: str | None, registered: int, expected: list[str]) -> None:
    assert states(tag, registered) == expected


def test_a_health_tag_that_means_nothing_is_an_error_not_health() -> None:
    with pytest.raises(ValueError, match="neither"):
        states("fine", 2)


# Clusters


def test_a_cluster_is_as_its_tags_say_and_hides_them(aws_world: AwsWorld) -> None:
    eks, client = EksWorld(aws_world), aws_world.client("eks")
    eks.create("web-1", status="CREATING", tags={"role": "web"})
    found = client.describe_cluster(name="web-1")["cluster"]
    assert (found["status"], found["certificateAuthority"], found["tags"]) == ("CREATING", {}, {"role": "web"})
    assert "endpoint" not in found
    eks.change("web-1", status="ACTIVE", endpoint="https://127.0.0.1:6443")
    found = client.describe_cluster(name="web-1")["cluster"]
    assert (found["status"], found["endpoint"], found["tags"]) == ("ACTIVE", "https://127.0.0.1:6443", {"role": "web"})
    eks.change("web-1", ca_data="x" * 2000, status="UPDATING")
    found = client.describe_cluster(name="web-1")["cluster"]
    assert (found["status"], found["certificateAuthority"]) == ("UPDATING", {"data": "x" * 2000})
    assert found["resourcesVpcConfig"]["vpcId"] == aws_world.vpc


def test_a_deleted_cluster_is_still_listed_by_the_tagging_api_until_a_reset(
    aws_world: AwsWorld, aws_server: MotoServer
) -> None:
    eks, tagging = EksWorld(aws_world), aws_world.client("resourcegroupstaggingapi")
    arn = eks.create("web-1", tags={"role": "web"})
    eks.delete("web-1")
    listed = tagging.get_resources(ResourceTypeFilters=["eks:cluster"])["ResourceTagMappingList"]
    assert listed == [{"ResourceARN": arn, "Tags": [{"Key": "role", "Value": "web"}]}]
    assert aws_world.client("eks").list_clusters()["clusters"] == []
    aws_server.reset()
    assert tagging.get_resources()["ResourceTagMappingList"] == []


def test_who_may_not_describe_clusters_is_refused_and_it_is_on_record(
    aws_world: AwsWorld, aws_server: MotoServer
) -> None:
    EksWorld(aws_world).create("web-1")
    iam = aws_world.client("iam")
    iam.create_user(UserName="some")
    key = iam.create_access_key(UserName="some")["AccessKey"]
    with AwsWorld(aws_server.url, credentials=key) as some:
        assert code_of(some.client("eks").describe_cluster, name="web-1") == "AccessDenied"
    assert decisions(aws_server.url) == [
        Decision("arn:aws:iam::123456789012:user/some", "eks:DescribeCluster", ("*",), allowed=False)
    ]


# Metrics

BUCKETS = [0.0, 60.0, 120.0]
SERIES = {"m1": {0.0: 10.0, 60.0: 20.0, 120.0: 0.0}, "m2": {60.0: 5.0}}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 * 2 + 1", {0.0: 21.0, 60.0: 41.0, 120.0: 1.0}),
        ("m2 / m1", {60.0: 0.25}),
        ("m1 / m1", {0.0: 1.0, 60.0: 1.0}),
        ("FILL(m2, 0) / m1", {0.0: 0.0, 60.0: 0.25}),
        ("-m2", {60.0: -5.0}),
        ("SUM([m1, m2])", {0.0: 10.0, 60.0: 25.0, 120.0: 0.0}),
        ("MAX(METRICS())", {0.0: 10.0, 60.0: 20.0, 120.0: 0.0}),
        ("SUM(METRICS('m2'))", {60.0: 5.0}),
        ("MAX(m1)", {0.0: 20.0, 60.0: 20.0, 120.0: 20.0}),
        ("IF(m1 > 5, 100, 0)", {0.0: 100.0, 60.0: 100.0, 120.0: 0.0}),
        ("FLOOR(m2 / 2)", {60.0: 2.0}),
    ],
)
def test_metric_math(expression: str, expected: dict[float, float]) -> None:
    assert evaluate(expression, SERIES, BUCKETS) == expected


@pytest.mark.parametrize("expression", ["m3", "m1 +", "DIFF(m1)", "METRICS()", "__import__('os')", "m1.x"])
def test_math_that_it_does_not_know_is_refused(expression: str) -> None:
    with pytest.raises(Exception, match="Error in expression"):
        evaluate(expression, SERIES, BUCKETS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sum", 10.0),
        ("Average", 2.5),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("SampleCount", 4.0),
        ("p50", 2.0),
        ("p99", 4.0),
    ],
)
def test_statistics(name: str, expected: float) -> None:
    assert statistic(name, [(value, value, value, 1.0) for value in (4.0, 1.0, 3.0, 2.0)]) == expected


# The process


def test_it_ends_when_its_parent_does() -> None:
    code = (
        "import os, sys; from okra.testing.child import Child; child = Child('okra.testing.moto_server');"
        "child.start(); print(child._process.pid, flush=True); os._exit(9)"
    )
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    pid = int(started.stdout)
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        subprocess.run(["sleep", "0.05"], check=True)
    os.kill(pid, 9)
    pytest.fail("the double outlived its parent")


def test_one_that_cannot_start_says_why() -> None:
    child = Child("okra.testing.nothing_here")
    with pytest.raises(RuntimeError, match="nothing_here"):
        child.start()
    child.stop()


def test_a_signal_is_heard_only_after_what_it_would_have_cut_in_two() -> None:
    made = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        made.append("whole")
    assert made == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
