"""A Cell and the controller's settings → the core's Policy (DESIGN §4, §12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from okra.api.aws import AWSAccount
from okra.api.base import Loc
from okra.api.cell import Cell, CellSpec
from okra.api.checks import CellCheck, OnInconclusive
from okra.api.defaults import Defaults
from okra.api.durations import Duration
from okra.api.findings import Finding, path_of
from okra.api.ingress import ApplicationLoadBalancer, Ingress, NetworkLoadBalancer
from okra.api.meta import PARENT_LABEL
from okra.api.policies import DeadlineAction
from okra.api.records import endpoint_arn, global_region, record_set_arn
from okra.api.route53 import Route53
from okra.api.strategy import Step as ApiStep
from okra.api.strategy import StrategyType
from okra.rollout.observation import Problem
from okra.rollout.policy import (
    ALIAS_TTL,
    OnDrift,
    OnFailure,
    OnNewerVersion,
    Policy,
    RoutePolicy,
    bare,
    route_key,
)
from okra.rollout.state import Step, StepKind
from okra.rollout.weights import ONE

LEAST_CHECK_INTERVAL = 10.0
NEEDS_KUBERNETES = (
    "clusters and applications need Kubernetes, and `okra controller` there; give the Cell an ingress here."
)
NEEDS_ARGOCD = (
    "this Okra looks after no clusters and applications: set OKRA_ARGOCD=true (in the chart: argocd.enabled=true)."
)
BEGAN_WITH_ROUTES = (
    "this Cell began with an ingress, whose traffic it looks after: give it that back; or delete it, which leaves the "
    "weights as they are, and apply it anew."
)


def invalid(findings: Sequence[Finding]) -> Policy:
    """What an object that passed no validation gets: a condition, and no AWS call."""
    said = "; ".join(f"{finding.path}: {finding.message}" for finding in findings[:3])
    more = f" (and {len(findings) - 3} more)" if len(findings) > 3 else ""
    return Policy(routes=(), plan=(), problem=Problem("InvalidSpec", f"{said}{more}"))


def without_spec(policy: Policy, defaults: Defaults, namespace: str, name: str, kind: str = "Cell") -> Policy:
    """What a Cell without a usable spec still has: whose it is, for what must be put back or let go."""
    return replace(
        policy,
        owner=_owner(defaults, namespace, name, kind),
        name=name,
        poll_interval=defaults.poll_interval,
        reread_after_revert=defaults.reread_after_revert,
    )


def _owner(defaults: Defaults, namespace: str, name: str, kind: str) -> str:
    """A System and a Cell of one name are two."""
    return "/".join((defaults.install, namespace, *(() if kind == "Cell" else (kind,)), name))


def compile_policy(cell: Cell, defaults: Defaults, no_clusters: str = NEEDS_KUBERNETES) -> Policy:
    """What the Cell asks for; what it leaves out comes from the settings. `no_clusters`: why one of clusters isn't
    looked after here."""
    spec = cell.spec
    elsewhere = Problem("InvalidSpec", f"spec.applications: {no_clusters}") if spec.is_complex else None
    if problem := elsewhere or without_provider(spec, defaults):
        return Policy(routes=(), plan=(), name=cell.metadata.name, problem=problem)

    def seconds(value: Duration | None, default: float) -> float:
        return default if value is None else value.seconds

    on_failure, child = spec.on_failure, PARENT_LABEL in cell.metadata.labels
    routes = tuple(_route_of(loc, each, spec.aws) for loc, each in spec.routes)
    checks = (*spec.prechecks, *spec.checks, *spec.postchecks)
    healthy = spec.min_healthy_targets or defaults.min_healthy_targets
    return Policy(
        routes=tuple(_whole(each, spec) for each in routes) if child and spec.ingresses else routes,
        plan=plan_of(spec, defaults),
        owner=_owner(defaults, cell.metadata.namespace, cell.metadata.name, cell.kind),
        name=cell.metadata.labels.get(PARENT_LABEL, cell.metadata.name),
        label=spec.versioned_by.label,
        replicas=spec.replicas,
        pin=spec.version,
        child=child,
        min_healthy=Fraction(healthy.value, 100) if healthy.percent else healthy.value,
        health_timeout=seconds(spec.health_timeout, defaults.health_timeout),
        propagation_delay=max(seconds(spec.propagation_delay, defaults.propagation_delay), *_ttls(spec)),
        bake_time=seconds(spec.bake_time, defaults.bake_time),
        retain_for=seconds(spec.retain_for, defaults.retain_for),
        drain_timeout=spec.drain_timeout.seconds,
        poll_interval=defaults.poll_interval,
        reread_after_revert=defaults.reread_after_revert,
        prechecks=tuple(check.name for check in spec.prechecks),
        checks=tuple(check.name for check in spec.checks),
        postchecks=tuple(check.name for check in spec.postchecks),
        check_interval=check_interval(checks),
        revert_when_inconclusive=frozenset(c.name for c in checks if c.on_inconclusive is OnInconclusive.REVERT),
        on_failure=OnFailure(on_failure.action or defaults.on_failure),
        failure_delay=seconds(on_failure.delay, defaults.on_failure_delay),
        on_newer_version=OnNewerVersion(spec.update_strategy.on_newer_version),
        on_drift=OnDrift(spec.on_drift),
        progress_deadline=spec.progress_deadline.seconds if spec.progress_deadline else None,
        deadline_reverts=spec.progress_deadline_action is DeadlineAction.REVERT,
        paused=spec.paused,
    )


def without_provider(spec: CellSpec, defaults: Defaults) -> Problem | None:
    """Said before any traffic moves: a check that can't be asked would stop the rollout half-way. Applications' too."""
    if defaults.check_provider is not None:
        return None
    for loc, check in spec.all_checks:
        if check.analysis is not None and check.analysis.provider is None:
            where = path_of(("spec", *loc, "analysis", "provider"))
            said = "name one of datadog, cloudWatch, prometheus, web, or set OKRA_CHECK_PROVIDER for all checks"
            return Problem("InvalidSpec", f"{where}: is required: {said}.")
    return None


def _route_of(loc: Loc, ingress: Ingress, aws: AWSAccount) -> RoutePolicy:
    if ingress.load_balancer is not None:
        return _route(loc, ingress, ingress.load_balancer)
    assert ingress.route53 is not None  # exactly one block is there
    return _record_set(loc, ingress.route53, aws)


def _record_set(loc: Loc, records: Route53, aws: AWSAccount) -> RoutePolicy:
    arn = record_set_arn(records, global_region(aws.region or "", aws.role_arn or ""))
    listed = {endpoint_arn(arn, each): each.version for each in records.endpoints}
    return replace(bare(arn), place=path_of(("spec", *loc)), listed=listed)


def _ttls(spec: CellSpec) -> Iterator[float]:
    """For how long after a change resolvers may answer what was before: nothing measured then judges a step."""
    yield 0.0
    for _, ingress in spec.routes:
        if (records := ingress.route53) is not None:
            aliases = any(each.alias is not None for each in records.endpoints)
            yield max(float(records.ttl or 0), ALIAS_TTL if aliases else 0.0)


def _route(loc: Loc, ingress: Ingress, balancer: ApplicationLoadBalancer | NetworkLoadBalancer) -> RoutePolicy:
    alb = ingress.aws_application_load_balancer
    rule = alb.rule if alb else None
    key = route_key(balancer.listener_arn, (rule and rule.rule_arn) or "", rule.priority if rule else None)
    route = RoutePolicy(key, path_of(("spec", *loc)), take_over=bool(alb and alb.take_over))
    if (selector := balancer.target_group_selector) is not None:
        return replace(route, selects=selector.selector.matches)
    return replace(route, listed={group.arn: group.version for group in balancer.target_groups or ()})


def _whole(route: RoutePolicy, spec: CellSpec) -> RoutePolicy:
    """Of a complex Cell's child: what its routes list of a version moves as a whole, on each as many as there are."""
    return replace(route, whole=sum(version == spec.version for version in route.listed.values()))


