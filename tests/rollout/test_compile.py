"""From a Cell and the controller's settings to the core's policy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from okra.api.cell import Cell
from okra.api.defaults import Defaults
from okra.api.findings import Finding
from okra.api.meta import PARENT_LABEL
from okra.api.parse import parse
from okra.api.provider import Provider
from okra.rollout.compile import NEEDS_KUBERNETES, compile_policy, invalid
from okra.rollout.policy import OnDrift, OnFailure, OnNewerVersion
from okra.rollout.state import Step, StepKind

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/0123456789abcdef/0123456789abcdef"
NETWORK = LISTENER.replace("/app/", "/net/")
RULE = LISTENER.replace(":listener/", ":listener-rule/") + "/0123456789abcdef"
PROVIDER = {"prometheus": {"address": "http://127.0.0.1:9090"}}
LISTED = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-v{0}/{0:016x}"
SELECTOR = {"matchLabels": {"role": "web"}}


def alb(**changes: Any) -> dict[str, Any]:
    block = {"listenerARN": LISTENER, "targetGroupSelector": SELECTOR, **changes}
    return {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": block}


def nlb() -> dict[str, Any]:
    block = {"listenerARN": NETWORK, "targetGroupSelector": SELECTOR}
    return {"type": "AWSNetworkLoadBalancer", "awsNetworkLoadBalancer": block}


def analysis(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "analysis": {"query": "q", "max": 1, "provider": PROVIDER, **changes}}


def cell(**spec: Any) -> Cell:
    shape = {} if {"ingresses", "applications"} & spec.keys() else {"ingress": alb()}
    meta = {"name": "web", "namespace": "shop"}
    obj = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "Cell", "metadata": meta, "spec": {**shape, **spec}}
    model, findings = parse(obj)
    assert isinstance(model, Cell), findings
    return model


def test_listed_target_groups_have_the_versions_that_the_list_says() -> None:
    groups = [{"arn": LISTED.format(n), "version": f"v{n}", "cluster": f"web-v{n}"} for n in (1, 2)]
    (route,) = compile_policy(cell(ingress=alb(targetGroupSelector=None, targetGroups=groups)), Defaults()).routes
    assert route.listed == {LISTED.format(1): "v1", LISTED.format(2): "v2"}


def plan(canary: dict[str, Any] | None = None, kind: str = "Canary", **defaults: Any) -> tuple[Step, ...]:
    strategy = {"type": kind} | ({"canary": canary} if canary else {})
    return compile_policy(cell(updateStrategy=strategy), Defaults(**defaults)).plan


def test_a_minimal_cell_gets_everything_from_the_settings() -> None:
    policy = compile_policy(cell(replicas=2), Defaults(bake_time=7.0, health_timeout=9.0))
    assert (policy.owner, policy.name, policy.replicas, policy.pin) == ("okra/shop/web", "web", 2, None)
    assert (policy.bake_time, policy.health_timeout, policy.retain_for) == (7.0, 9.0, 600.0)
    assert (policy.min_healthy, policy.on_failure, policy.failure_delay) == (Fraction(1, 2), OnFailure.ROLLBACK, 60.0)
    assert (policy.progress_deadline, policy.deadline_reverts, policy.paused) == (None, False, False)
    assert [step.share for step in policy.plan] == [Fraction(k, 10) for k in range(1, 11)]
    assert {step.wait for step in policy.plan} == {60.0}
    (route,) = policy.routes
    assert (route.key, route.take_over) == (LISTENER, False)
    assert route.selects({"role": "web"})
    assert not route.selects({"role": "api"})


def test_the_commands_that_a_complex_cells_child_names_are_for_its_parent() -> None:
    made = cell()
    metadata = made.metadata.model_copy(update={"labels": {PARENT_LABEL: "shop"}})
    policy = compile_policy(made.model_copy(update={"metadata": metadata}), Defaults())
    assert (policy.name, policy.child, policy.owner) == ("shop", True, "okra/shop/web")


def test_a_cells_own_fields_win_over_the_settings() -> None:
    policy = compile_policy(
        cell(
            version="2.0.0",
            minHealthyTargets=3,
            healthTimeout="1m",
            propagationDelay="2s",
            bakeTime="3s",
            retainFor="4s",
            drainTimeout="5s",
            progressDeadline="1h",
            progressDeadlineAction="Revert",
            onFailure={"action": "Stop", "delay": "6s"},
            onDrift="Reassert",
            paused=True,
            updateStrategy={"onNewerVersion": "Finish"},
            prechecks=[analysis("a")],
            checks=[{**analysis("b", interval="45s"), "onInconclusive": "Revert"}],
            postchecks=[analysis("c")],
        ),
        Defaults(),
    )
    assert (policy.pin, policy.min_healthy, policy.health_timeout) == ("2.0.0", 3, 60.0)
    assert (policy.propagation_delay, policy.bake_time, policy.retain_for, policy.drain_timeout) == (2.0, 3.0, 4.0, 5.0)
    assert (policy.progress_deadline, policy.deadline_reverts, policy.paused) == (3600.0, True, True)
    assert (policy.on_failure, policy.failure_delay) == (OnFailure.STOP, 6.0)
    assert (policy.on_drift, policy.on_newer_version) == (OnDrift.REASSERT, OnNewerVersion.FINISH)
    assert (policy.prechecks, policy.checks, policy.postchecks) == (("a",), ("b",), ("c",))
    assert (policy.check_interval, policy.revert_when_inconclusive) == (45.0, frozenset({"b"}))


def test_routes_are_named_by_rule_by_priority_and_by_listener() -> None:
    routes = [alb(rule={"ruleARN": RULE}), alb(rule={"priority": 10}, takeOver=True), nlb()]
    found = compile_policy(cell(ingresses=routes), Defaults()).routes
    assert [(route.key, route.take_over) for route in found] == [
        (RULE, False),
        (f"{LISTENER}#10", True),
        (NETWORK, False),
    ]


def test_a_route_knows_where_the_spec_names_it() -> None:
    for spec, place in (({"ingress": alb()}, "spec.ingress"), ({"ingresses": [alb()]}, "spec.ingresses[0]")):
        assert [route.place for route in compile_policy(cell(**spec), Defaults()).routes] == [place]


def test_equal_steps_go_up_to_all_whatever_the_parts() -> None:
    assert [step.share for step in plan({"stepWeight": 40, "totalWeight": 100, "stepInterval": "5s"})] == [
        Fraction(2, 5),
        Fraction(4, 5),
        Fraction(1),
    ]
    assert plan({"stepWeight": 1, "totalWeight": 3, "stepInterval": "5s"})[0] == Step(
        StepKind.SET_WEIGHT, Fraction(1, 3), 5.0
    )


def test_blue_green_is_one_step_of_all() -> None:
    assert plan(kind="BlueGreen", step_interval=3.0) == (Step(StepKind.SET_WEIGHT, Fraction(1), 3.0),)


def test_explicit_steps_end_at_all_and_say_themselves_how_long() -> None:
    steps = [
        {"setWeight": 5},
        {"pause": {"duration": "10m"}},
        {"pause": {}},
        {"approval": {}},
        {"analysis": {}},
        {"analysis": {"duration": "5m"}},
    ]
    few = Fraction(1, 20)
    assert plan({"steps": steps}) == (
        Step(StepKind.SET_WEIGHT, few),
        Step(StepKind.PAUSE, few, 600.0),
        Step(StepKind.PAUSE, few, None),
        Step(StepKind.APPROVAL, few, None),
        Step(StepKind.ANALYSIS, few, 0.0),
        Step(StepKind.ANALYSIS, few, 300.0),
        Step(StepKind.SET_WEIGHT, Fraction(1)),
    )
    assert plan({"steps": [{"setWeight": 100}]}) == (Step(StepKind.SET_WEIGHT, Fraction(1)),)


COMPLEX = {
    "clusters": [{"name": "a", "labels": {"role": "web"}}],
    "applications": [
        {
            "name": "web",
            "argocd": {"clusterSecret": {"labels": {"a": "b"}}, "applicationSet": {"name": "web"}},
        }
    ],
}
RECORDS = {
    "hostedZoneID": "Z0123456789ABC",
    "name": "web.example.com",
    "type": "CNAME",
    "ttl": 60,
    "endpoints": [{"version": "1.0.0", "value": "a.example.com"}],
}


RECORD_SET = "arn:aws:route53:aws-global::recordset/Z0123456789ABC/web.example.com/CNAME"


def dns(**changes: Any) -> dict[str, Any]:
    return {"type": "Route53", "route53": {**RECORDS, **changes}}


def alias(name: str) -> dict[str, Any]:
    return {"version": name, "alias": {"hostedZoneID": "Z35", "dnsName": f"{name}.elb.example.com"}}


def test_records_are_a_route_of_their_endpoints_within_the_limits_of_route_53() -> None:
    _, route = compile_policy(cell(ingresses=[alb(), dns()]), Defaults()).routes
    assert (route.key, route.place) == (RECORD_SET, "spec.ingresses[1]")
    assert route.listed == {f"{RECORD_SET}/a.example.com": "1.0.0"}
    assert (route.single, route.places, route.limit) == (True, 100, 255)


@pytest.mark.parametrize(
    ("aws", "partition"),
    [
        ({"region": "eu-west-1"}, "aws"),
        ({"region": "cn-north-1"}, "aws-cn"),
        ({"region": "us-gov-west-1"}, "aws-us-gov"),
        ({"roleARN": "arn:aws-cn:iam::123456789012:role/okra"}, "aws-cn"),
    ],
)
def test_records_are_in_the_partition_of_their_account(aws: dict[str, str], partition: str) -> None:
    (route,) = compile_policy(cell(ingresses=[dns()], aws=aws), Defaults()).routes
    assert route.key == RECORD_SET.replace("arn:aws:", f"arn:{partition}:").replace("aws-global", f"{partition}-global")


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({"ingresses": [dns(ttl=120)]}, 120.0),
        ({"ingresses": [dns(ttl=120), alb()]}, 120.0),
        ({"ingresses": [dns(ttl=120)], "propagationDelay": "5m"}, 300.0),
        ({"ingresses": [dns(ttl=None, type="A", endpoints=[alias("a")])]}, 60.0),
        ({"ingresses": [dns(ttl=5, type="A", endpoints=[{"version": "b", "value": "192.0.2.1"}])]}, 15.0),
        ({"ingresses": [alb()]}, 15.0),
    ],
)
def test_nothing_is_measured_while_resolvers_may_answer_what_was_before(spec: dict[str, Any], seconds: float) -> None:
    assert compile_policy(cell(**spec), Defaults()).propagation_delay == seconds


def test_clusters_and_applications_are_not_for_the_actor_of_routes() -> None:
    problem = compile_policy(cell(**COMPLEX), Defaults()).problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert problem.message == f"spec.applications: {NEEDS_KUBERNETES}"


def test_a_check_without_a_provider_needs_the_settings() -> None:
    bare = {"name": "b", "analysis": {"query": "q", "max": 1}}
    spec = cell(checks=[analysis("a"), bare, {"name": "c", "from": {"checkName": "other"}}])
    problem = compile_policy(spec, Defaults()).problem
    assert problem is not None
    assert (problem.reason, "spec.checks[1].analysis.provider" in problem.message) == ("InvalidSpec", True)
    assert compile_policy(spec, Defaults(check_provider=Provider.model_validate(PROVIDER))).problem is None


@pytest.mark.parametrize(("count", "end"), [(1, "p0: m0"), (3, "p2: m2"), (5, "p2: m2 (and 2 more)")])
def test_an_invalid_object_says_the_first_findings_and_how_many_more(count: int, end: str) -> None:
    problem = invalid([Finding(f"p{n}", f"m{n}") for n in range(count)]).problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert problem.message.startswith("p0: m0")
    assert problem.message.endswith(end)


def test_a_child_of_several_routes_moves_on_each_as_many_groups_as_its_cell_lists() -> None:
    def route(priority: int, *versions: str) -> dict[str, Any]:
        groups = [{"arn": LISTED.format(priority + index), "version": each} for index, each in enumerate(versions)]
        block = {"listenerARN": LISTENER, "rule": {"priority": priority}, "targetGroups": groups}
        return {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": block}

    made = cell(ingresses=[route(10, "v1", "v2", "v2"), route(20, "v1", "v2")], version="v2")
    labels = made.metadata.model_copy(update={"labels": {PARENT_LABEL: "shop"}})
    child = compile_policy(made.model_copy(update={"metadata": labels}), Defaults())
    assert [each.whole for each in child.routes] == [2, 1]
    assert [each.whole for each in compile_policy(made, Defaults()).routes] == [0, 0]
