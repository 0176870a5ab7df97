"""Cells as a person writes them, for a route of the double."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from okra.testing.aws_world import Route

ROLE = "role"
"""The tag by which a Cell of these tests selects its target groups."""


def ingress(route: Route, role: str = "web") -> dict[str, Any]:
    """The `ingress` of a Cell that owns `route`, whatever kind of route that is."""
    selector = {"matchLabels": {ROLE: role}}
    if ":listener/net/" in route.listener_arn:
        block: dict[str, Any] = {"listenerARN": route.listener_arn, "targetGroupSelector": selector}
        return {"type": "AWSNetworkLoadBalancer", "awsNetworkLoadBalancer": block}
    block = {"listenerARN": route.listener_arn, "targetGroupSelector": selector}
    if route.priority is not None:
        block["rule"] = {"priority": route.priority}
    return {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": block}


def cell(name: str, route: Route, *, role: str = "web", replicas: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "okra.mumoshu.github.io/v1alpha1",
        "kind": "Cell",
        "metadata": {"name": name},
        "spec": {
            "ingress": ingress(route, role),
            "replicas": replicas,
            "versionedBy": {"label": "okra.mumoshu.github.io/version"},
            **spec,
        },
    }


def alb(name: str, route: Route, weights: Mapping[str, int], **spec: Any) -> dict[str, Any]:
    destinations = [{"targetGroupARN": arn, "weight": weight} for arn, weight in weights.items()]
    rule = {} if route.priority is None else {"priority": route.priority}
    return {
        "apiVersion": "okra.mumoshu.github.io/v1alpha1",
        "kind": "ALB",
        "metadata": {"name": name},
        "spec": {"listenerARN": route.listener_arn, **rule, "destinations": destinations, **spec},
    }


def steps(*percents: int, each: str = "200ms") -> dict[str, Any]:
    """An `updateStrategy` of these weights, each held so long before the next; 100 follows by itself."""
    plan = [step for percent in percents for step in ({"setWeight": percent}, {"pause": {"duration": each}})]
    return {"type": "Canary", "canary": {"steps": plan}}


def error_rate(url: str, **analysis: Any) -> dict[str, Any]:
    """A check that asks `url` for `{"value": …}`, which must be at most 0.1."""
    web = {"url": url, "jmesPath": "value", "timeout": "1s"}
    return {"name": "errors", "analysis": {"max": 0.1, "provider": {"web": web}, **analysis}}


def document(*objects: Mapping[str, Any]) -> str:
    return yaml.safe_dump_all([dict(each) for each in objects], sort_keys=False)
