"""Every set of weights that a route has had, written down where it changes: who samples the API misses some."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from moto.backends import get_backend
from moto.elbv2 import models

from okra.api.records import is_record
from okra.testing import moto_route53


def apply() -> None:
    """Patch moto's class in this process."""
    backend: Any = models.ELBv2Backend
    for change in ("create_rule", "modify_rule"):
        setattr(backend, change, _recorded(getattr(backend, change), lambda rule: rule.actions))
    for change in ("create_listener", "modify_listener"):
        setattr(backend, change, _recorded(getattr(backend, change), lambda listener: listener.default_actions))


def _recorded(change: Callable[..., Any], actions: Callable[[Any], Any]) -> Callable[..., Any]:
    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        route = change(self, *args, **kwargs)
        history = vars(self).setdefault("okra_weights", {}).setdefault(route.arn, [])
        weights = _weights(actions(route))
        if history[-1:] != [weights]:
            history.append(weights)
        return route

    return changed


def _weights(actions: Any) -> dict[str, int]:
    for action in actions:
        if action.type == "forward":
            groups = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or []
            return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}
    return {}


def record(query: str) -> bytes:
    """The answer to `?arn=<rule, listener or record set>`: a JSON list of {target group ARN: weight}, of records by
    where they lead, oldest first, without repetitions. A reset of the backends empties it."""
    (arn,) = parse_qs(query)["arn"]
    if is_record(arn):
        place = arn.partition("::recordset/")[2]
        found = (
            moto_route53.history(each, place) for all_ in get_backend("route53").values() for each in all_.values()
        )
        return json.dumps(next(filter(None, found), [])).encode()
    for account in get_backend("elbv2").values():
        for region in account.values():
            if arn in vars(region).get("okra_weights", {}):
                return json.dumps(vars(region)["okra_weights"][arn]).encode()
    return b"[]"
