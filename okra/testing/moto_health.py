"""Target health as ELB reports it, for moto, which knows only healthy targets.

What a test wants is written in a tag of the target group, so that any client can flap health with AddTags:

    okra-test/health = "2"                          two healthy targets, the others unhealthy
    okra-test/health = "healthy=2,unhealthy=1"      these states, in the order of registration: healthy, unhealthy,
                                                    initial, draining, unavailable, unhealthy.draining

Without the tag every registered target is healthy. A tag that speaks of more targets than are registered makes them up.
A group that no listener or rule of a load balancer uses isn't checked, and its targets are `unused`: as on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.elbv2 import models
from moto.elbv2.exceptions import InvalidTargetError, TargetGroupNotFoundError

from okra.testing.aws_world import HEALTH_TAG

_REASONS = {
    "draining": "Target.DeregistrationInProgress",
    "initial": "Elb.InitialHealthChecking",
    "unavailable": "Target.HealthCheckDisabled",
    "unhealthy": "Target.ResponseCodeMismatch",
    "unhealthy.draining": "Target.ResponseCodeMismatch",
    "unused": "Target.NotInUse",
}


def apply() -> None:
    """Patch moto's classes in this process."""
    group: Any = models.FakeTargetGroup
    group.register = _register
    group.deregister = _deregister
    group.deregister_terminated_instances = _deregister_terminated
    backend: Any = models.ELBv2Backend
    backend.describe_target_health = _describe_target_health


def states(tag: str | None, registered: int) -> list[str]:
    """One state a target. ValueError for a tag that isn't one of the two forms."""
    if tag is None:
        return ["healthy"] * registered
    if tag.strip().isdigit():
        wanted = ["healthy"] * int(tag)
    else:
        counts = re.findall(r"([a-z.]+)=(\d+)", tag)
        if not counts:
            raise ValueError(f"{HEALTH_TAG}={tag!r} is neither a number nor like healthy=2,unhealthy=1")
        wanted = [state for state, count in counts for _ in range(int(count))]
    return wanted + ["unhealthy"] * (registered - len(wanted))


def attachments(backend: Any) -> dict[str, list[str]]:
    """Target group ARN → ARNs of the load balancers whose listeners and rules use it now."""
    found: dict[str, list[str]] = {}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for arn in _groups_of(rule.actions):
                    balancers = found.setdefault(arn, [])
                    if balancer.arn not in balancers:
                        balancers.append(balancer.arn)
    return found


def _groups_of(actions: Sequence[Any]) -> Iterator[str]:
    for action in actions:
        config = action.data.get("ForwardConfig") or {}
        yield from (group["TargetGroupArn"] for group in config.get("TargetGroups", ()))
        if "TargetGroupArn" in action.data:
            yield action.data["TargetGroupArn"]


# A target is its id *and* its port; moto keys by id alone, so that a second port replaces the first.
def _key(target: Mapping[str, Any], group: Any) -> str:
    return f"{target['Id']}:{target.get('Port', group.port)}"


def _register(self: Any, targets: Sequence[Mapping[str, Any]]) -> None:
    for target in targets:
        key = _key(target, self)
        self.targets[key] = {"Id": target["Id"], "Port": target.get("Port", self.port)}
        self.deregistered_targets.pop(key, None)


def _deregister(self: Any, targets: Sequence[Mapping[str, Any]]) -> None:
    for target in targets:
        key = _key(target, self)
        if key not in self.targets:
            raise InvalidTargetError
        self.deregistered_targets[key] = self.targets.pop(key)


def _deregister_terminated(self: Any, instance_ids: Sequence[str]) -> None:
    for key, target in list(self.targets.items()):
        if target["Id"] in instance_ids:
            self.terminated_targets[key] = self.targets.pop(key)


def _describe_target_health(self: Any, target_group_arn: str, targets: Sequence[Mapping[str, Any]]) -> list[Any]:
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError
    tag = self.tagging_service.get_tag_dict_for_resource(target_group_arn).get(HEALTH_TAG)
    attached = target_group_arn in attachments(self)
    wanted = states(tag, len(group.targets))
    if group.target_type == "lambda" and not group.health_check_enabled and tag is None:
        wanted = ["unavailable"] * len(wanted)
    registered = list(group.targets.values())
    registered += [
        {"Id": f"10.255.{number // 250}.{number % 250 + 1}", "Port": group.port}
        for number in range(len(wanted) - len(registered))
    ]
    asked = {_key(target, group) for target in targets}
    return [
        _status(target, state if attached or state == "draining" else "unused", group)
        for target, state in zip(registered, wanted, strict=True)
        if not asked or _key(target, group) in asked
    ]


def _status(target: Mapping[str, Any], state: str, group: Any) -> Any:
    port: Any = None if group.target_type == "lambda" else target["Port"]
    return models.FakeHealthStatus(target["Id"], port, group.health_check_port, state, _REASONS.get(state))
