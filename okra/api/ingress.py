"""Routes: what holds the weights. A listener's rule or default action, or a weighted record set."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Annotated

from pydantic import Field

from okra.api.base import Loc, Model, Violation, filled
from okra.api.dns_names import dns_name
from okra.api.fields import (
    ApplicationListenerARN,
    Flag,
    Form,
    Int,
    NetworkListenerARN,
    RuleARN,
    TargetGroupARN,
    Text,
    Version,
    keyed_by,
)
from okra.api.label_selectors import LabelSelector
from okra.api.route53 import Route53

FORWARD_ACTION_GROUPS = 5
"""Target groups that one forward action holds (a quota that AWS doesn't raise)."""

Priority = Annotated[Int, Field(ge=1, le=50_000)]
MATCH_VALUES = 5
"""Values in the conditions of one rule, in all, and wildcards in them (quotas of a rule)."""
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"({_OCTET}\.){{3}}{_OCTET}/(3[0-2]|[12]?[0-9])"
_V6 = "[0-9a-fA-F]*:[0-9a-fA-F:.]+/(12[0-8]|1[01][0-9]|[1-9]?[0-9])"

_Few = Field(max_length=MATCH_VALUES)
_Value = Annotated[str, Field(min_length=1, max_length=128)]
_Values = Annotated[tuple[_Value, ...], _Few]
_Host = Annotated[str, Form(r"^[A-Za-z0-9.*?-]+$", "a host name such as *.example.com", 128)]
_Path = Annotated[str, Form(r"""^[/*?][A-Za-z0-9_.$/~"'@:+&*?-]*$""", "a path such as /api/*", 128)]
_Method = Annotated[str, Form(r"^[A-Z_-]+$", "an HTTP method in capital letters", 40)]
_Header = Annotated[str, Form(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "a header's name such as X-Canary", 40)]
_Range = Annotated[str, Form(f"^({_V4}|{_V6})$", "a range such as 10.0.0.0/8", 43)]


class QueryString(Model):
    """A parameter of the request's query."""

    key: Annotated[str, Field(max_length=128)] | None = Field(default=None, description="The key; left out: any.")
    value: _Value = Field(description="The value; * and ? match anything.")


class RuleConditions(Model):
    """Which requests a rule takes: those that fit one of the values of each field that is given."""

    hosts: Annotated[tuple[_Host, ...], _Few] = Field(default=(), description="Host names; * and ? match anything.")
    path_patterns: Annotated[tuple[_Path, ...], _Few] = Field(default=(), description="Paths; * and ? match anything.")
    methods: Annotated[tuple[_Method, ...], _Few] = Field(default=(), description="HTTP methods, such as GET.")
    headers: Annotated[dict[_Header, _Values], _Few] = Field(
        default={}, description="Header → values, of which one fits each header; * and ? match anything."
    )
    query_strings: Annotated[tuple[QueryString, ...], _Few] = Field(default=(), description="Parameters of the query.")
    source_ips: Annotated[tuple[_Range, ...], _Few] = Field(default=(), description="Ranges of addresses in CIDR form.")

    def rules(self) -> Iterator[Violation]:
        count = len([*self._patterns(), *self.methods, *self.source_ips])
        if not count:
            yield Violation((), "is empty: name at least one of hosts, pathPatterns, methods, headers …, or remove it")
        if count > MATCH_VALUES:
            yield Violation((), f"holds {count} values; a rule of an Application Load Balancer takes 5 in all")
        if sum(value.count("*") + value.count("?") for value in self._patterns()) > MATCH_VALUES:
            yield Violation((), "holds more wildcards (* and ?) than the 5 that a rule takes in all")
        if any(name.lower() == "host" for name in self.headers):
            yield Violation(("headers",), "can't name Host: use hosts")
        if not all(self.headers.values()):
            yield Violation(("headers",), "names a header without a value: give it one")

    def _patterns(self) -> Iterator[str]:
        """The values in which * and ? are wildcards."""
        yield from (*self.hosts, *self.path_patterns, *chain.from_iterable(self.headers.values()))
        yield from (each.value for each in self.query_strings)


class ListenerRule(Model):
    """A rule of the listener."""

    priority: Priority | None = Field(
        default=None, description="The rule's priority. It must exist, or have conditions."
    )
    rule_arn: RuleARN | None = Field(default=None, description="The rule's ARN.")
    conditions: RuleConditions | None = Field(
        default=None, description="Create the rule at this priority, for these requests."
    )

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "priority", "rule_arn")) != 1:
            yield Violation((), "needs exactly one of priority and ruleARN; for the listener's default action, no rule")
        elif self.conditions is not None and self.rule_arn is not None:
            yield Violation(("conditions",), "are for a rule that Okra creates: use priority, or remove conditions")