def plan_of(spec: CellSpec, defaults: Defaults) -> tuple[Step, ...]:
    """The steps. Equal ones stay for stepInterval and then check; explicit ones say themselves how long."""
    strategy, canary = spec.update_strategy, spec.update_strategy.canary
    if canary is not None and canary.steps is not None:
        return _explicit(canary.steps)
    interval = defaults.step_interval
    if canary is not None and canary.step_interval is not None:
        interval = canary.step_interval.seconds
    if strategy.type is StrategyType.BLUE_GREEN:
        return (Step(StepKind.SET_WEIGHT, ONE, interval),)
    size = (canary and canary.step_weight) or defaults.step_weight
    total = (canary and canary.total_weight) or defaults.total_weight
    count = -(-total // size)
    return tuple(Step(StepKind.SET_WEIGHT, min(ONE, Fraction(size * k, total)), interval) for k in range(1, count + 1))


def _explicit(steps: Sequence[ApiStep]) -> tuple[Step, ...]:
    share, plan = Fraction(0), []
    for step in steps:
        if step.set_weight is not None:
            share = Fraction(step.set_weight, 100)
            plan.append(Step(StepKind.SET_WEIGHT, share))
        elif step.pause is not None:
            plan.append(Step(StepKind.PAUSE, share, step.pause.duration.seconds if step.pause.duration else None))
        elif step.analysis is not None:
            duration = step.analysis.duration.seconds if step.analysis.duration else 0.0
            plan.append(Step(StepKind.ANALYSIS, share, duration, step.analysis.checks))
        else:
            plan.append(Step(StepKind.APPROVAL, share, None))
    return (*plan, *(() if share == ONE else (Step(StepKind.SET_WEIGHT, ONE),)))


def check_interval(checks: Sequence[CellCheck]) -> float:
    """Between two series: as often as the most patient of the checks measures."""
    intervals = [c.analysis.interval.seconds for c in checks if c.analysis is not None and c.analysis.interval]
    return max([LEAST_CHECK_INTERVAL, *intervals])
