"""An ALB as the Cell that it is, but for where it goes: one rule, its target groups listed, pinned to one version.

So whatever looks after a Cell's route looks after an ALB's, and only the core knows that it doesn't end at 100 % of one
side (`RoutePolicy.goal`).
"""

from __future__ import annotations

from dataclasses import replace

from okra.api.alb import ALB
from okra.api.cell import Cell, CellSpec
from okra.api.defaults import Defaults
from okra.api.ingress import ApplicationLoadBalancer, Ingress, IngressType, ListedTargetGroup, ListenerRule
from okra.api.strategy import Canary, UpdateStrategy
from okra.rollout.compile import compile_policy
from okra.rollout.distribution import version_of
from okra.rollout.policy import Policy

PERCENT = 100


def compile_alb(alb: ALB, defaults: Defaults) -> Policy:
    """What the ALB asks for; what it leaves out comes from the settings."""
    policy = compile_policy(as_cell(alb), defaults)
    routes = tuple(replace(route, goal=goal_of(alb), place="spec") for route in policy.routes)
    return replace(policy, routes=routes, name=f"alb/{alb.metadata.name}")


def goal_of(alb: ALB) -> dict[str, int]:
    return {each.target_group_arn: each.weight for each in alb.spec.destinations}


def as_cell(alb: ALB) -> Cell:
    """The Cell that has the same route, target groups and checks."""
    spec, version = alb.spec, version_of(goal_of(alb))
    rule = None
    if spec.priority is not None:
        rule = ListenerRule(priority=spec.priority, conditions=spec.conditions)
    balancer = ApplicationLoadBalancer(
        listener_arn=spec.listener_arn,
        rule=rule,
        take_over=spec.take_over,
        target_groups=tuple(
            ListedTargetGroup(arn=each.target_group_arn, version=version) for each in spec.destinations
        ),
    )
    canary = Canary(
        step_weight=spec.step_weight,
        total_weight=None if spec.step_weight is None else PERCENT,
        step_interval=spec.step_interval,
    )
    return Cell(
        api_version=alb.api_version,
        kind=alb.kind,
        metadata=alb.metadata,
        spec=CellSpec(
            aws=spec.aws,
            ingress=Ingress(type=IngressType.ALB, aws_application_load_balancer=balancer),
            version=version,
            update_strategy=UpdateStrategy(canary=canary),
            checks=spec.checks,
            paused=spec.paused,
        ),
    )