class ListedTargetGroup(Model):
    """A target group by its ARN, with the version that its tag would say otherwise."""

    arn: TargetGroupARN = Field(description="The target group.")
    version: Version = Field(description="Its version.")
    cluster: Text | None = Field(
        default=None, description="Its cluster, for {{.Vars.clusterName}}; left out: as its tags say, or its own name."
    )
    eks_cluster: Text | None = Field(
        default=None, description="Its cluster's name in EKS, for {{.Vars.eksClusterName}}; left out: the same."
    )


class Balancer(Model):
    """What a listener of either kind of load balancer forwards to."""

    target_group_selector: LabelSelector | None = Field(
        default=None, description="Which target groups, by their AWS tags."
    )
    target_groups: (
        Annotated[tuple[ListedTargetGroup, ...], Field(min_length=1, max_length=100, json_schema_extra=keyed_by("arn"))]
        | None
    ) = Field(default=None, description="The target groups one by one, instead of a selector; tags don't count.")

    def rules(self) -> Iterator[Violation]:
        if len(filled(self, "target_group_selector", "target_groups")) != 1:
            yield Violation((), "needs exactly one of targetGroupSelector and targetGroups")
        seen: set[str] = set()
        for index, group in enumerate(self.target_groups or ()):
            if group.arn in seen:
                yield Violation(("targetGroups", index, "arn"), f"{group.arn} is listed twice: remove one")
            seen.add(group.arn)


class ApplicationLoadBalancer(Balancer):
    """A listener of an Application Load Balancer: one of its rules, or its default action."""

    listener_arn: ApplicationListenerARN = Field(description="The listener's ARN.")
    rule: ListenerRule | None = Field(default=None, description="The rule; left out: the listener's default action.")
    take_over: Flag = Field(default=False, description="Replace a redirect or a fixed response.")

    def rules(self) -> Iterator[Violation]:
        yield from super().rules()
        arn = self.rule.rule_arn if self.rule else None
        if arn is not None and not arn.startswith(self.listener_arn.replace(":listener/", ":listener-rule/") + "/"):
            yield Violation(("rule", "ruleARN"), "is a rule of another listener than listenerARN")


class NetworkLoadBalancer(Balancer):
    """A listener of a Network Load Balancer."""

    listener_arn: NetworkListenerARN = Field(description="The listener's ARN.")


class IngressType(StrEnum):
    ALB = "AWSApplicationLoadBalancer"
    NLB = "AWSNetworkLoadBalancer"
    ROUTE53 = "Route53"


_BLOCKS = {
    IngressType.ALB: "awsApplicationLoadBalancer",
    IngressType.NLB: "awsNetworkLoadBalancer",
    IngressType.ROUTE53: "route53",
}


class Ingress(Model):
    """One route. The block that `type` names is filled, and no other."""

    type: IngressType = Field(description="Which block below is filled.")
    aws_application_load_balancer: ApplicationLoadBalancer | None = Field(
        default=None, description="For type AWSApplicationLoadBalancer."
    )
    aws_network_load_balancer: NetworkLoadBalancer | None = Field(
        default=None, description="For type AWSNetworkLoadBalancer."
    )
    route53: Route53 | None = Field(default=None, description="For type Route53.")

    def rules(self) -> Iterator[Violation]:
        given = filled(self, "aws_application_load_balancer", "aws_network_load_balancer", "route53")
        wanted = _BLOCKS[self.type]
        if wanted not in given:
            yield Violation((wanted,), f"is required when type is {self.type}")
        for name in given:
            if name != wanted:
                yield Violation((name,), f"doesn't belong to type {self.type}: remove it, or change type")

    @property
    def load_balancer(self) -> ApplicationLoadBalancer | NetworkLoadBalancer | None:
        """The block of an ALB or NLB; None for Route 53."""
        return self.aws_application_load_balancer or self.aws_network_load_balancer

    @property
    def listener(self) -> tuple[Loc, str] | None:
        """Where the listener's ARN stands, and the ARN; None for Route 53."""
        block = self.load_balancer
        return None if block is None else ((_BLOCKS[self.type], "listenerARN"), block.listener_arn)

    @property
    def route(self) -> tuple[object, ...]:
        """What makes this the same route as another's: the listener with its rule, or the record set."""
        if self.route53 is not None:
            return (self.route53.hosted_zone_id, dns_name(self.route53.name), self.route53.type)
        rule = self.aws_application_load_balancer.rule if self.aws_application_load_balancer else None
        arn = self.load_balancer.listener_arn if self.load_balancer else ""
        return (arn, rule and (rule.rule_arn or rule.priority))
