"""Reading routes: rules by listener, default actions in batches, whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from okra.aws.actions import routing_of
from okra.aws.batches import Batches
from okra.aws.calls import Answer, Calls
from okra.aws.listeners import Facts, Listener, Listeners
from okra.aws.operations import DESCRIBE_RULES
from okra.aws.responses import UNKNOWN_FIELDS
from okra.aws.rule_conditions import difference, overlap
from okra.errors import NotFound, OkraError, Refused
from okra.ports import Account, RouteRef
from okra.rollout.observation import ABSENT, OVERLAPS, LoadBalancerType, RouteReading

_Result = RouteReading | OkraError
_Place = tuple[Account, str]
"""An account (with its region) and the ARN of a listener there."""
_PAGE = 400
"""Rules in one page at most: what AWS allows."""


class Routes:
    """Reads routes that `okra.aws.arns.check` has passed."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._listeners = Listeners(calls)
        self._rules = Batches[_Place, RouteRef, RouteReading](self._read_rules)

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, _Result]:
        """Each route, or its own error. Concurrent callers share calls; no reading began before it was asked for."""
        places: dict[_Place, list[RouteRef]] = {}
        for ref in refs:
            places.setdefault((ref.account, ref.listener_arn), []).append(ref)
        defaults: dict[Account, list[RouteRef]] = {}
        reads = []
        for (account, listener_arn), here in places.items():
            if all(_is_default(ref) for ref in here):
                defaults.setdefault(account, []).extend(here)
            else:
                # A listing of a listener's rules ends with its default action: one call for both.
                reads.append(self._rules.get((account, listener_arn), here))
        reads += [self._read_defaults(account, here) for account, here in defaults.items()]
        results: dict[RouteRef, _Result] = {}
        for found in await asyncio.gather(*reads):
            results |= found
        return results

    async def close(self) -> None:
        await self._rules.close()
        await self._listeners.close()

    async def _read_defaults(self, account: Account, refs: Sequence[RouteRef]) -> dict[RouteRef, _Result]:
        listeners = await self._listeners.read(account, {ref.listener_arn for ref in refs})
        return {ref: await self._read_default(ref, listeners[ref.listener_arn]) for ref in refs}

    async def _read_default(self, ref: RouteRef, listener: Listener | OkraError) -> _Result:
        if isinstance(listener, OkraError):
            return listener
        try:
            facts = await self._listeners.remember(ref.account, listener)
        except OkraError as error:
            return error
        return facts.objection(ref) or _reading(
            listener.arn, listener.default_actions, listener.unknown_fields, listener.began_at, facts
        )

    async def _read_rules(self, place: _Place, refs: Sequence[RouteRef]) -> dict[RouteRef, _Result]:
        account, listener_arn = place
        try:
            facts = await self._listeners.facts(account, listener_arn)
            objections: dict[RouteRef, _Result] = {
                ref: objection for ref in refs if (objection := facts.objection(ref))
            }
            if len(objections) == len(refs):
                return objections
            answer = await self._describe_rules(account, listener_arn, refs)
        except OkraError as error:
            return dict.fromkeys(refs, error)
        return {ref: objections.get(ref) or _rule_reading(ref, answer, facts) for ref in refs}

    async def _describe_rules(self, account: Account, listener_arn: str, refs: Sequence[RouteRef]) -> Answer:
        """One rule by its ARN if it is all that is asked for, else all of the listener's."""
        arns = {ref.rule_arn for ref in refs}
        if len(arns) == 1 and (only := arns.pop()):
            return await self._calls.all(account, DESCRIBE_RULES, target=only, RuleArns=[only])
        return await self._calls.all(
            account, DESCRIBE_RULES, target=listener_arn, ListenerArn=listener_arn, PageSize=_PAGE
        )


