"""From an ALB to what the core decides by: the policy of a Cell, and where it goes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from okra.api.alb import ALB
from okra.api.cell import Cell
from okra.api.defaults import Defaults
from okra.api.ingress import ApplicationLoadBalancer
from okra.api.parse import parse
from okra.rollout.compile_alb import as_cell, compile_alb
from okra.rollout.distribution import version_of
from tests.rollout.world import tg

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/0123456789abcdef/0123456789abcdef"


def alb(**spec: Any) -> ALB:
    destinations = [
        {"targetGroupARN": _arn(name), "weight": weight} for name, weight in (("a", 20), ("b", 80), ("c", 0))
    ]
    model, findings = parse(
        {
            "apiVersion": "okra.mumoshu.github.io/v1alpha1",
            "kind": "ALB",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"listenerARN": LISTENER, "destinations": destinations, **spec},
        }
    )
    assert findings == []
    assert isinstance(model, ALB)
    return model


def _arn(name: str) -> str:
    return tg(name).replace(":1:", ":123456789012:")


def test_its_route_goes_to_the_wanted_weights_under_the_name_of_that_distribution() -> None:
    policy = compile_alb(alb(priority=10), Defaults(install="here"))
    (route,) = policy.routes
    goal = {_arn("a"): 20, _arn("b"): 80, _arn("c"): 0}
    assert (route.key, route.goal, policy.pin) == (f"{LISTENER}#10", goal, version_of(goal))
    assert route.listed == dict.fromkeys(goal, policy.pin)
    assert (policy.owner, policy.name, policy.replicas) == ("here/shop/ALB/web", "alb/web", 1)


@pytest.mark.parametrize(
    ("spec", "defaults", "shares"),
    [
        ({"stepWeight": 40}, {}, [Fraction(2, 5), Fraction(4, 5), Fraction(1)]),
        ({}, {"step_weight": 1, "total_weight": 2}, [Fraction(1, 2), Fraction(1)]),
    ],
)
def test_its_steps_are_percent_of_the_way_or_the_settings(
    spec: dict[str, Any], defaults: dict[str, Any], shares: list[Fraction]
) -> None:
    policy = compile_alb(alb(stepInterval="7s", **spec), Defaults(**defaults))
    assert [(step.share, step.wait) for step in policy.plan] == [(share, 7.0) for share in shares]


def test_the_cell_that_it_is_has_its_rule_conditions_and_checks() -> None:
    made = as_cell(alb(priority=10, conditions={"hosts": ["a.io"]}, checks=[{"name": "c", "from": {"checkName": "c"}}]))
    rule = balancer_of(made).rule
    assert rule is not None
    assert (rule.priority, rule.conditions and rule.conditions.hosts) == (10, ("a.io",))
    assert [check.name for check in made.spec.checks] == ["c"]
    assert (made.kind, made.metadata.name) == ("ALB", "web")
    assert balancer_of(as_cell(alb())).rule is None


def balancer_of(cell: Cell) -> ApplicationLoadBalancer:
    assert cell.spec.ingress is not None
    assert cell.spec.ingress.aws_application_load_balancer is not None
    return cell.spec.ingress.aws_application_load_balancer
