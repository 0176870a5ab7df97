"""Actions of a listener or rule: what they say about traffic, and the same list with other weights. Pure.

ModifyRule and ModifyListener replace the whole list of actions. So whatever a person configured beside the weights
(group stickiness, authentication, order) has to be sent back exactly as it was read, or it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from okra.errors import Invalid, Refused
from okra.rollout.observation import Action, Weights

MAX_WEIGHT = 999
MAX_GROUPS = 5
"""In one action of an Application Load Balancer. AWS doesn't raise it."""

_CONFIG_OF = {
    "authenticate-cognito": "AuthenticateCognitoConfig",
    "authenticate-oidc": "AuthenticateOidcConfig",
    "fixed-response": "FixedResponseConfig",
    "jwt-validation": "JwtValidationConfig",
    "redirect": "RedirectConfig",
}
"""Every action type that can be resent, and the field without which it would be another action."""
_ROUTING = {"forward": Action.FORWARD, "redirect": Action.REDIRECT, "fixed-response": Action.FIXED_RESPONSE}


@dataclass(frozen=True, slots=True)
class Routing:
    """What a list of actions does with traffic. `weights` in the order of the action, empty unless it forwards."""

    action: Action
    weights: Weights = field(default_factory=dict)
    sticky: bool = False


def routing_of(actions: Sequence[Mapping[str, Any]], *, unknown_fields: Sequence[str] = ()) -> Routing:
    """Read a list of actions as the API gave it; `unknown_fields` are names that the SDK dropped from it."""
    if unknown_fields or not all(_can_be_resent(action) for action in actions):
        return Routing(Action.UNSUPPORTED)
    routing = [action for action in actions if action["Type"] in _ROUTING]
    if len(routing) != 1:
        return Routing(Action.UNSUPPORTED)
    action = routing[0]
    if action["Type"] != "forward":
        return Routing(_ROUTING[action["Type"]])
    stickiness = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    return Routing(Action.FORWARD, dict(_weights(action)), bool(stickiness.get("Enabled", False)))


def with_weights(
    actions: Sequence[Mapping[str, Any]], action: Action, weights: Weights, *, network: bool
) -> list[dict[str, Any]]:
    """`actions` with `weights` in their forward action, or in place of their redirect or fixed response.

    `action` is the basis' `Routing.action`. Invalid when AWS would not take the weights, Refused for a list that can't
    be resent unharmed.
    """
    _must_be_known(action)
    validate(weights, network=network)
    return [_forward(old, weights, network=network) if old["Type"] in _ROUTING else _resendable(old) for old in actions]


def copied(actions: Sequence[Mapping[str, Any]], action: Action) -> list[dict[str, Any]]:
    """The same actions, for another rule. Refused when that one couldn't do the same."""
    _must_be_known(action)
    if any(each["Type"] == "authenticate-oidc" for each in actions):
        raise Refused(
            "The listener's default action signs users in (authenticate-oidc), and AWS tells nobody its client secret,"
            " so that no rule can be made like it: create the rule by hand",
            reason="ActionNotCopied",
        )
    if action is Action.FORWARD:
        return with_weights(actions, action, routing_of(actions).weights, network=False)
    return [_resendable(each) for each in actions]


def _must_be_known(action: Action) -> None:
    if action is Action.UNSUPPORTED:
        raise Refused(
            "The route has an action, or a field of one, that this version of Okra does not know and could not put"
            " back: update Okra, or change the action",
            reason="UnsupportedAction",
        )


def validate(weights: Weights, *, network: bool) -> None:
    """Invalid unless AWS takes these weights: it refuses some late, and some emulators of it never."""
    if not weights:
        raise Invalid("A route can't be left without target groups", reason="InvalidWeights")
    for arn, weight in weights.items():
        if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
            raise Invalid(f"The weight {weight!r} of {arn} is not an integer from 0 to 999", reason="InvalidWeights")
    if not any(weights.values()):
        raise Invalid("The weights of a route can't all be 0", reason="InvalidWeights")
    if not network and len(weights) > MAX_GROUPS:
        raise Invalid(
            f"{len(weights)} target groups in one action: an Application Load Balancer takes 5", reason="InvalidWeights"
        )


def _can_be_resent(action: Mapping[str, Any]) -> bool:
    kind = action.get("Type")
    if kind == "forward":
        return "TargetGroupArn" in action or bool(action.get("ForwardConfig", {}).get("TargetGroups"))
    return kind in _CONFIG_OF and _CONFIG_OF[kind] in action


def _weights(forward: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    groups = forward.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": forward.get("TargetGroupArn")}]
    for group in groups:
        yield group["TargetGroupArn"], int(group.get("Weight", 1))


def _forward(old: Mapping[str, Any], weights: Weights, *, network: bool) -> dict[str, Any]:
    """`ForwardConfig` alone: beside several groups AWS refuses a `TargetGroupArn`."""
    config: dict[str, Any] = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    }
    stickiness = old.get("ForwardConfig", {}).get("TargetGroupStickinessConfig")
    if stickiness and not network:
        config["TargetGroupStickinessConfig"] = dict(stickiness)
    elif stickiness and stickiness.get("Enabled"):
        # An NLB takes no duration; it needn't hear of a stickiness that is off, but one that a person turned on stays.
        config["TargetGroupStickinessConfig"] = {"Enabled": True}
    order = {"Order": old["Order"]} if "Order" in old else {}
    return {"Type": "forward", **order, "ForwardConfig": config}


def _resendable(old: Mapping[str, Any]) -> dict[str, Any]:
    action = deepcopy(dict(old))
    if action["Type"] == "authenticate-oidc":
        # AWS never returns the secret: it is asked to keep the one it has.
        action["AuthenticateOidcConfig"].pop("ClientSecret", None)
        action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
    return action