def _rule_reading(ref: RouteRef, answer: Answer, facts: Facts) -> _Result:
    rule = _find(answer.items("Rules"), ref)
    if isinstance(rule, OkraError):
        return rule
    unknown = answer.data.get(UNKNOWN_FIELDS, {}).get(rule["RuleArn"], ())
    arn = ref.listener_arn if _is_default(ref) else rule["RuleArn"]
    reading = _reading(arn, rule.get("Actions", []), unknown, answer.began_at, facts)
    return (
        replace(reading, differs=difference(ref.conditions, rule.get("Conditions", []))) if ref.conditions else reading
    )


def _is_default(ref: RouteRef) -> bool:
    return not ref.rule_arn and ref.priority is None


def _find(rules: Sequence[Mapping[str, Any]], ref: RouteRef) -> Mapping[str, Any] | OkraError:
    """The rule that `ref` names, by ARN if it has one: priorities move, ARNs don't."""
    if ref.rule_arn:
        rule = next((rule for rule in rules if rule["RuleArn"] == ref.rule_arn), None)
        missing = f"No such rule: {ref.rule_arn} was deleted, or the ARN is wrong. Check the Cell's rule"
        priority = "" if rule is None else rule.get("Priority", "")
        if rule is not None and ref.priority is not None and priority != str(ref.priority):
            return Refused(
                f"The rule {ref.rule_arn} has the priority {priority} now, the Cell says {ref.priority}:"
                " another rule may be meant. Correct the one or the other",
                reason="RouteChanged",
            )
    else:
        wanted = "default" if ref.priority is None else str(ref.priority)
        rule = next((rule for rule in rules if rule.get("Priority") == wanted), None)
        there = ", ".join(str(rule.get("Priority")) for rule in rules[:20] if rule.get("Priority") != "default")
        missing = (
            f"No rule with priority {wanted} on {ref.listener_arn}: create it, or correct the Cell's rule.priority"
            f" (there: {there or 'none'})"
        )
        if rule is None and (moved := next((rule for rule in rules if rule["RuleArn"] == ref.pinned), None)):
            return Refused(
                f"The rule {ref.pinned}, which this Cell has managed, has the priority {moved.get('Priority')} now and"
                f" not {wanted}: give it {wanted} back, or correct the Cell's rule.priority",
                reason="RouteChanged",
            )
        if rule is None and ref.conditions:
            return _absence(rules, ref)
    return NotFound(missing, reason="RuleNotFound") if rule is None else rule


def _absence(rules: Sequence[Mapping[str, Any]], ref: RouteRef) -> NotFound:
    """Can the rule be made? One that comes before others takes requests of theirs to the default action's groups."""
    missing = f"No rule with priority {ref.priority} on {ref.listener_arn} yet"
    order = {int(rule["Priority"]): rule for rule in rules if str(rule.get("Priority")).isdigit()}
    for priority, rule in sorted(order.items()):
        if priority > (ref.priority or 0) and overlap(ref.conditions, rule.get("Conditions", [])):
            return NotFound(
                f"{missing}, and none is made: {rule['RuleArn']} (priority {priority}) may take some of its requests"
                " now, which a copy of the listener's default action would send elsewhere. Copy that rule's action and"
                " create this one by hand; or give the two conditions that no request meets together (other hosts,"
                " paths or methods)",
                reason=OVERLAPS,
            )
    return NotFound(missing, reason=ABSENT)


def _reading(
    arn: str, actions: Sequence[Mapping[str, Any]], unknown_fields: Sequence[str], began_at: float, facts: Facts
) -> RouteReading:
    routing = routing_of(actions, unknown_fields=unknown_fields)
    return RouteReading(
        arn=arn,
        began_at=began_at,
        weights=routing.weights,
        action=routing.action,
        sticky=routing.sticky,
        load_balancer_arn=facts.load_balancer.arn,
        load_balancer_type=LoadBalancerType(facts.load_balancer.type),
        vpc_id=facts.load_balancer.vpc_id,
        protocol=facts.protocol,
        raw=actions,
    )
