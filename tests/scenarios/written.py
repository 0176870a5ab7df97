"""What Okra wrote, exactly and in order: the calls that reached AWS through the proxy, none of them missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from okra.testing.faults import Call

_GROUP = "Actions.member.{action}.ForwardConfig.TargetGroups.member.{group}.{field}"


def weights_of(call: Call) -> dict[str, int]:
    """The weights that a ModifyRule or ModifyListener asked for; empty if it forwards to nobody."""
    found: dict[str, int] = {}
    prefix = "Default" if call.operation == "ModifyListener" else ""
    for action in range(1, 6):
        for group in range(1, 10):
            name = prefix + _GROUP.format(action=action, group=group, field="TargetGroupArn")
            if name in call.parameters:
                weight = prefix + _GROUP.format(action=action, group=group, field="Weight")
                found[call.parameters[name]] = int(call.parameters[weight])
    return found


def percents(calls: Iterable[Call], rule_arn: str, groups: Sequence[str]) -> list[Fraction]:
    """The share that these groups were given by each write on a rule, in percent, without repetitions in a row."""
    found: list[Fraction] = []
    for call in calls:
        if call.parameters.get("RuleArn") != rule_arn:
            continue
        weights = weights_of(call)
        total = sum(weights.values())
        share = Fraction(100 * sum(weights.get(arn, 0) for arn in groups), total)
        if not found or found[-1] != share:
            found.append(share)
    return found


def fed_at_once(calls: Iterable[Call], rule_arn: str, attached: Iterable[str]) -> list[str]:
    """Groups that a write on the rule attached with traffic, though no one had attached them at 0 before."""
    known, found = set(attached), []
    for call in calls:
        if call.parameters.get("RuleArn") == rule_arn:
            weights = weights_of(call)
            found += [arn for arn, weight in weights.items() if weight and arn not in known]
            known = set(weights)
    return found
