"""The rules of what routes are made of, as CEL. Each says what `rules()` of the same model says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from okra.api.alb import ALBSpec
from okra.api.aws import AWSAccount
from okra.api.cluster_set import TagSelector
from okra.api.crd_rule import Rule, all_differ, forbidden, given, only_one, required, unless
from okra.api.ingress import ApplicationLoadBalancer, Balancer, Ingress, ListenerRule, RuleConditions
from okra.api.label_selectors import LabelExpression, LabelSelector
from okra.api.route53 import Endpoint, Route53
from okra.api.target_group_set import HealthCheck

_TAKES_VALUES = "self.operator in ['In', 'NotIn']"
_HAS_VALUES = "has(self.values) && size(self.values) > 0"

_TYPES = {
    "AWSApplicationLoadBalancer": "awsApplicationLoadBalancer",
    "AWSNetworkLoadBalancer": "awsNetworkLoadBalancer",
    "Route53": "route53",
}


def _type_rules() -> tuple[Rule, ...]:
    return tuple(
        rule
        for name, block in _TYPES.items()
        for rule in (
            required(
                unless(f"self.type == '{name}'", f"has(self.{block})"), f".{block}", f"is required when type is {name}"
            ),
            forbidden(
                unless(f"has(self.{block})", f"self.type == '{name}'"),
                f".{block}",
                f"belongs to type {name}: remove it, or change type",
                says='"doesn\'t belong to type " + self.type + ": remove it, or change type"',
            ),
        )
    )


def _sizes(*names: str) -> str:
    return " + ".join(f"(has(self.{name}) ? size(self.{name}) : 0)" for name in names)


_CONDITIONS = (
    _sizes("hosts", "pathPatterns", "methods", "sourceIPs", "queryStrings")
    + " + (has(self.headers) ? self.headers.map(name, size(self.headers[name])).sum() : 0)"
)


def _wildcards(value: str) -> str:
    return f"size({value}) - size({value}.replace('*', '').replace('?', ''))"


_WILDCARDS = " + ".join(
    f"(has(self.{name}) ? self.{name}.map({each}).sum() : 0)"
    for name, each in (
        ("hosts", f"one, {_wildcards('one')}"),
        ("pathPatterns", f"one, {_wildcards('one')}"),
        ("queryStrings", f"one, {_wildcards('one.value')}"),
        ("headers", f"name, self.headers[name].map(one, {_wildcards('one')}).sum()"),
    )
)


def _seconds(name: str, low: int, high: int) -> Rule:
    span = f"duration(self.{name})"
    whole = f"{span}.getMilliseconds() % 1000 == 0"
    bounds = f"{span} >= duration('{low}s') && {span} <= duration('{high}s')"
    return Rule(
        unless(f"has(self.{name})", f"({bounds} && {whole})"),
        f"must be whole seconds from {low}s to {high}s",
        f".{name}",
    )


_FOR_HTTP = "has(self.protocol) && self.protocol == 'TCP'"

RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    AWSAccount: (
        Rule(
            unless("has(self.externalID)", "has(self.roleARN)"),
            "needs roleARN: an external id is part of assuming a role",
            ".externalID",
        ),
    ),
    LabelExpression: (
        required(
            unless(_TAKES_VALUES, f"({_HAS_VALUES})"),
            ".values",
            "In and NotIn need at least one value",
            says="self.operator + ' needs at least one value'",
        ),
        forbidden(
            unless(_HAS_VALUES, _TAKES_VALUES),
            ".values",
            "Exists and DoesNotExist take no values: remove them, or use In or NotIn",
            says="self.operator + ' takes no values: remove them, or use In or NotIn'",
        ),
    ),
    LabelSelector: (
        Rule(
            "(has(self.matchLabels) && size(self.matchLabels) > 0)"
            " || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
            "matches everything: name at least one label in matchLabels or matchExpressions",
        ),
    ),
    TagSelector: (
        Rule(
            "size(self.matchTags) > 0",
            "matches every cluster of the account: name at least one tag",
            ".matchTags",
        ),
    ),
    RuleConditions: (
        Rule(
            f"{_CONDITIONS} > 0",
            "is empty: name at least one of hosts, pathPatterns, methods, headers …, or remove it",
        ),
        Rule(
            f"{_CONDITIONS} <= 5",
            "holds more values than the 5 that a rule of an Application Load Balancer takes in all",
        ),
        Rule(f"{_WILDCARDS} <= 5", "holds more wildcards (* and ?) than the 5 that a rule takes in all"),
        forbidden(
            unless("has(self.headers)", "self.headers.all(name, name.lowerAscii() != 'host')"),
            ".headers",
            "can't name Host: use hosts",
        ),
        Rule(
            unless("has(self.headers)", "self.headers.all(name, size(self.headers[name]) > 0)"),
            "names a header without a value: give it one",
            ".headers",
        ),
    ),
    ListenerRule: (
        Rule(
            only_one("priority", "ruleARN"),
            "needs exactly one of priority and ruleARN; for the listener's default action, no rule",
        ),
        forbidden(
            unless("has(self.conditions)", "!has(self.ruleARN)"),
            ".conditions",
            "are for a rule that Okra creates: use priority, or remove conditions",
        ),
    ),
    Balancer: (
        Rule(
            only_one("targetGroupSelector", "targetGroups"),
            "needs exactly one of targetGroupSelector and targetGroups",
        ),
    ),
    ApplicationLoadBalancer: (
        Rule(
            unless(
                given("rule.ruleARN"),
                "self.rule.ruleARN.startsWith(self.listenerARN.replace(':listener/', ':listener-rule/') + '/')",
            ),
            "is a rule of another listener than listenerARN",
            ".rule.ruleARN",
        ),
    ),
    Ingress: _type_rules(),
    Endpoint: (Rule(only_one("value", "alias"), "needs exactly one of value and alias"),),
    Route53: (
        Rule(
            all_differ("self.endpoints.filter(each, has(each.value)).map(each, each.value)"),
            "holds two that lead to the same place: give each version its own",
            ".endpoints",
        ),
        *(
            Rule(
                unless(f"self.type == '{kind}'", f"self.endpoints.all(each, !has(each.value) || {fits})"),
                f"holds a value that isn't {wanted}, as type {kind} needs it",
                ".endpoints",
            )
            for kind, fits, wanted in (
                ("A", "each.value.matches('^([0-9]{1,3}[.]){3}[0-9]{1,3}$')", "an IPv4 address"),
                ("AAAA", "each.value.contains(':')", "an IPv6 address"),
                ("CNAME", "!each.value.matches('^[0-9.]+$|:')", "a name"),
            )
        ),
        forbidden(
            unless("has(self.ttl)", "!self.endpoints.exists(each, has(each.alias))"),
            ".ttl",
            "is not for aliases, whose TTL is the resource's own: remove it",
        ),
        required(
            "has(self.ttl) || self.endpoints.all(each, has(each.alias))", ".ttl", "is required for records with values"
        ),
    ),
    ALBSpec: (
        Rule(
            "self.destinations.exists(each, each.weight > 0)",
            "have no weight at all: at least one must be above 0",
            ".destinations",
        ),
        required(
            unless("has(self.conditions)", "has(self.priority)"),
            ".priority",
            "is required beside conditions: a rule needs one",
        ),
        Rule(
            unless(given("aws.region"), "self.listenerARN.split(':')[3] == self.aws.region"),
            "is in another region than aws.region: correct one of them",
            ".listenerARN",
            says="'is in ' + self.listenerARN.split(':')[3] + ', but aws.region is ' + self.aws.region"
            " + ': correct one of them'",
        ),
    ),
    HealthCheck: (
        _seconds("interval", 5, 300),
        _seconds("timeout", 2, 120),
        *(
            forbidden(
                unless(_FOR_HTTP, f"!has(self.{name})"),
                f".{name}",
                "is for HTTP and HTTPS: remove it, or change protocol",
            )
            for name in ("path", "matcher")
        ),
    ),
}
