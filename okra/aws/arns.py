"""What an ELB ARN says by itself: a wrong one is named before it costs a call, or fails others in the same call.

arn:aws:elasticloadbalancing:<region>:<account>:listener/<app|net>/<name>/<load balancer>/<listener>
arn:aws:elasticloadbalancing:<region>:<account>:listener-rule/app/<name>/<load balancer>/<listener>/<rule>
"""

from __future__ import annotations

import re

from okra.errors import Invalid
from okra.ports import RouteRef

_LISTENER = re.compile(r"arn:[\w-]+:elasticloadbalancing:(?P<region>[\w-]+):\d+:listener/\w+/[^/]+/[^/]+/[^/]+")
_RULE = re.compile(r"arn:[\w-]+:elasticloadbalancing:[\w-]+:\d+:listener-rule/\w+/[^/]+/[^/]+/[^/]+/[^/]+")


def check(ref: RouteRef, region: str) -> None:
    """Invalid, saying what to change, when `ref` can't name a route in `region`."""
    listener = _LISTENER.fullmatch(ref.listener_arn)
    if listener is None:
        raise Invalid(
            f"{ref.listener_arn!r} is not the ARN of a listener"
            " (arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/app/NAME/ID/ID)"
        )
    if listener["region"] != region:
        raise Invalid(
            f"The listener {ref.listener_arn} is in {listener['region']}, and Okra looks for it in {region}:"
            f" set aws.region to {listener['region']}"
        )
    if ref.rule_arn and (_RULE.fullmatch(ref.rule_arn) is None or listener_of(ref.rule_arn) != ref.listener_arn):
        raise Invalid(f"{ref.rule_arn!r} is not the ARN of a rule of the listener {ref.listener_arn}")


def is_rule(arn: str) -> bool:
    return ":listener-rule/" in arn


def listener_of(rule_arn: str) -> str:
    """The listener that a rule belongs to."""
    return rule_arn.replace(":listener-rule/", ":listener/", 1).rpartition("/")[0]
